# SPDX-License-Identifier: Apache-2.0
"""The human monitor as scripts and people use it."""
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time

import pytest

from vm import need_terminals, VM, connect

VITRO = os.environ["VITRO"]


@pytest.fixture(name="vm", scope="module")
def stopped_guest():
    with VM("-S", "-name", "someone", "-uuid", "00112233-4455-6677-8899-aabbccddeeff",
            "-accel", "tcg", "-chardev", "ringbuf,id=ring,size=64", serial=False) as vm:
        yield vm


@pytest.mark.parametrize("command, pattern", [
    ("info status", r"^VM status: paused \(prelaunch\)$"),
    ("info cpus", r"^\* CPU #0: thread_id=\d+$"),
    ("info kvm", r"^kvm support: disabled$"),
    ("info name", r"^someone$"),
    ("info uuid", r"^00112233-4455-6677-8899-aabbccddeeff$"),
    ("info version", r"^\d+\.\d+"),
    ("info chardev", r"(?m)^ring: filename=ringbuf$"),
    ("info block", r"(?m)^ide1-cd0: \[not inserted\]$"),
    ("info pci", r"Host bridge: PCI device 8086:1237"),
    ("info qtree", r"dev: isa-serial, id \"\""),
    ("info qom-tree", r"/unattached"),
    ("info mtree", r"pc\.ram"),
    ("info pic", r"(?m)^pic0: irr=00"),
    ("info lapic", r"LVTT"),
    ("info tlb", r"^PG disabled$"),
    ("info mem", r"^PG disabled$"),
    ("info numa", r"^0 nodes$"),
    ("info registers", r"E?IP=0*fff0"),
    ("info mice", r"^\* Mouse #0: "),
    ("help stop", r"^stop\|s  -- "),
    ("help info status", r"^info status -- "),
    ("info", r"(?m)^info status -- "),
    ("p /x 0x10+($rip&0xf000)", r"^0xf010$"),
    ("p -3", r"^-3$"),
    ("xp /2xb 0", r"^0000000000000000: 0x00 0x00$"),
    ("cpu 7", r"^invalid CPU index"),
    ("i /b 0x92", r"^portb\[0x0092\] = 0x[0-9a-f]{2}$"),
    ("sum 0 16", r"^00000$"),
    ("boot_set z", r"invalid boot device 'z'"),
    ("device_del nobody", r"'nobody' not found"),
    ("device_add isa-serail", r"isa-serial"),
    ("eject nobody", r"'nobody' not found"),
    ("sendkey ctrl-nokey", r"invalid parameter: nokey"),
    ("log nothing", r"unknown log topic 'nothing'"),
    ("chardev-remove ring2", r"'ring2' not found"),
    ("stpo", r"unknown command: 'stpo'; did you mean 'stop'\?"),
    ("info statsu", r"did you mean 'info status'\?"),
    ("x", r"addr expected\nTry \"help x\""),
    ("x /8q 0", r"'q'"),
    ("p 1/0", r"division by zero"),
    ("stop now", r"extraneous"),
])
def test_output_has_the_form_that_scripts_know(vm, command, pattern):
    assert re.search(pattern, vm.monitor(command))


def test_every_command_has_help(vm):
    lines = vm.monitor("help").splitlines()
    assert len(lines) > 30
    assert all(" -- " in line for line in lines)


def test_ring_buffer_is_written_and_read(vm):
    vm.monitor('ringbuf_write ring "a b\\n"')
    assert vm.monitor("ringbuf_read ring 100") == "a b\n"
    assert vm.monitor("ringbuf_read ring 100") == ""


def test_character_devices_come_and_go(vm):
    assert "Error" not in vm.monitor("chardev-add null,id=extra")
    assert "extra: filename=null" in vm.monitor("info chardev")
    assert "Error" not in vm.monitor("chardev-remove extra")
    assert "extra" not in vm.monitor("info chardev")


def test_port_write_is_seen_by_read(vm):
    vm.monitor("o /b 0x70 0x0f")
    vm.monitor("o /b 0x71 0x5a")
    assert "0x5a" in vm.monitor("i /b 0x70 0x0f")


def test_memory_is_saved_to_a_file(vm, tmp_path):
    path = tmp_path / "memory"
    assert "Error" not in vm.monitor(f'pmemsave 0xffff0 16 "{path}"')
    assert path.stat().st_size == 16
    assert "cannot write" in vm.monitor("pmemsave 0 16 /does/not/exist")


def test_two_monitors_do_not_mix(tmp_path):
    path = str(tmp_path / "second")
    with VM("-S", "-monitor", f"unix:{path},server=on,wait=off", serial=False) as vm:
        second = connect(path, vm.process)
        second.expect(r"\(vitro\) ", 20)
        second.sock.sendall(b"info na")  # half a line
        assert "VM status" in vm.monitor("info status")
        second.sock.sendall(b"me\ninfo history\n")
        assert second.expect(r"0: 'info name'", 20)
        assert "info name" not in vm.monitor("info history")


def test_peer_may_leave_and_come_back(tmp_path):
    path = str(tmp_path / "m")
    with VM("-S", "-monitor", f"unix:{path},server=on,wait=off", serial=False,
            monitor=False) as vm:
        for _ in range(3):
            stream = connect(path, vm.process)
            stream.expect(r"type 'help'.*\(vitro\) ", 20)
            stream.sock.sendall(b"info qtr")
            stream.sock.close()
        assert vm.alive()


def test_quit_ends_with_status_0():
    with VM("-S", serial=False) as vm:
        vm.monitor_stream.sock.sendall(b"quit\n")
        assert vm.wait() == 0


class Terminal:
    """vitro on a terminal of its own, as its controlling process."""

    def __init__(self, *args):
        need_terminals()
        self.master, slave = pty.openpty()
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.process = subprocess.Popen([VITRO, "-display", "none", *args], stdin=slave,
                                        stdout=slave, stderr=slave, start_new_session=True,
                                        preexec_fn=lambda: _take_terminal(slave))
        self.text = ""

    def send(self, keys):
        os.write(self.master, keys)

    def expect(self, pattern, timeout=20):
        end = time.monotonic() + timeout
        while True:
            match = re.search(pattern, self.text, re.DOTALL)
            if match:
                self.text = self.text[match.end():]
                return
            left = end - time.monotonic()
            assert left > 0, f"{pattern!r} did not come: {self.text!r}"
            if select.select([self.master], [], [], left)[0]:
                self.text += os.read(self.master, 4096).decode(errors="replace")

    def modes(self):
        return termios.tcgetattr(self.slave)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


def _take_terminal(slave):
    import fcntl  # pylint: disable=import-outside-toplevel
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)


@pytest.fixture(name="terminal")
def muxed_terminal():
    terminal = Terminal("-S", "-serial", "mon:stdio")
    yield terminal
    terminal.close()


def wait_until(what, timeout=20):
    end = time.monotonic() + timeout
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_escape_key_switches_to_the_monitor_and_helps(terminal):
    terminal.send(b"\x01h")
    terminal.expect(r"Ctrl-A x")
    terminal.send(b"\x01c")
    terminal.expect(r"type 'help'.*\(vitro\) ")
    terminal.send(b"info sta\t\r")
    terminal.expect(r"VM status: paused")
    terminal.send(b"sys\t\t")
    terminal.expect(r"system_powerdown\s+system_reset")


def test_terminal_is_put_back_at_the_end_and_while_suspended(terminal):
    terminal.send(b"\x01h")
    terminal.expect(r"Ctrl-A x")
    raw = terminal.modes()
    assert raw[3] != terminal.before[3]
    os.kill(terminal.process.pid, signal.SIGTSTP)
    wait_until(lambda: terminal.modes()[3] == terminal.before[3])
    os.kill(terminal.process.pid, signal.SIGCONT)
    wait_until(lambda: terminal.modes()[3] == raw[3])
    terminal.send(b"\x01x")
    assert terminal.process.wait(20) == 0
    assert terminal.modes() == terminal.before
