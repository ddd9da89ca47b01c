/* SPDX-License-Identifier: Apache-2.0 */
/*
 * -drive: keys that work, keys that are refused, places and names, changing media.
 */
#include "block/block.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

struct fixture {
    GMainContext *context;
    struct blocks *set;
    char *folder, *image, *other;
};

static char *make_image(const char *folder, const char *name, off_t size)
{
    char *path = g_build_filename(folder, name, NULL);

    g_assert_true(g_file_set_contents(path, "x", 1, NULL));
    g_assert_cmpint(truncate(path, size), ==, 0);
    return path;
}

static void setup(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    f->folder = g_dir_make_tmp("vitro-drive-XXXXXX", NULL);
    f->image = make_image(f->folder, "a,b.img", 65536); /* a comma is nothing special */
    f->other = make_image(f->folder, "other.img", 131072);
    f->context = g_main_context_new();
    f->set = blocks_new(f->context);
}

static void teardown(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    blocks_free(f->set);
    g_main_context_unref(f->context);
    g_unlink(f->image);
    g_unlink(f->other);
    g_rmdir(f->folder);
    g_free(f->image);
    g_free(f->other);
    g_free(f->folder);
}

static struct drive *add(struct fixture *f, const char *options)
{
    g_autoptr(GError) err = NULL;
    struct drive *d = drive_new(f->set, options, DRIVE_IF_IDE, &err);

    g_assert_no_error(err);
    g_assert_nonnull(d);
    return d;
}

static void refuse(struct fixture *f, const char *options, const char *words)
{
    g_autoptr(GError) err = NULL;

    g_assert_null(drive_new(f->set, options, DRIVE_IF_IDE, &err));
    g_assert_nonnull(err);
    if (!strstr(err->message, words)) {
        g_error("%s: '%s' does not say '%s'", options, err->message, words);
    }
}

static void test_keys_that_work(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autofree char *options =
        g_strdup_printf("file=%s/a,,b.img,format=raw,if=none,id=d0,serial=S1,cache=writethrough,"
                        "aio=threads,discard=unmap,werror=stop,rerror=ignore",
                        f->folder);
    struct drive *d = add(f, options);

    g_assert_cmpstr(d->id, ==, "d0");
    g_assert_cmpstr(d->serial, ==, "S1");
    g_assert_cmpint(d->interface, ==, DRIVE_IF_NONE);
    g_assert_true(block_is_write_through(d->block));
    g_assert_true(block_can_discard(d->block));
    g_assert_cmpuint(block_size(d->block), ==, 65536);
    g_assert_cmpstr(block_file_name(d->block), ==, f->image);
    g_assert_cmpint(drive_error_action(d, true, -EIO), ==, DRIVE_ERROR_STOP);
    g_assert_cmpint(drive_error_action(d, false, -EIO), ==, DRIVE_ERROR_IGNORE);
    g_assert_true(drive_find(f->set, "d0") == d);
}

static void test_default_error_policy(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    struct drive *d = add(f, "media=cdrom");

    g_assert_cmpint(drive_error_action(d, true, -ENOSPC), ==, DRIVE_ERROR_STOP);
    g_assert_cmpint(drive_error_action(d, true, -EIO), ==, DRIVE_ERROR_REPORT);
    g_assert_cmpint(drive_error_action(d, false, -EIO), ==, DRIVE_ERROR_REPORT);
}

static void test_places_and_names(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    struct drive *cd = add(f, "media=cdrom,index=2"), *floppy = add(f, "if=floppy");
    struct drive *first = drive_new_file(f->set, f->image, "media=disk", DRIVE_IF_IDE, NULL);

    g_assert_nonnull(first);
    g_assert_cmpstr(first->id, ==, "ide0-hd0");
    g_assert_cmpstr(cd->id, ==, "ide1-cd0");
    g_assert_cmpstr(floppy->id, ==, "floppy0");
    g_assert_cmpstr(add(f, "if=virtio")->id, ==, "virtio0");
    g_assert_cmpstr(add(f, "if=virtio")->id, ==, "virtio1");
    g_assert_cmpint(add(f, "media=cdrom")->unit, ==, 1); /* bus 0 has that place left */
    g_assert_true(drive_at(f->set, DRIVE_IF_IDE, 1, 0) == cd);
    g_assert_null(drive_at(f->set, DRIVE_IF_IDE, 1, 1));
    refuse(f, "index=2", "already");
    refuse(f, "index=1,unit=1", "index=");
    refuse(f, "bus=0,unit=2", "units 0 to 1");
    refuse(f, "bus=0", "no free unit");
    refuse(f, "if=none,id=floppy0", "already");
}

static void test_refusals_say_what_works(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    refuse(f, "aio=native", "aio=threads");
    refuse(f, "cache=fast", "writeback");
    refuse(f, "if=xen", "virtio");
    refuse(f, "formt=raw", "did you mean 'format'");
    refuse(f, "format=qcow2", "raw");
    refuse(f, "cyls=5", "-device ide-hd");
    refuse(f, "throttling.bps-total=5", "limits");
    refuse(f, "if=none,id=5x", "letter");
    refuse(f, "readonly=perhaps", "readonly");
    refuse(f, "index=-1", "index");
    refuse(f, "if=floppy,werror=stop", "if=floppy");
    refuse(f, "file=/nowhere/x.img", "/nowhere/x.img");
    g_assert_cmpstr(add(f, "media=cdrom")->id, ==, "ide0-cd0"); /* refusals leave no traces */
}

struct device {
    unsigned out, in, asked;
};

static void medium_changed(void *device, bool loaded)
{
    struct device *d = device;

    d->in += loaded;
    d->out += !loaded;
}

static void eject_requested(void *device)
{
    ((struct device *)device)->asked++;
}

static void test_media_change_respects_the_lock(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    struct drive *d = drive_new_file(f->set, f->image, "media=cdrom", DRIVE_IF_IDE, NULL);
    g_autoptr(GError) err = NULL;
    struct device dev = {0};

    g_assert_nonnull(d);
    d->device = &dev;
    d->medium_changed = medium_changed;
    d->eject_requested = eject_requested;
    d->locked = true;
    g_assert_false(drive_eject(d, false, &err));
    g_assert_nonnull(strstr(err->message, "locked"));
    g_assert_cmpuint(dev.asked, ==, 1);
    g_assert_nonnull(d->block);

    d->locked = false;
    g_assert_true(drive_change(d, f->other, NULL, NULL));
    g_assert_cmpuint(block_size(d->block), ==, 131072);
    g_assert_true(block_is_read_only(d->block));
    g_assert_cmpuint(dev.out, ==, 1);
    g_assert_cmpuint(dev.in, ==, 1);
    g_assert_false(drive_change(d, "/nowhere/x.iso", NULL, NULL));
    g_assert_cmpuint(block_size(d->block), ==, 131072); /* the old one stays */

    d->locked = true;
    g_assert_true(drive_eject(d, true, NULL));
    g_assert_null(d->block);
    g_assert_true(d->tray_open);
    d->device = NULL;
}

static void test_disks_have_no_medium_to_change(struct fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    struct drive *d = drive_new_file(f->set, f->image, "media=disk", DRIVE_IF_IDE, NULL);
    g_autoptr(GError) err = NULL;

    g_assert_nonnull(d);
    g_assert_false(drive_eject(d, true, &err));
    g_assert_nonnull(err);
    g_assert_nonnull(d->block);
}

#define ADD(name, fn) g_test_add(name, struct fixture, NULL, setup, fn, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/keys-that-work", test_keys_that_work);
    ADD("/default-error-policy", test_default_error_policy);
    ADD("/places-and-names", test_places_and_names);
    ADD("/refusals-say-what-works", test_refusals_say_what_works);
    ADD("/media-change-respects-the-lock", test_media_change_respects_the_lock);
    ADD("/disks-have-no-medium-to-change", test_disks_have_no_medium_to_change);
    return g_test_run();
}
