# SPDX-License-Identifier: Apache-2.0
"""Suspend to RAM: a stock kernel sleeps in S3 and comes back by the firmware's resume vector."""
import re
import time

import pytest

from stock import BIOS, script
from vm import VM


def stock_kernel():
    return script("fetch-kernel").strip()


def sleeping(vm, timeout):
    end = time.monotonic() + timeout
    while "suspended" not in vm.monitor("info status"):
        assert vm.alive() and time.monotonic() < end, "the guest does not go to sleep"
        time.sleep(0.2)


@pytest.mark.parametrize("smp", [1, 2])
def test_suspend_to_ram_and_wake_up(smp, tmp_path):
    initrd = tmp_path / "initrd"
    script("make-initramfs", initrd)
    with VM("-accel", "tcg", kernel=stock_kernel(), initrd=initrd, m="256M", smp=smp, bios=BIOS,
            append="console=ttyS0 no_console_suspend") as vm:
        vm.expect(r"# ", timeout=180)
        if "mem" not in vm.run("cat /sys/power/state").split():
            pytest.skip("this kernel cannot suspend")
        assert "[deep]" in vm.run("cat /sys/power/mem_sleep")
        vm.send("echo mem >/sys/power/state; echo a''wake\n")
        sleeping(vm, timeout=60)
        vm.monitor("system_wakeup")
        vm.expect(r"awake", timeout=60)
        vm.expect(r"# ", timeout=20)
        assert "running" in vm.monitor("info status")
        online = vm.run("cat /sys/devices/system/cpu/online").strip()
        assert re.fullmatch("0" if smp == 1 else "0-1", online)
