/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Screenshots as PNG, by libpng.
 */
#include "ui/console_priv.h"

#include <png.h>
#include <setjmp.h>

bool console_write_png(pixman_image_t *image, FILE *file, const char *path, GError **error)
{
    unsigned width = (unsigned)pixman_image_get_width(image);
    unsigned height = (unsigned)pixman_image_get_height(image);
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    uint8_t *volatile rgb = g_malloc((size_t)width * 3);
    bool ok;

    if (!info) {
        png_destroy_write_struct(&png, NULL);
        g_free(rgb);
        return fail(error, "cannot write '%s': libpng is out of memory", path);
    }
    ok = setjmp(png_jmpbuf(png)) == 0; /* libpng comes back here when it fails */
    if (ok) {
        png_init_io(png, file);
        png_set_IHDR(png, info, width, height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                     PNG_COMPRESSION_TYPE_BASE, PNG_FILTER_TYPE_BASE);
        png_write_info(png, info);
        for (unsigned y = 0; y < height; y++) {
            console_row_rgb(image, y, rgb);
            png_write_row(png, rgb);
        }
        png_write_end(png, NULL);
    }
    png_destroy_write_struct(&png, &info);
    g_free(rgb);
    return ok || fail(error, "cannot write '%s'", path);
}
