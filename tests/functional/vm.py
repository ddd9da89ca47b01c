# SPDX-License-Identifier: Apache-2.0
"""A guest under test: starts the emulator, talks to its serial port and its monitor.

    with VM("-m", "256", kernel=kernel, append="console=ttyS0") as vm:
        vm.expect("login:")
        vm.send("root\\n")
        assert "running" in vm.monitor("info status")
"""
import os
import re
import select
import shutil
import socket
import subprocess
import tempfile
import time

PROMPT = b"(vitro) "


def need_terminals():
    """Skips the test where the system gives out no pseudo-terminals."""
    import pytest  # pylint: disable=import-outside-toplevel  # benchmarks do without it
    try:
        for fd in os.openpty():
            os.close(fd)
    except OSError as e:
        pytest.skip(f"this system gives out no pseudo-terminals (is /dev/pts mounted?): {e}")


class Expired(AssertionError):
    """What was waited for did not come."""


class Stream:
    """A byte stream whose text is kept and searched."""

    def __init__(self, sock):
        self.sock = sock
        self.text = b""
        self.seen = 0  # up to here expect() has used the text

    def pump(self, seconds):
        """Takes in what comes within SECONDS; False at the end of the stream."""
        ready, _, _ = select.select([self.sock], [], [], max(seconds, 0))
        if not ready:
            return True
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            data = b""
        self.text += data
        return bool(data)

    def expect(self, pattern, timeout, alive=lambda: True):
        """Waits until PATTERN (a regular expression) is in the text not yet used."""
        wanted = re.compile(pattern.encode(), re.DOTALL)
        end = time.monotonic() + timeout
        open_ = True
        while True:
            match = wanted.search(self.text, self.seen)
            if match:
                self.seen = match.end()
                return match
            left = end - time.monotonic()
            if left <= 0 or not open_:
                tail = self.text[-3000:].decode(errors="replace")
                why = f"not within {timeout} s" if open_ else "before the end"
                raise Expired(f"{pattern!r} did not come, {why}; last output:\n{tail}")
            open_ = self.pump(min(left, 0.5)) and (alive() or self.pump(0.1))


def connect(path, process, timeout=20):
    """A stream to the unix socket that PROCESS listens on."""
    end = time.monotonic() + timeout
    while True:
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(path)
            return Stream(sock)
        except (FileNotFoundError, ConnectionRefusedError):
            sock.close()
            if process.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.01)


class VM:
    """One emulator process. The keyword arguments are options: kernel=K is -kernel K."""

    def __init__(self, *args, binary=None, serial=True, monitor=True, scale=1, **options):
        self.folder = tempfile.mkdtemp(prefix="vm.")
        self.command = [binary or os.environ["VITRO"], "-display", "none"]
        self.scale = scale  # of all time-outs: sanitizer builds are slow
        self.serial_path = os.path.join(self.folder, "serial")
        self.monitor_path = os.path.join(self.folder, "monitor")
        if serial:
            self.command += ["-serial", f"unix:{self.serial_path},server=on,wait=on"]
        if monitor:
            self.command += ["-monitor", f"unix:{self.monitor_path},server=on,wait=off"]
        for name, value in options.items():
            self.command += [f"-{name.replace('_', '-')}", str(value)]
        self.command += [str(a) for a in args]
        self.has_serial, self.has_monitor = serial, monitor
        self.process = self.serial = self.monitor_stream = None
        self.errors = ""

    def __enter__(self):
        return self.start()

    def __exit__(self, *_exc):
        self.close()

    def start(self):
        self.stderr = open(os.path.join(self.folder, "stderr"), "w+b")
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL,
                                        stdout=self.stderr, stderr=self.stderr)
        try:
            if self.has_serial:
                self.serial = connect(self.serial_path, self.process)
            if self.has_monitor:
                self.monitor_stream = connect(self.monitor_path, self.process)
                self.monitor_stream.expect(re.escape(PROMPT.decode()), 20)
        except (OSError, AssertionError) as e:
            message = self.error_text()
            self.close()
            raise AssertionError(f"{' '.join(self.command)}: {e}\n{message}") from e
        return self

    def error_text(self):
        self.stderr.flush()
        self.stderr.seek(0)
        return self.stderr.read().decode(errors="replace")

    def alive(self):
        return self.process.poll() is None

    def expect(self, pattern, timeout=60):
        """Waits for PATTERN on the serial port and returns the match."""
        try:
            return self.serial.expect(pattern, timeout * self.scale, self.alive)
        except Expired as e:
            raise Expired(f"{e}\nstderr: {self.error_text()}") from None

    def send(self, text):
        self.serial.sock.sendall(text.encode())

    def run(self, command, timeout=60, prompt=r"[#$] "):
        """Runs COMMAND in the guest's shell; returns what it printed."""
        self.send(command + "; echo st''atus=$?\n")
        match = self.expect(r"(?P<out>.*?)status=(?P<status>\d+)\r?\n", timeout)
        self.expect(prompt, timeout)
        out = match.group("out").decode(errors="replace").replace("\r", "")
        out = out.split("\n", 1)[1] if "\n" in out else out
        assert match.group("status") == b"0", f"{command}: status {match.group('status')}: {out}"
        return out

    def monitor(self, command, timeout=20):
        """Runs a monitor COMMAND and returns its output."""
        s = self.monitor_stream
        s.sock.sendall(command.encode() + b"\n")
        match = s.expect(r"(?P<out>.*?)\r?\n?" + re.escape(PROMPT.decode()), timeout * self.scale)
        out = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", match.group("out").decode(errors="replace"))
        return out.replace("\r", "").split("\n", 1)[-1]

    def wait(self, timeout=30):
        """Waits for the end of the process; returns its exit status."""
        end = time.monotonic() + timeout * self.scale
        while self.process.poll() is None and time.monotonic() < end:
            for s in (self.serial, self.monitor_stream):
                if s:
                    s.pump(0.02)
        if self.process.poll() is None:
            raise Expired(f"still running after {timeout} s; serial: "
                          f"{self.serial.text[-2000:] if self.serial else ''}")
        return self.process.returncode

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for s in (self.serial, self.monitor_stream):
            if s:
                s.sock.close()
        self.stderr.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def run_expecting_error(*args, timeout=20, binary=None):
    """Runs the emulator with ARGS that must be refused; returns the one line it printed."""
    done = subprocess.run([binary or os.environ["VITRO"], *map(str, args)],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=timeout, text=True, check=False)
    assert done.returncode == 1, f"status {done.returncode}: {done.stdout}"
    lines = [line for line in done.stdout.splitlines() if line]
    assert len(lines) == 1, f"not one line: {done.stdout}"
    return lines[0]
