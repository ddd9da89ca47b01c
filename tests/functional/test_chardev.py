# SPDX-License-Identifier: Apache-2.0
"""Character devices as the guest's serial port: what goes in comes out again at the other end."""
import os
import re
import select
import socket
import time

import pytest

from rom import ECHO, SPIN, guest, text, write_rom
from test_monitor import Terminal
from vm import need_terminals

CODE = text("ready.") + ECHO
PATIENCE = 20


def wait_for(what):
    end = time.monotonic() + PATIENCE
    while True:
        result = what()
        if result:
            return result
        assert time.monotonic() < end
        time.sleep(0.02)


class Peer:
    """The other end of the serial port: a socket, or a file descriptor of a terminal."""

    def __init__(self, end):
        self.end = end
        self.number = end if isinstance(end, int) else end.fileno()
        self.seen = b""

    def expect(self, data):
        limit = time.monotonic() + PATIENCE
        while data not in self.seen:
            left = limit - time.monotonic()
            assert left > 0, f"{data!r} did not come: {self.seen!r}"
            if select.select([self.number], [], [], left)[0]:
                got = os.read(self.number, 4096)
                assert got, f"{data!r} did not come before the end: {self.seen!r}"
                self.seen += got
        self.seen = self.seen.split(data, 1)[1]

    def echo(self, data):
        os.write(self.number, data)
        self.expect(data)

    def close(self):
        if isinstance(self.end, int):
            os.close(self.end)
        else:
            self.end.close()


def connected(path):
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(path)
    return Peer(sock)


def test_unix_server_waits_for_its_client(tmp_path):
    with guest(tmp_path, CODE) as vm:  # the VM's own serial port is one
        vm.expect(r"ready\.")
        vm.send("hello")
        vm.expect("hello")


def test_unix_server_takes_one_client_after_the_other(tmp_path):
    path = str(tmp_path / "serial")
    with guest(tmp_path, CODE, "-serial", f"unix:{path},server=on,wait=off", serial=False) as vm:
        for _ in range(3):
            peer = connected(path)
            peer.echo(b"here")
            assert "unix:" in vm.monitor("info chardev")
            peer.close()
            wait_for(lambda: "serial0: filename=disconnected:unix:" in vm.monitor("info chardev"))


@pytest.mark.parametrize("short", ["server,nowait", "server=on,wait=off"])
def test_old_and_new_spelling_of_flags(tmp_path, short):
    path = str(tmp_path / "serial")
    with guest(tmp_path, CODE, "-serial", f"unix:{path},{short}", serial=False):
        peer = connected(path)
        peer.echo(b"here")
        peer.close()


def test_unix_client_comes_back(tmp_path):
    path = str(tmp_path / "listener")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        listener.settimeout(PATIENCE)
        with guest(tmp_path, CODE, "-chardev", f"socket,id=s,path={path},reconnect-ms=100",
                   "-serial", "chardev:s", serial=False):
            for _ in range(3):
                peer = Peer(listener.accept()[0])
                peer.echo(b"again")
                peer.close()


def test_tcp_server_on_a_free_port(tmp_path):
    with guest(tmp_path, CODE, "-serial", "tcp:127.0.0.1:0,server=on,wait=off",
               serial=False) as vm:
        port = re.search(r"serial0: filename=disconnected:tcp:127\.0\.0\.1:(\d+)",
                         vm.monitor("info chardev")).group(1)
        peer = Peer(socket.create_connection(("127.0.0.1", int(port)), PATIENCE))
        peer.echo(b"by tcp")
        peer.close()


def test_tcp_client(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        port = listener.getsockname()[1]
        with guest(tmp_path, CODE, "-serial", f"tcp:127.0.0.1:{port}", serial=False):
            peer = Peer(listener.accept()[0])
            peer.expect(b"ready.")
            peer.echo(b"by tcp")
            peer.close()


def test_pty_is_named_and_works(tmp_path):
    need_terminals()
    with guest(tmp_path, CODE, "-serial", "pty", serial=False) as vm:
        announced = r"char device redirected to (/dev/pts/\d+) \(label serial0\)"
        name = wait_for(lambda: re.search(announced, vm.error_text())).group(1)
        assert f"serial0: filename=pty:{name}" in vm.monitor("info chardev")
        peer = Peer(os.open(name, os.O_RDWR | os.O_NOCTTY))
        peer.echo(b"terminal")
        peer.close()


def test_file_has_the_output(tmp_path):
    path = tmp_path / "output"
    with guest(tmp_path, CODE, "-serial", f"file:{path}", serial=False):
        wait_for(lambda: path.exists() and path.read_bytes() == b"ready.")


def test_file_may_be_continued(tmp_path):
    path = tmp_path / "output"
    path.write_bytes(b"before.")
    with guest(tmp_path, CODE, "-chardev", f"file,id=f,path={path},append=on", "-serial",
               "chardev:f", serial=False):
        wait_for(lambda: path.read_bytes() == b"before.ready.")


def test_ring_buffer_keeps_the_newest(tmp_path):
    done = bytes([0xc6, 0x06, 0x00, 0x05, 0x01])  # mov byte [0x500], 1
    with guest(tmp_path, text("0123456789abcdef") + done + SPIN, "-chardev",
               "ringbuf,id=ring,size=8", "-serial", "chardev:ring", serial=False) as vm:
        wait_for(lambda: "0x01" in vm.monitor("xp /1xb 0x500").split(":")[-1])
        assert vm.monitor("ringbuf_read ring 100").strip() == "89abcdef"


def test_null_takes_everything(tmp_path):
    with guest(tmp_path, text("lost") + text("x" * 2000) + ECHO, "-serial", "null",
               serial=False) as vm:
        assert "serial0: filename=null" in vm.monitor("info chardev")
        assert "running" in vm.monitor("info status")


def test_two_front_ends_cannot_share_without_a_mux(tmp_path):
    path = write_rom(tmp_path, CODE)
    terminal = Terminal("-accel", "tcg", "-nodefaults", "-bios", str(path), "-chardev",
                        "null,id=one", "-serial", "chardev:one", "-serial", "chardev:one")
    try:
        terminal.expect("one")
        assert terminal.process.wait(PATIENCE) == 1
    finally:
        terminal.close()


@pytest.fixture(name="terminal")
def guest_on_a_terminal(tmp_path):
    path = write_rom(tmp_path, CODE)
    terminal = Terminal("-accel", "tcg", "-nodefaults", "-bios", str(path), "-serial", "mon:stdio")
    yield terminal
    terminal.close()


def test_mux_gives_the_terminal_to_guest_and_monitor_in_turn(terminal):
    terminal.expect(r"ready\.")
    terminal.send(b"to the guest")
    terminal.expect("to the guest")
    terminal.send(b"\x01c")
    terminal.expect(r"\(vitro\) ")
    terminal.send(b"info status\r")
    terminal.expect(r"VM status: running.*\(vitro\) ")
    terminal.send(b"\x01c")
    terminal.send(b"back again")
    terminal.expect("back again")


def test_mux_passes_its_own_key_when_it_is_doubled(terminal):
    terminal.expect(r"ready\.")
    terminal.send(b"<\x01\x01>")
    terminal.expect("<\x01>")


def test_mux_key_ends_the_process(terminal):
    terminal.expect(r"ready\.")
    terminal.send(b"\x01x")
    assert terminal.process.wait(PATIENCE) == 0


def test_mux_key_can_be_another(tmp_path):
    path = write_rom(tmp_path, CODE)
    terminal = Terminal("-accel", "tcg", "-nodefaults", "-bios", str(path), "-echr", "20",
                        "-serial", "mon:stdio")
    try:
        terminal.expect(r"ready\.")
        terminal.send(b"<\x01>")
        terminal.expect("<\x01>")
        terminal.send(b"\x14x")
        assert terminal.process.wait(PATIENCE) == 0
    finally:
        terminal.close()
