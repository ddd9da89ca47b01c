# SPDX-License-Identifier: Apache-2.0
"""A Debian disk on IDE: GRUB, systemd, login, power button; nothing flushed is lost by kill -9."""
import os
import re
import signal
import subprocess

import pytest

from stock import BIOS, script
from vm import VM

pytestmark = pytest.mark.slow
BLOCK = 4096


@pytest.fixture(scope="module")
def debian(tmp_path_factory):
    """The image that tests take copies of. logind needs dbus for its power button."""
    if os.geteuid() != 0:
        pytest.skip("making a Debian disk needs root")
    image = tmp_path_factory.mktemp("debian") / "debian.raw"
    script("make-debian-disk", "--include", "dbus", image, timeout=1800)
    return image


@pytest.fixture
def disk(debian, tmp_path):
    path = tmp_path / "disk.raw"
    subprocess.run(["cp", "--sparse=always", debian, path], timeout=300, check=True)
    yield path
    path.unlink()


def machine(disk, *args, **options):
    options.setdefault("accel", "tcg")
    options.setdefault("m", "1G")
    return VM("-drive", f"file={disk},format=raw,if=ide,index=0", *args, bios=BIOS, **options)


def log_in(vm):
    vm.expect(r"GRUB|Debian", timeout=120)
    vm.expect(r"vitro-guest login: ", timeout=900)
    vm.send("root\n")
    vm.expect(r"root@vitro-guest:[^#]*# ", timeout=240)
    vm.run("dmesg -n 1; stty columns 250; bind 'set enable-bracketed-paste off'")


def power_down(vm):
    vm.monitor("system_powerdown")
    vm.expect(r"reboot: Power down", timeout=600)
    assert vm.wait(60) == 0


@pytest.mark.parametrize("smp", [1, 2])
def test_boots_to_login_and_powers_down(disk, smp):
    with machine(disk, smp=smp) as vm:
        log_in(vm)
        assert "systemd" in vm.run("cat /proc/1/comm")
        mount = vm.run("findmnt -n -o SOURCE,FSTYPE /").split()
        assert re.match(r"/dev/sda", mount[0]) and mount[1] == "ext4"
        vm.run("dd if=/dev/urandom of=/root/data bs=1M count=8 conv=fsync 2>/dev/null")
        before = vm.run("sha256sum /root/data").split()[0]
        vm.run("echo 3 >/proc/sys/vm/drop_caches")
        assert vm.run("sha256sum /root/data").split()[0] == before
        power_down(vm)
    # A clean end: the next boot finds no journal to recover.
    with machine(disk, smp=smp) as vm:
        log_in(vm)
        assert vm.run("dmesg | grep 'recovery complete' | cat").strip() == ""
        assert vm.run("sha256sum /root/data").split()[0] == before


def test_four_cpus_and_five_gigabytes(disk):
    with machine(disk, smp=4, m="5G") as vm:
        log_in(vm)
        assert vm.run("nproc").strip() == "4"
        total = int(re.search(r"MemTotal:\s+(\d+) kB", vm.run("cat /proc/meminfo")).group(1))
        assert 4.7 * 2**20 < total < 5 * 2**20
        power_down(vm)


def block_of(number):
    return f"block {number:08d}\n".encode()


def test_kill_in_mid_write_keeps_what_was_flushed(disk, tmp_path):
    second = tmp_path / "second.raw"
    with open(second, "wb") as f:
        f.truncate(64 * 2**20)
    extra = ["-drive", f"file={second},format=raw,if=ide,index=1"]
    with machine(disk, *extra) as vm:
        log_in(vm)
        vm.send("i=0; while [ $i -lt 16000 ]; do"
                " printf 'block %08d\\n' $i |"
                f" dd of=/dev/sdb bs={BLOCK} seek=$i conv=sync,notrunc,fsync 2>/dev/null &&"
                " echo line $i >>/root/lines && sync /root/lines && echo flushed $i;"
                " i=$((i + 1)); done\n")
        vm.expect(r"flushed 60\r", timeout=600)
        vm.process.send_signal(signal.SIGKILL)
        assert vm.process.wait(30) == -signal.SIGKILL
        while vm.serial.pump(1):
            pass  # what had been sent before the end
        last = max(int(n) for n in re.findall(rb"flushed (\d+)\r", vm.serial.text))
    with open(second, "rb") as f:
        for number in range(last + 1):
            f.seek(number * BLOCK)
            assert f.read(BLOCK) == block_of(number).ljust(BLOCK, b"\0"), f"block {number}"
    with machine(disk, *extra) as vm:
        log_in(vm)
        lines = vm.run("cat /root/lines").split("\n")
        assert lines[:last + 1] == [f"line {n}" for n in range(last + 1)]
        got = vm.run(f"dd if=/dev/sdb bs={BLOCK} skip={last} count=1 2>/dev/null | head -n1")
        assert got.strip() == block_of(last).decode().strip()
