# SPDX-License-Identifier: Apache-2.0
"""Which guest benchmarks there are, what holds them, and how an engine runs them."""
import fnmatch
import gzip
import os
import stat
import subprocess
import tempfile
import time

from guest_run import Guest, Host, Lines, Result, Test, archive, stop
from measure import fetch

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = os.path.join(os.environ["BUILD"], "tests", "bench")
APPS = os.path.join(HERE, "apps")
BOTH = (("vbench64", ""), ("vbench32", "-32"))


def own_tests():
    """Every benchmark of both programs; those of the 32-bit one end in -32."""
    tests = []
    for program, ending in BOTH:
        listed = subprocess.run([os.path.join(PROGRAMS, program), "list"], text=True, check=True,
                                stdout=subprocess.PIPE).stdout.split()
        tests += [Test(program, label, label + ending) for label in sorted(listed)]
    return tests


def base_initrd(init):
    """An initramfs of busybox around the script INIT"""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "initrd")
        fetch("make-initramfs", path, init)
        with open(path, "rb") as f:
            return f.read()


def own_initrd(base):
    """An initramfs: BASE, of busybox and guest-init, and the programs"""
    files = {}
    for program, _ in BOTH:
        with open(os.path.join(PROGRAMS, program), "rb") as f:
            files[f"bench/{program}"] = (0o755, f.read())
    return base + b"\0" * (-len(base) % 512) + archive(files)  # Linux wants archives aligned


class Own:
    """Our own programs, on so many CPUs"""

    def __init__(self, tests, cpus):
        self.tests = tests
        self.title = f"{len(tests)} tests on {cpus} CPU{'s' * (cpus > 1)}"
        self.cpus = cpus
        self.kernel = fetch("fetch-kernel")
        self.initrd = own_initrd(base_initrd(os.path.join(HERE, "guest-init")))

    def runner(self, command):
        """What runs the tests: the host itself, or an emulator started by COMMAND"""
        if not command:
            return Host(PROGRAMS)
        return Guest([*command, "-m", "512", "-smp", str(self.cpus)], self.kernel, self.initrd)


# ---- programs from packages ----

APP_PACKAGES = ("libc6 libc-bin dash coreutils mawk sed grep gzip openssl xz-utils zstd 7zip python3 "
                "perl lua5.4 sqlite3 tcc gcc libc6-dev nodejs duktape").split()
# What no test here reads: a third of all
NOT_NEEDED = ["usr/lib/gcc/*/lto1", "usr/bin/*lto-dump*", "usr/lib/*/libtsan.*", "usr/lib/*/gconv/*",
              "usr/lib/*/libasan.*", "usr/lib/gcc/*san*", "usr/lib/*/perl/*/CORE/*",
              "usr/share/nodejs/@types/*", "usr/share/perl/*/unicore/*", "var/*", "usr/share/zoneinfo/*"]


def app_tests():
    listed = subprocess.run([os.path.join(APPS, "apps"), "list"], text=True, check=True,
                            stdout=subprocess.PIPE).stdout.split()
    return [Test("apps", label, label) for label in listed]


def tree_prefix(tree, programs):
    """What runs a command in TREE, with PROGRAMS as /bench: arguments to put before it."""
    enter = ('mount --rbind /dev "$0/dev" && mount --rbind /proc "$0/proc" && '
             'mount -t tmpfs tmpfs "$0/tmp" && mount --bind "$1" "$0/bench" && shift && '
             'exec chroot "$0" env -i "$@"')
    os.makedirs(os.path.join(tree, "bench"), exist_ok=True)
    return ["unshare", "-m" if os.getuid() == 0 else "-rm", "sh", "-c", enter, tree, programs]


def busybox():
    """The program itself, out of the initramfs that holds it"""
    data = gzip.decompress(base_initrd(os.path.join(HERE, "guest-init")))
    at = data.index(b"bin/busybox\0") - 110  # newc: head, name and data, each of them to 4 bytes
    size, name_size = int(data[at + 54:at + 62], 16), int(data[at + 94:at + 102], 16)
    start = at + (110 + name_size + 3) // 4 * 4
    return data[start:start + size]


def tree_initrd(tree, programs, not_needed=()):
    """An initramfs: all of TREE but NOT_NEEDED, PROGRAMS (a folder), guest-init, tools it calls."""
    files = {}

    def take(name, path):
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            files[name] = (mode, os.readlink(path).encode())
        elif stat.S_ISDIR(mode):
            files[name] = (mode, b"")
        elif stat.S_ISREG(mode):
            with open(path, "rb") as f:
                files[name] = (mode, f.read())

    for top, prefix in ((tree, ""), (programs, "bench/")):
        for folder, folders, names in os.walk(top):
            for name in sorted(folders + names):
                path = os.path.join(folder, name)
                inside = prefix + os.path.relpath(path, top)
                if not any(fnmatch.fnmatch(inside, pattern) for pattern in not_needed):
                    take(inside, path)
    take("init", os.path.join(HERE, "guest-init"))
    files["bench/busybox"] = (0o755, busybox())
    for tool in ("mount", "poweroff", "ip"):
        files[f"usr/bin/{tool}"] = (stat.S_IFLNK | 0o777, b"/bench/busybox")
    return archive(files)


class Apps:
    """Programs from packages: in a guest whose file system they are, and in a chroot"""

    def __init__(self, tests):
        self.tests = tests
        self.title = f"{len(tests)} applications"
        self.tree = fetch("fetch-tree", "apps", *APP_PACKAGES)
        self.kernel = fetch("fetch-kernel")
        self.initrd = tree_initrd(self.tree, APPS, NOT_NEEDED)

    def runner(self, command):
        if not command:
            return Host("/bench", tree_prefix(self.tree, APPS))
        return Guest([*command, "-m", "2048"], self.kernel, self.initrd)


# ---- boots ----

BOOT_INIT = """#!/bin/sh
export PATH=/bin
mount -t devtmpfs dev /dev
echo user-space-is-up >/dev/ttyS0
poweroff -f
"""
KERNEL_BOOTS = {"boot/kernel-1": 1, "boot/kernel-2": 2}
SYSTEMD_BOOTS = {"boot/systemd-1": 1, "boot/systemd-2": 2}


def boot_tests():
    return [Test("boot", label, label) for label in (*KERNEL_BOOTS, *SYSTEMD_BOOTS)]


class Boots:
    """From the start of the emulator to a line on the serial port; none on the host"""

    def __init__(self, tests):
        self.tests = tests
        self.title = f"{len(tests)} boots"
        self.folder = tempfile.TemporaryDirectory(prefix="boots.")
        self.kernel = fetch("fetch-kernel")
        self.disk = None
        init, self.initrd = (os.path.join(self.folder.name, name) for name in ("init", "initrd"))
        with open(init, "w", encoding="ascii") as f:
            f.write(BOOT_INIT)
        fetch("make-initramfs", self.initrd, init)
        if any(test.label in SYSTEMD_BOOTS for test in tests) and os.getuid() == 0:
            self.disk = os.path.join(self.folder.name, "disk")
            fetch("make-debian-disk", self.disk)

    def runner(self, command):
        return BootRunner(self, command) if command else None


class BootRunner:
    """Boots on one emulator, each in a process of its own"""

    def __init__(self, boots, command):
        self.boots = boots
        self.command = [*command, "-nodefaults", "-display", "none", "-serial", "stdio",
                        "-no-reboot", "-m", "1024"]

    def run(self, tests, settings):
        results = {}
        for test in tests:
            results[test.label] = self.run_one(test, settings)
            settings.progress(test.label, results[test.label])
        return results

    def run_one(self, test, settings):
        if test.label in KERNEL_BOOTS:
            return self.boot(["-smp", str(KERNEL_BOOTS[test.label]), "-kernel", self.boots.kernel,
                              "-initrd", self.boots.initrd, "-append",
                              "console=ttyS0,115200 panic=-1 quiet"], "user-space-is-up", settings)
        if not self.boots.disk:
            return Result(why="making a Debian disk needs root: it lacks what it needs")
        copy = os.path.join(self.boots.folder.name, "copy")
        subprocess.run(["cp", "--sparse=always", self.boots.disk, copy], check=True)
        try:
            return self.boot(["-smp", str(SYSTEMD_BOOTS[test.label]), "-drive",
                              f"file={copy},format=raw,if=ide"], "vitro-guest login:", settings)
        finally:
            os.unlink(copy)

    def boot(self, more, wanted, settings):
        start = time.monotonic()
        process = subprocess.Popen([*self.command, *more], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        lines = Lines(process)
        try:
            while True:
                when, line = lines.next(start + settings.boot_timeout - time.monotonic(), wanted)
                if when in ("timeout", "end"):
                    return Result(why=f"{when} while booting: " + " | ".join(lines.tail[-3:]))
                if wanted in line:
                    return Result(when - start, elapsed=when - start)
        finally:
            stop(process)
