# SPDX-License-Identifier: Apache-2.0
"""Counted instructions: a stock kernel does the same in each run; what a user sees of it."""
import os
import re
import subprocess
import time

import pytest

from stock import script
from vm import VM, run_expecting_error

VITRO = os.environ["VITRO"]
SAME_TIME = ["-rtc", "base=2024-01-01,clock=vm"]


@pytest.fixture(scope="module")
def kernel():
    return script("fetch-kernel")


@pytest.fixture(scope="module")
def initrd(tmp_path_factory):
    path = tmp_path_factory.mktemp("boot") / "initrd"
    script("make-initramfs", str(path))
    return path


def boot_and_power_off(kernel, initrd, output, *args):
    """The serial port's output, with the kernel's times, of a boot and `poweroff -f`."""
    subprocess.run([VITRO, "-display", "none", "-nodefaults", "-m", "256", "-kernel", kernel,
                    "-initrd", str(initrd), "-append",
                    "console=ttyS0 panic=-1 rdinit=/bin/busybox -- poweroff -f", "-no-reboot",
                    "-serial", f"file:{output}", *SAME_TIME, *args],
                   stdin=subprocess.DEVNULL, timeout=240, check=True)
    return output.read_text(errors="replace")


@pytest.mark.parametrize("args", [
    ["-icount", "shift=1,sleep=off"],
    pytest.param(["-icount", "shift=4,sleep=off", "-smp", "3"], marks=pytest.mark.slow),
], ids=["one-cpu", "three-cpus"])
def test_kernel_boots_the_same_twice(kernel, initrd, tmp_path, args):
    first = boot_and_power_off(kernel, initrd, tmp_path / "first", *args)
    assert re.search(r"\[ +\d+\.\d+\] reboot: Power down", first), first[-1000:]
    assert boot_and_power_off(kernel, initrd, tmp_path / "second", *args) == first


def instructions(vm):
    line = re.search(r"^icount: (\d+) instructions, shift (\d+), sleep (on|off), "
                     r"virtual time (\d+) ns, of that idle (\d+) ns", vm.monitor("info jit"), re.M)
    count, shift, virtual, idle = (int(line.group(n)) for n in (1, 2, 4, 5))
    assert (count << shift) + idle == virtual
    return count


def test_count_at_power_off_is_the_same(kernel, initrd):
    def count():
        with VM("-nodefaults", "-no-shutdown", *SAME_TIME, m=256, icount="1,sleep=off",
                kernel=kernel, initrd=initrd,
                append="console=ttyS0 rdinit=/bin/busybox -- poweroff -f") as vm:
            vm.expect("reboot: Power down", timeout=120)
            while "shutdown" not in vm.monitor("info status"):
                time.sleep(0.1)
            return instructions(vm)

    assert count() == count()


def test_guest_that_waits_for_people(kernel, initrd):
    """Idle with sleep=off, it hears the serial port and the monitor; stopped, it does not count."""
    with VM("-no-reboot", m=256, icount="shift=2,sleep=off", kernel=kernel, initrd=initrd,
            append="console=ttyS0 panic=-1") as vm:
        vm.expect("# ", timeout=120)
        begin = time.monotonic()
        vm.run("sleep 1000")
        assert time.monotonic() - begin < 30
        vm.monitor("stop")
        count = instructions(vm)
        time.sleep(0.2)
        assert instructions(vm) == count
        vm.monitor("cont")
        assert float(vm.run("cat /proc/uptime").split()[0]) > 1000
        assert instructions(vm) > count
        vm.send("exit\n")
        assert vm.wait(60) == 0


@pytest.mark.parametrize("args, words", [
    (["-icount", "shift=auto"], ["auto", "shift=0"]),
    (["-icount", "11"], ["11", "10"]),
    (["-icount", "sleep=off"], ["shift=N"]),
    (["-icount", "shift=1,align=on"], ["align"]),
    (["-icount", "shift=1,rr=record,rrfile=x"], ["rr", "no record and replay"]),
    (["-icount", "shift=1,slep=off"], ["slep", "did you mean 'sleep'"]),
    (["-icount", "1", "-accel", "kvm"], ["-accel tcg", "kvm"]),
])
def test_what_icount_cannot_do(args, words):
    line = run_expecting_error("-display", "none", *args)
    for word in ["-icount", *words]:
        assert word in line
