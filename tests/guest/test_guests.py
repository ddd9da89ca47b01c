# SPDX-License-Identifier: Apache-2.0
"""Tiny guests: each checks itself, on the software CPU and on KVM where this host has it.

A guest prints "ok NAME", "FAIL NAME: ..." or "skip NAME: why" for each check on port 0xe9, then
"done N", and leaves by the debug exit. One that fails names its checks here.
"""
import os
import re
import shutil
import subprocess
import sys
import time

import pytest

from stock import screen_text
from vm import VM

GUESTS = os.path.join(os.environ["BUILD"], "tests", "guest")
PASSED = 0x10 << 1 | 1
ACCELERATORS = ["tcg", "kvm"]


def accelerator(name):
    """NAME, unless this host has no such thing."""
    if name == "kvm":
        try:
            os.close(os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC))
        except OSError as e:
            pytest.skip(f"/dev/kvm: {e.strerror}")
        engines = subprocess.run([os.environ["VITRO"], "-accel", "help"],
                                 stdout=subprocess.PIPE, timeout=20, check=True)
        if b"kvm" not in engines.stdout.split():
            pytest.skip("built without KVM")
    return name


def start(accel, *args, timeout=120):
    """Runs the emulator to its end; returns its exit status and what the guest printed."""
    done = subprocess.run(
        [os.environ["VITRO"], "-accel", accelerator(accel), "-nodefaults", "-display", "none",
         "-m", "64", "-debugcon", "stdio", "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
         *map(str, args)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, timeout=timeout, check=False)
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode()


def run(accel, guest, *args, timeout=120):
    """Runs a guest that must pass all of its checks; returns what it printed."""
    status, out, err = start(accel, "-kernel", os.path.join(GUESTS, guest), *args,
                             timeout=timeout)
    failed = re.findall(r"^FAIL .*", out, re.MULTILINE)
    assert not failed, "\n".join(failed)
    assert status == PASSED, f"status {status}: {err}\n{out[-2000:]}"
    done = re.search(r"^done (\d+)$", out, re.MULTILINE)
    lines = re.findall(r"^(?:ok|skip) ", out, re.MULTILINE)
    assert done and int(done.group(1)) == len(lines) > 0, out[-2000:]
    return out


# On KVM these would test the host's CPU and kernel: a failure would say nothing about us.
@pytest.mark.parametrize("guest", ["debug64", "exceptions64", "fivelevel64", "paging", "paging64",
                                   "segments", "tasks", "vm86"])
def test_architecture(guest):
    run("tcg", guest)


@pytest.mark.parametrize("guest", ["debug64", "exceptions64", "fivelevel64", "fpu64", "interrupts64",
                                   "kernel_insns64", "paging", "paging64", "reset", "segments",
                                   "smc64", "tasks", "userloop64", "vm86"])
def test_each_block_is_as_interpreted(guest):
    """Translated code against the interpreter: a difference ends the process with status 1."""
    two = ["-smp", "2"] if guest in ("interrupts64", "smc64") else []
    run("tcg,check=on", guest, "-append", "turns=1", *two)


@pytest.mark.parametrize("cpu", ["qemu64", "Nehalem"])  # AMD's and Intel's
def test_x87_and_mmx(cpu):
    run("tcg", "fpu64", "-cpu", cpu)


@pytest.mark.parametrize("accel", ACCELERATORS)
def test_kernel_mode_instructions(accel):
    """Some of them KVM may hand back as ones that it cannot emulate."""
    run(accel, "kernel_insns64")


@pytest.mark.parametrize("accel", ACCELERATORS)
@pytest.mark.parametrize("guest", ["interrupts64", "smc64", "whole64"])
def test_two_cpus(guest, accel):
    run(accel, guest, "-smp", "2")


@pytest.mark.parametrize("accel", ACCELERATORS)
@pytest.mark.parametrize("cpus", [1, 4])
def test_all_cpus_start(cpus, accel):
    assert f"ok smp-count {cpus}\n" in run(accel, "smp", "-smp", cpus, "-append", f"cpus={cpus}")


@pytest.mark.parametrize("accel", ACCELERATORS)
def test_user_mode_loop_computes_what_the_host_computes(accel):
    def host(turns):
        mask = 2**64 - 1
        value, memory = 1, 0
        for _ in range(turns):
            value = (value + 0x9e3779b97f4a7c15 & mask) ^ memory
            memory = value = value + (value >> 7) & mask
        return value

    out = run(accel, "userloop64", "-append", "turns=1")
    assert f"result {host(1000000):#x}\n" in out


@pytest.mark.parametrize("accel", ["tcg", "tcg,check=on", "tcg,jit=off"])
def test_real_mode_segments(accel, tmp_path):
    image = tmp_path / "image"
    with open(os.path.join(GUESTS, "realmode16"), "rb") as f:
        image.write_bytes(f.read() + bytes(1474560 - 512))
    status, out, err = start(accel, "-drive", f"file={image},format=raw")
    assert (status, out) == (PASSED, "ok"), err


@pytest.mark.parametrize("accel", ACCELERATORS)
def test_resets_come_back_to_the_kernel(accel):
    out = run(accel, "reset")
    assert re.findall(r"ok reset-by-(\S+)", out) == ["triple-fault", "keyboard-controller",
                                                     "port-cf9", "port-92"]


@pytest.mark.parametrize("accel", ACCELERATORS)
def test_triple_fault_ends_the_process_without_reboot(accel):
    status, out, _ = start(accel, "-kernel", os.path.join(GUESTS, "reset"), "-no-reboot")
    assert (status, out) == (0, "")


@pytest.mark.parametrize("accel", ACCELERATORS)
def test_pvh_hands_over_what_it_should(accel, tmp_path):
    module = tmp_path / "module"
    module.write_bytes(b"module one\0")
    run(accel, "pvh", "-initrd", module, "-append", "pvh test")


@pytest.mark.parametrize("accel", ACCELERATORS)
def test_multiboot_hands_over_what_it_should(accel, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"module one\0")
    two.write_bytes(b"second module\0")
    run(accel, "multiboot", "-initrd", f"{one} with words,{two}", "-append", "multi boot=1")


@pytest.fixture
def busy_host():
    """As many processes as there are CPUs, and one more, that want the host for themselves."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"])
            for _ in range(os.cpu_count() + 1)]
    yield
    for process in busy:
        process.kill()
        process.wait()


SAME_TIME = ["-rtc", "base=2024-01-01,clock=vm"]


@pytest.mark.parametrize("shift", [0, 3, 10])
def test_counted_instructions_are_all_the_time_there_is(shift, busy_host):
    """The engine is made much slower, and idle time real: the guest cannot tell."""
    args = ["-smp", "2", "-append", "cpus=2", *SAME_TIME]
    first = run("tcg", "icount64", "-icount", f"shift={shift},sleep=off", *args)
    assert len(re.findall("^saw ", first, re.MULTILINE)) > 30
    assert run("tcg", "icount64", "-icount", f"shift={shift},sleep=off", *args) == first
    assert run("tcg", "icount64", "-icount", f"{shift},sleep=on,align=off", *args) == first
    assert run("tcg,one-insn-per-tb=on", "icount64", "-icount", f"shift={shift},sleep=off",
               *args) == first


def test_counted_cpus_take_turns(busy_host):
    outputs = {run("tcg", "interrupts64", "-smp", "2", "-icount", "shift=2,sleep=off")
               for _ in range(2)}
    assert len(outputs) == 1


def test_counted_idle_time(tmp_path):
    """An hour asleep takes no time with sleep=off; two seconds take two with sleep=on."""
    begin = time.monotonic()
    run("tcg", "icount64", "-icount", "shift=3,sleep=off", "-append", "sleep=3600")
    assert time.monotonic() - begin < 60
    begin = time.monotonic()
    run("tcg", "icount64", "-icount", "shift=3,sleep=on", "-append", "sleep=2")
    assert time.monotonic() - begin >= 2


@pytest.mark.parametrize("kind", ["hda", "fda"])
def test_counted_drives_answer_at_the_same_time(kind, busy_host, tmp_path):
    image = tmp_path / "image"
    with open(os.path.join(GUESTS, "readtime16"), "rb") as f:
        image.write_bytes(f.read() + bytes(1474560 - 512))
    args = [f"-{kind}", image, "-icount", "shift=2,sleep=off", *SAME_TIME]
    first = start("tcg", *args)
    assert first[0] == PASSED, first
    assert len(set(first[1].split())) == 20
    assert start("tcg", *args) == first


def test_one_instruction_per_block():
    run("tcg,one-insn-per-tb=on", "exceptions64")
    run("tcg,one-insn-per-tb=on", "smc64", "-smp", "2")


@pytest.fixture
def medium(request, tmp_path):
    """The boot sector on a medium; the emulator's arguments for it and the BIOS's drive."""
    with open(os.path.join(GUESTS, "bootsector16"), "rb") as f:
        sector = f.read()
    assert len(sector) == 512
    image = tmp_path / "image"
    floppy = sector + bytes(1474560 - 512)
    if request.param == "disk":
        image.write_bytes(sector + bytes(2**20 - 512))
        return ["-hda", image], "0x80"
    if request.param == "floppy":
        image.write_bytes(floppy)
        return ["-fda", image], "0x00"
    if not shutil.which("xorriso"):
        pytest.skip("no xorriso (Debian: xorriso) to make a CD")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "boot.img").write_bytes(floppy)
    subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-b", "boot.img", "-o", image, tree],
                   stderr=subprocess.DEVNULL, timeout=60, check=True)
    return ["-cdrom", image, "-boot", "d"], "0x00"


@pytest.mark.parametrize("accel", ACCELERATORS)
@pytest.mark.parametrize("medium", ["disk", "floppy", "cd"], indirect=True)
def test_boot_sector_prints_and_exits(medium, accel, tmp_path):
    args, drive = medium
    serial = tmp_path / "serial"
    status, out, err = start(accel, "-serial", f"file:{serial}", *args)
    wanted = f"boot sector from drive {drive}\r\n"
    assert status == PASSED, f"status {status}: {err}{out}"
    assert out == wanted
    assert serial.read_bytes().decode() == wanted


@pytest.mark.parametrize("medium", ["disk"], indirect=True)
def test_boot_sector_is_on_the_screen(medium):
    """Without the debug exit the guest stays, and text memory holds what INT 10h printed."""
    with VM("-accel", "tcg", *medium[0], m="64") as vm:
        vm.expect(r"boot sector from drive 0x80\r\n")
        text = "\n".join(screen_text(vm))
    assert "boot sector from drive 0x80" in text, text
