# SPDX-License-Identifier: Apache-2.0
"""memtest86+ running its tests, seen on the VGA text screen."""
import re
import time

import pytest

from stock import BIOS, package_files, screen_text
from vm import VM

pytestmark = pytest.mark.slow


def screen_with(vm, pattern, timeout):
    """Waits until the screen shows PATTERN; returns its text."""
    end = time.monotonic() + timeout
    while True:
        text = "\n".join(screen_text(vm))
        if re.search(pattern, text):
            return text
        assert vm.alive() and time.monotonic() < end, f"no {pattern!r} on the screen:\n{text}"
        time.sleep(1)


@pytest.mark.parametrize("smp", [1, 2, 4])
def test_memtest_runs_its_tests(smp):
    kernel, = package_files("memtest86+", "boot/memtest86+x64.bin")
    with VM("-accel", "tcg", kernel=kernel, bios=BIOS, m="64M", smp=smp, serial=False) as vm:
        assert "Memtest86+" in screen_with(vm, r"Test +#\d+", timeout=240)
        # It gets on: another test, and no errors so far.
        first = re.search(r"Test +#(\d+)", "\n".join(screen_text(vm))).group(1)
        others = "|".join(n for n in "0123456789" if n != first)
        text = screen_with(vm, rf"Test +#({others})\b", timeout=900)
        assert re.search(r"Errors: +0\b", text), text
