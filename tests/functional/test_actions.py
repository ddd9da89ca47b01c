# SPDX-License-Identifier: Apache-2.0
"""How guests and people reset, end and crash a machine, and what the process does about it."""
import signal
import time

import pytest

from rom import HALT, POWER_OFF, RESET, SPIN, guest, out8, text

PANICKED, CRASH_LOADED = 1, 2


def panic(event):
    return out8(0x505, event)


def wait_for_status(vm, status):
    end = time.monotonic() + 20
    while status not in vm.monitor("info status"):
        assert time.monotonic() < end, f"'{status}' does not come: {vm.monitor('info status')}"
        time.sleep(0.02)


@pytest.mark.parametrize("value", [0, 1, 0x21, 0x7f])
def test_debug_exit_gives_the_status(tmp_path, value):
    code = out8(0x501, value) + text("still here") + HALT
    with guest(tmp_path, code, "-device", "isa-debug-exit", monitor=False) as vm:
        assert vm.wait() == value << 1 | 1
        assert b"still here" not in vm.serial.text


def test_debug_exit_at_another_port(tmp_path):
    code = out8(0xf4, 0x10) + HALT
    with guest(tmp_path, code, "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
               monitor=False) as vm:
        assert vm.wait() == 0x21


def test_guest_reboots_again_and_again(tmp_path):
    with guest(tmp_path, text("boot.") + RESET + SPIN) as vm:
        vm.expect(r"(boot\.){5}")
        assert "running" in vm.monitor("info status")


@pytest.mark.parametrize("options", [["-no-reboot"], ["-action", "reboot=shutdown"]])
def test_reboot_may_end_the_process(tmp_path, options):
    with guest(tmp_path, text("boot.") + RESET + SPIN, *options, monitor=False) as vm:
        assert vm.wait() == 0
        assert vm.serial.text.count(b"boot.") == 1


def test_reset_by_a_person_is_no_reboot(tmp_path):
    with guest(tmp_path, text("boot.") + SPIN, "-no-reboot") as vm:
        vm.expect(r"boot\.")
        vm.monitor("system_reset")
        vm.expect(r"boot\.")
        assert "running" in vm.monitor("info status")


def test_power_off_ends_the_process(tmp_path):
    code = text("off") + POWER_OFF + text("not really") + HALT
    with guest(tmp_path, code, monitor=False) as vm:
        assert vm.wait() == 0
        assert b"off" in vm.serial.text
        assert b"not really" not in vm.serial.text


@pytest.mark.parametrize("options", [["-no-shutdown"], ["-action", "shutdown=pause"]])
def test_power_off_may_keep_the_process(tmp_path, options):
    with guest(tmp_path, text("off.") + POWER_OFF + HALT, *options) as vm:
        vm.expect(r"off\.")
        wait_for_status(vm, "paused (shutdown)")
        assert "must be reset" in vm.monitor("cont")
        vm.monitor("system_reset")
        vm.monitor("cont")
        vm.expect(r"off\.")
        wait_for_status(vm, "paused (shutdown)")


def test_no_shutdown_does_not_keep_a_process_that_is_told_to_end(tmp_path):
    with guest(tmp_path, text("up") + SPIN, "-no-shutdown") as vm:
        vm.expect("up")
        vm.process.send_signal(signal.SIGTERM)
        assert vm.wait() == 0


@pytest.mark.parametrize("action, status", [
    ("shutdown", 0),
    ("exit-failure", 1),
])
def test_panic_may_end_the_process(tmp_path, action, status):
    code = text("help") + panic(PANICKED) + text("after") + HALT
    with guest(tmp_path, code, "-device", "pvpanic", "-action", f"panic={action}",
               monitor=False) as vm:
        assert vm.wait() == status
        assert b"after" not in vm.serial.text


@pytest.mark.parametrize("options", [["-action", "panic=pause"], ["-no-shutdown"]])
def test_panic_may_stop_the_machine(tmp_path, options):
    code = text("help") + panic(PANICKED) + text("after") + HALT
    with guest(tmp_path, code, "-device", "pvpanic", *options) as vm:
        vm.expect("help")
        wait_for_status(vm, "paused (guest-panicked)")
        assert b"after" not in vm.serial.text


def test_panic_may_be_ignored(tmp_path):
    code = text("help") + panic(PANICKED) + text("after") + SPIN
    with guest(tmp_path, code, "-device", "pvpanic", "-action", "panic=none") as vm:
        vm.expect("after")
        assert "running" in vm.monitor("info status")


def test_crash_kernel_runs_on(tmp_path):
    code = panic(CRASH_LOADED) + text("crash kernel") + SPIN
    with guest(tmp_path, code, "-device", "pvpanic", "-action", "panic=exit-failure") as vm:
        vm.expect("crash kernel")
        assert "running" in vm.monitor("info status")


def test_triple_fault_resets(tmp_path):
    # lidt with a limit of 0 from the zeroed memory at 0, then an interrupt
    code = text("boot.") + bytes([0x0f, 0x01, 0x1e, 0x00, 0x06, 0xcc]) + HALT
    with guest(tmp_path, code) as vm:
        vm.expect(r"(boot\.){3}")


def test_paused_start_runs_nothing(tmp_path):
    with guest(tmp_path, text("up") + SPIN, "-S") as vm:
        assert "paused (prelaunch)" in vm.monitor("info status")
        assert vm.serial.text == b""
        vm.monitor("cont")
        vm.expect("up")
