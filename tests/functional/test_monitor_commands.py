# SPDX-License-Identifier: Apache-2.0
"""What monitor commands do to a machine: seen in the guest, in its memory and in its registers."""
import re
import struct

import pytest

from rom import COUNT, COUNTER, HALT, POWER_REGISTERS, SPIN, guest, out16, text
from vm import VM


@pytest.fixture(name="still", scope="module")
def machine_without_cpus():
    with VM("-accel", "qtest", "-S", "-nodefaults", "-vga", "std", "-global", "VGA.romfile=",
            "-device", "pc-testdev,id=tester", "-smp", "2", serial=False) as vm:
        yield vm


def value_at(vm, address):
    answer = vm.monitor(f"xp /1hx {address:#x}")
    return int(re.search(r": 0x([0-9a-f]+)", answer).group(1), 16)


# ---- looking ----

@pytest.mark.parametrize("command, pattern", [
    ("info irq", r"IRQ lines of the 8259 pair"),
    ("info pic", r"(?s)I/O APIC.*pic0: .*pic1: "),
    ("info lapic", r"SVR 0xff"),
    ("info registers -a", r"(?s)CPU#0.*CPU#1"),
    ("info cpus", r"(?m)^\* CPU #0: thread_id=\d+\r?\n  CPU #1: thread_id=\d+"),
    ("info mtree", r"pc-testdev-mmio"),
    ("info mtree -f", r"pc-testdev-mmio"),
    ("info pci", r"(?s)Host bridge: PCI device 8086:1237.*VGA controller: PCI device 1234:1111"),
    ("info qtree", r"(?s)bus: isa\.0.*dev: pc-testdev, id \"tester\""),
    ("info qom-tree", r"(?s)/peripheral.*/tester"),
    ("info chardev", r"(?m)^monitor0: filename=unix:"),
    ("info kvm", r"^kvm support: disabled"),
    ("qom-list /machine/peripheral", r"tester"),
    ("info status", r"^VM status: paused"),
])
def test_information_names_what_there_is(still, command, pattern):
    assert re.search(pattern, still.monitor(command))


def test_every_info_command_answers_without_an_error(still):
    names = re.findall(r"(?m)^info (\S+)", still.monitor("info"))
    assert len(names) > 20
    for name in names:
        answer = still.monitor(f"info {name}")
        assert "Error" not in answer, f"info {name}: {answer}"
        assert "unknown command" not in answer


def test_cpu_chooses_whom_other_commands_mean(still):
    still.monitor("cpu 1")
    assert re.search(r"(?m)^\* CPU #1", still.monitor("info cpus"))
    still.monitor("cpu 0")
    assert re.search(r"(?m)^\* CPU #0", still.monitor("info cpus"))


# ---- memory and ports ----

@pytest.mark.parametrize("width, value, shown", [
    ("b", 0x5a, "portb[0x00e0] = 0x5a"),
    ("h", 0x1234, "portw[0x00e0] = 0x1234"),
    ("w", 0x89abcdef, "portl[0x00e0] = 0x89abcdef"),
])
def test_ports_are_read_and_written_in_every_width(still, width, value, shown):
    still.monitor(f"o /{width} 0xe0 {value:#x}")
    assert still.monitor(f"i /{width} 0xe0").strip() == shown


def test_ports_beyond_the_last_are_refused(still):
    assert "0 to 0xffff" in still.monitor("i 0x10000")


def test_physical_memory_in_every_form(tmp_path):
    data = struct.pack("<IIQ", 0x11223344, 0xfffffffe, 0x0102030405060708)
    with guest(tmp_path, data, "-S") as vm:
        assert "0x44 0x33 0x22 0x11" in vm.monitor("xp /4xb 0xf0000")
        assert "0x3344 0x1122" in vm.monitor("xp /2xh 0xf0000")
        assert "0x11223344 0xfffffffe" in vm.monitor("xp /2xw 0xf0000")
        assert "0x0102030405060708" in vm.monitor("xp /1xg 0xf0008")
        assert re.search(r"\s-2\b", vm.monitor("xp /1dw 0xf0004"))
        assert "4294967294" in vm.monitor("xp /1uw 0xf0004")


def test_instructions_are_listed(tmp_path):
    with guest(tmp_path, HALT, "-S") as vm:
        answer = vm.monitor("xp /2i 0xf0000")
        assert "cli" in answer and "hlt" in answer


def test_expressions_know_registers(tmp_path):
    with guest(tmp_path, SPIN, "-S") as vm:
        assert vm.monitor("p $eip").strip() == str(0xfff0)
        assert vm.monitor("p /x $pc").strip() == "0xfffffff0"
        assert "0xea" in vm.monitor("x /1xb $pc")  # the jump at the reset vector


# ---- running ----

def test_stop_and_cont(tmp_path):
    with guest(tmp_path, COUNT) as vm:
        vm.monitor("stop")
        assert vm.monitor("info status").strip() == "VM status: paused"
        first = value_at(vm, COUNTER)
        assert value_at(vm, COUNTER) == first
        vm.monitor("cont")
        assert vm.monitor("info status").strip() == "VM status: running"
        for _ in range(100):
            vm.monitor("stop")
            if value_at(vm, COUNTER) != first:
                return
            vm.monitor("cont")
        raise AssertionError("the guest does not count")


def test_reset_starts_the_guest_again(tmp_path):
    with guest(tmp_path, text("boot.") + SPIN) as vm:
        for _ in range(3):
            vm.expect(r"boot\.")
            vm.monitor("system_reset")
        vm.expect(r"boot\.")


def test_reset_of_a_stopped_guest_leaves_it_stopped(tmp_path):
    with guest(tmp_path, text("boot.") + SPIN) as vm:
        vm.expect(r"boot\.")
        vm.monitor("stop")
        vm.monitor("system_reset")
        assert "paused" in vm.monitor("info status")
        assert re.search(r"E?IP=0*fff0", vm.monitor("info registers"))
        vm.monitor("cont")
        vm.expect(r"boot\.")


def test_power_button_is_pressed(tmp_path):
    wait_for_button = bytes([0xba, 0x00, 0x06, 0xed, 0xf6, 0xc4, 0x01, 0x74, 0xfa])
    code = POWER_REGISTERS + text("up") + wait_for_button + out16(0x604, 0x2000) + HALT
    with guest(tmp_path, code) as vm:
        vm.expect("up")
        vm.monitor("system_powerdown")
        assert vm.wait() == 0


def test_nmi_reaches_the_guest(tmp_path):
    handler = text("N") + b"\xcf"  # iret
    entry = 0x800
    vector = b"\xc7\x06\x08\x00" + struct.pack("<H", entry) + b"\xc7\x06\x0a\x00\x00\xf0"
    code = vector + text("up") + HALT
    with guest(tmp_path, code.ljust(entry, b"\x90") + handler) as vm:
        vm.expect("up")
        for _ in range(3):
            vm.monitor("nmi")
            vm.expect("N")


def test_keys_are_sent(tmp_path):
    show_codes = bytes([0xe4, 0x64, 0xa8, 0x01, 0x74, 0xfa,  # until a byte is there
                        0xe4, 0x60, 0xba, 0xf8, 0x03, 0xee, 0xeb, 0xf2])
    with guest(tmp_path, text("up") + show_codes) as vm:
        vm.expect("up")
        vm.monitor("sendkey a 20")
        vm.expect(r"\x1e\x9e")
        vm.monitor("sendkey ctrl-alt-delete 20")
        vm.expect(r"\x1d\x38\xe0\x53")


def test_boot_order_is_for_the_next_boot(tmp_path):
    with guest(tmp_path, SPIN, "-S", serial=False) as vm:
        assert "boot device list now set to dc" in vm.monitor("boot_set dc")
        vm.monitor("system_reset")
        assert "= 0x23" in vm.monitor("i /b 0x70 0x3d")


def test_log_topics_are_switched(tmp_path):
    log = tmp_path / "log"
    with guest(tmp_path, SPIN, "-S", "-D", log, "-device", "pvpanic",
               serial=False) as vm:
        vm.monitor("log guest_errors")
        vm.monitor("o /b 0x505 0x80")
        vm.monitor("log none")
        vm.monitor("o /b 0x505 0x40")
        vm.monitor_stream.sock.sendall(b"quit\n")
        assert vm.wait() == 0
    written = log.read_text()
    assert "unknown event 0x80" in written
    assert "unknown event 0x40" not in written


# ---- devices ----

def test_isa_devices_come_and_go(still):
    for _ in range(3):
        assert "Error" not in still.monitor("device_add isa-debug-exit,id=late,iobase=0x777,iosize=1")
        assert "late" in still.monitor("info qtree")
        assert "0000000000000777" in still.monitor("info mtree -f")
        assert "Error" not in still.monitor("device_del late")
        assert "late" not in still.monitor("info qtree")
        assert "0000000000000777" not in still.monitor("info mtree -f")


def test_device_that_firmware_knows_comes_only_at_start(still):
    answer = still.monitor("device_add pvpanic,id=late")
    assert "Error" in answer and "while the machine runs" in answer


def test_device_that_cannot_go_stays(still):
    path = "/machine/unattached/device[0]"
    assert "cannot be removed" in still.monitor(f"device_del {path}")
    assert "fw_cfg" in still.monitor("info qtree")


@pytest.mark.parametrize("text_, words", [
    ("device_add nonsense", "nonsense"),
    ("device_add isa-serial,nonsense=1", "nonsense"),
    ("device_add isa-i8259", "part of the board"),
    ("device_add VGA,id=9", "letter"),
])
def test_mistakes_with_devices_are_named(still, text_, words):
    answer = still.monitor(text_)
    assert "Error" in answer and words in answer


# ---- the line ----

@pytest.fixture(name="line")
def machine_for_typing():
    with VM("-accel", "qtest", "-S", "-nodefaults", "-device", "pc-testdev,id=tester",
            serial=False) as vm:
        yield vm


def type_line(vm, keys, pattern):
    vm.monitor_stream.sock.sendall(keys)
    return vm.monitor_stream.expect(pattern + r".*?\(vitro\) ", 20)


def test_tab_completes_commands_and_arguments(line):
    type_line(line, b"info stat\t\n", r"VM status: paused")
    type_line(line, b"inf\tstat\t\n", r"VM status: paused")
    type_line(line, b"device_del tes\t\n", r"device_del tester")


def test_two_tabs_list_what_is_possible(line):
    line.monitor_stream.sock.sendall(b"system_\t\t")
    line.monitor_stream.expect(r"system_powerdown\s+system_reset\s+system_wakeup", 20)
    type_line(line, b"\x15info status\n", r"VM status")  # Ctrl-U: never mind


def test_arrows_bring_earlier_lines_back(line):
    type_line(line, b"info kvm\n", r"kvm support")
    type_line(line, b"info status\n", r"VM status")
    type_line(line, b"\x1b[A\x1b[A\n", r"kvm support")
    type_line(line, b"\x1b[A\x1b[A\x1b[B\n", r"kvm support")
    type_line(line, b"info history\n", r"\d: 'info status'")


def test_line_is_edited_in_the_middle(line):
    left = b"\x1b[D"
    type_line(line, b"infX status" + 7 * left + b"\x7fo\n", r"VM status")
    type_line(line, b"nonsense\x15info status\n", r"VM status")
    type_line(line, b"status\x01info \n", r"VM status")
