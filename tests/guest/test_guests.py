# SPDX-License-Identifier: Apache-2.0
"""Tiny guests: each checks itself, on the software CPU and on KVM where this host has it.

A guest prints "ok NAME", "FAIL NAME: ..." or "skip NAME: why" for each check on port 0xe9, then
"done N", and leaves by the debug exit. One that fails names its checks here.
"""
import os
import re
import shutil
import subprocess

import pytest

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


@pytest.mark.parametrize("accel", ACCELERATORS)
@pytest.mark.parametrize("guest", ["debug64", "exceptions64", "kernel_insns64", "paging64"])
def test_one_cpu(guest, accel):
    run(accel, guest)


@pytest.mark.parametrize("accel", ACCELERATORS)
@pytest.mark.parametrize("guest", ["interrupts64"])
def test_two_cpus(guest, accel):
    run(accel, guest, "-smp", "2")
