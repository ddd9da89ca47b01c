# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: running guests and the host's loop, tables, other emulators."""
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

VITRO = os.environ["VITRO"]
BUILD = os.environ["BUILD"]
SOURCE = os.environ["SOURCE"]
OTHER = shutil.which(os.environ.get("OTHER_EMULATOR", "qemu-system-x86_64"))
EXIT = ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
PASSED = 0x10 << 1 | 1

sys.path.insert(0, os.path.join(SOURCE, "tests", "functional"))


def guest(name):
    return os.path.join(BUILD, "tests", "guest", name)


def child_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def timed(command, timeout=600, status=0):
    """Runs COMMAND; returns its output, wall seconds and CPU seconds."""
    cpu, start = child_seconds(), time.monotonic()
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, timeout=timeout,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    wall = time.monotonic() - start
    if done.returncode != status:
        sys.exit(f"{' '.join(map(str, command))}: status {done.returncode}: "
                 f"{done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode(errors="replace"), wall, child_seconds() - cpu


def user_loop(emulator, turns, *args):
    """The loop in ring 3 of a guest: instructions, result, CPU seconds of the whole process."""
    out, _, cpu = timed([emulator, "-nodefaults", "-display", "none", "-m", "64", "-debugcon",
                         "stdio", *EXIT, *args, "-kernel", guest("userloop64"), "-append",
                         f"turns={turns}"], status=PASSED)
    match = re.search(r"instructions (0x\w+) cycles 0x\w+ result (0x\w+)", out)
    return int(match.group(1), 16), match.group(2), cpu


def host_loop(turns):
    """The same loop on the host: result and seconds."""
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "loop")
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-o", program,
                        os.path.join(SOURCE, "tests", "bench", "loop.c")], check=True)
        out, _, _ = timed([program, turns])
    ns, result = out.split()
    return result, int(ns) / 1e9


def slope(measure, small, large):
    """Seconds per unit, start-up taken out: MEASURE(n) returns seconds."""
    return (measure(large) - measure(small)) / (large - small)


def why_no_kvm():
    """None, or why KVM cannot be used here."""
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC))
    except OSError as e:
        return f"/dev/kvm: {e.strerror}"
    engines = subprocess.run([VITRO, "-accel", "help"], stdout=subprocess.PIPE, check=True)
    return None if b"kvm" in engines.stdout.split() else "vitro was built without KVM"


def why_no_kvm_kernels():
    """None, or why kernels are not to be booted on KVM here."""
    why = why_no_kvm()
    if not why and not any(os.path.isdir(f"/sys/module/kvm_{kind}") for kind in ("intel", "amd")):
        why = "this host's KVM is not the hardware's: kernels would take many minutes"
    return why


def fetch(script, *args):
    """The output of a script that fetches or makes something."""
    done = subprocess.run([os.path.join(SOURCE, "scripts", script), *args], text=True,
                          stdout=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(f"scripts/{script} failed")
    return done.stdout.strip()


def table(title, head, rows):
    """Prints rows of text side by side; the first column is left-aligned."""
    widths = [max(len(str(row[i])) for row in [head, *rows]) for i in range(len(head))]
    print(title)
    for row in [head, *rows]:
        cells = [str(c).ljust(w) if i == 0 else str(c).rjust(w)
                 for i, (c, w) in enumerate(zip(row, widths))]
        print("  " + "  ".join(cells).rstrip())
    print(flush=True)
