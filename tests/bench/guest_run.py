# SPDX-License-Identifier: Apache-2.0
"""Runs benchmarks on the host and in guests: what a run is, how the lines of one are read.

A list of tests goes into a guest's initramfs; the guest runs them in a row and writes a line before
and after each. The time between these lines, by the host's clock, is what counts.
"""
import dataclasses
import os
import re
import select
import stat
import subprocess
import tempfile
import time


@dataclasses.dataclass(frozen=True)
class Test:
    """A benchmark: PROGRAM (a file of the folder of programs) runs NAME."""
    __test__ = False  # nothing for pytest to collect
    program: str
    name: str
    label: str

    @property
    def group(self):
        return self.label.split("/")[0]


@dataclasses.dataclass
class Result:
    """What one run of one test gave. Without seconds, WHY says why."""
    seconds: float = None
    checksum: str = None
    guest_seconds: float = None
    elapsed: float = None  # of all runs in a row: what was really measured
    why: str = None


@dataclasses.dataclass
class Settings:
    divisor: int = 1
    min_ms: int = 300  # each test is repeated for so long
    test_timeout: float = 120
    boot_timeout: float = 300
    progress: callable = lambda label, result: None  # told each result as it comes


class Lines:
    """The lines that a process writes, each with the time when its end came."""

    def __init__(self, process):
        self.fd = process.stdout.fileno()
        self.rest = b""
        self.ready = []
        self.tail = []  # the last few, for messages
        os.set_blocking(self.fd, False)

    def next(self, timeout, prompt=None):
        """(seconds, line); ("timeout", "") or ("end", "")

        A line with PROMPT in it need not end.
        """
        end = time.monotonic() + timeout
        while not self.ready:
            left = end - time.monotonic()
            if left <= 0:
                return "timeout", ""
            if not select.select([self.fd], [], [], left)[0]:
                continue
            data = os.read(self.fd, 65536)
            now = time.monotonic()
            if not data:
                return "end", ""
            *lines, self.rest = (self.rest + data).split(b"\n")
            if prompt and prompt.encode() in self.rest:
                lines, self.rest = lines + [self.rest], b""
            self.ready += [(now, line.decode(errors="replace").strip()) for line in lines]
        when, line = self.ready.pop(0)
        self.tail = self.tail[-9:] + [line]
        return when, line


class Reader:
    """Follows the lines of one test from begin to end; in a guest others may come before."""

    def __init__(self, started):
        self.started = started
        self.begun = None

    def take(self, when, line):
        """A Result when this line ends the test, else None."""
        words = line.split()
        if not words or not words[0].startswith("@"):
            return None
        if words[0] == "@test":
            self.started = True
        elif not self.started:
            return None
        elif words[0] == "@begin":
            self.begun = when
        elif words[0] == "@end" and len(words) == 5 and self.begun is not None:
            runs = int(words[3])
            elapsed = when - self.begun
            return Result(elapsed / runs, words[2], int(words[4]) / 1e9 / runs, elapsed)
        elif words[0] == "@skip":
            return Result(why="this CPU lacks what it needs")
        elif words[0] in ("@fail", "@died"):
            return Result(why=" ".join(words))
        return None


def stop(process):
    process.kill()
    process.wait()
    process.stdout.close()


class Host:
    """Runs tests as processes of this system; PREFIX are arguments that run others."""

    def __init__(self, programs, prefix=()):
        self.programs = programs
        self.prefix = list(prefix)

    def run(self, tests, settings):
        results = {}
        for test in tests:
            results[test.label] = self.run_one(test, settings)
            settings.progress(test.label, results[test.label])
        return results

    def run_one(self, test, settings):
        process = subprocess.Popen(
            [*self.prefix, os.path.join(self.programs, test.program), "run", test.name,
             str(settings.divisor), str(settings.min_ms)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        lines, reader, result = Lines(process), Reader(True), None
        try:
            while result is None:
                when, line = lines.next(settings.test_timeout)
                if when == "timeout":
                    return Result(why=f"no end within {settings.test_timeout:g} s")
                if when == "end":
                    return Result(why=f"ended with status {process.wait()}: {lines.tail[-1:]}")
                result = reader.take(when, line)
        finally:
            stop(process)
        return result


class Guest:
    """Runs tests in guests of an emulator; one that hangs costs its time-out and a new boot."""

    def __init__(self, command, kernel, initrd, append=""):
        self.command = command
        self.kernel = kernel
        self.initrd = initrd  # bytes; the list of tests is added to them
        self.append = f"console=ttyS0,115200 panic=-1 loglevel=1 {append}".strip()

    def run(self, tests, settings):
        results, left = {}, list(tests)
        while left:
            done = self.boot(left, settings)
            results.update(done)
            left = [test for test in left if test.label not in done]
        return results

    def boot(self, tests, settings):
        """Results of at least one of TESTS; of all unless something went wrong."""
        text = f"divisor {settings.divisor}\nmin_ms {settings.min_ms}\n"
        text += "".join(f"{test.program} {test.name}\n" for test in tests)
        with tempfile.NamedTemporaryFile(prefix="initrd.") as f:
            f.write(self.initrd + archive({"tests": (0o644, text.encode())}))
            f.flush()
            process = subprocess.Popen(
                [*self.command, "-nodefaults", "-display", "none", "-serial", "stdio",
                 "-no-reboot", "-kernel", self.kernel, "-initrd", f.name, "-append", self.append],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            try:
                return self.follow(process, tests, settings)
            finally:
                stop(process)

    def follow(self, process, tests, settings):
        results, lines = {}, Lines(process)
        end = time.monotonic() + settings.boot_timeout
        while True:
            when, line = lines.next(end - time.monotonic())
            if when in ("timeout", "end"):
                why = "did not boot: " + " | ".join(lines.tail[-3:])
                return {test.label: Result(why=why) for test in tests}
            if line.startswith("@ready"):
                break
        for test in tests:
            reader, result = Reader(False), None
            end = time.monotonic() + settings.test_timeout
            while result is None:
                when, line = lines.next(end - time.monotonic())
                if when == "timeout":
                    result = Result(why=f"no end within {settings.test_timeout:g} s")
                elif when == "end":
                    result = Result(why="the guest ended: " + " | ".join(lines.tail[-3:]))
                else:
                    result = reader.take(when, line)
            results[test.label] = result
            settings.progress(test.label, result)
            if when in ("timeout", "end"):
                if not reader.started:  # the next boot would do no better
                    return {t.label: results.get(t.label, result) for t in tests}
                break
        return results


def archive(files):
    """A cpio archive (newc) of {name: (mode, bytes)}; folders above come from the names.

    A mode without a type is that of a file; the bytes of a link are its target.
    """
    out, made = [], set()

    def add(name, mode, data):
        head = "070701" + "".join(f"{n:08x}" for n in (
            len(out) + 1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0))
        record = head.encode() + name.encode() + b"\0"
        record += b"\0" * (-len(record) % 4) + data
        out.append(record + b"\0" * (-len(record) % 4))

    for name, (mode, data) in files.items():
        folder = os.path.dirname(name)
        for part in [m.start() for m in re.finditer("/", folder + "/")]:
            if folder[:part] and folder[:part] not in made:
                made.add(folder[:part])
                add(folder[:part], 0o40755, b"")
        if stat.S_ISDIR(mode):
            made.add(name)
        add(name, mode if stat.S_IFMT(mode) else stat.S_IFREG | mode, data)
    add("TRAILER!!!", 0, b"")
    data = b"".join(out)
    return data + b"\0" * (-len(data) % 512)
