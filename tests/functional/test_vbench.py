# SPDX-License-Identifier: Apache-2.0
"""The guest benchmarks with hardly any work: each must compute what it computes on the host."""
import os
import sys

import pytest

from stock import SOURCE, script

sys.path.insert(0, os.path.join(SOURCE, "tests", "bench"))
from guest_run import Guest, Host, Settings  # noqa: E402  pylint: disable=wrong-import-position
from guest_tests import PROGRAMS, own_initrd, own_tests  # noqa: E402  pylint: disable=wrong-import-position

# One unit of work of each
SETTINGS = Settings(divisor=10**9, min_ms=0, test_timeout=60)


@pytest.fixture(scope="module", name="tests")
def fixture_tests():
    if not os.path.exists(os.path.join(PROGRAMS, "vbench64")):
        pytest.skip("no static C library to link the benchmarks with")
    return own_tests()


@pytest.fixture(scope="module", name="initrd")
def fixture_initrd(tmp_path_factory):
    path = tmp_path_factory.mktemp("vbench") / "initrd"
    script("make-initramfs", path, os.path.join(SOURCE, "tests", "bench", "guest-init"))
    return own_initrd(path.read_bytes())


@pytest.fixture(scope="module", name="host")
def fixture_host(tests):
    return Host(PROGRAMS).run(tests, SETTINGS)


@pytest.mark.parametrize("cpus", [1, 2])
def test_benchmarks_compute_what_the_host_computes(tests, initrd, host, cpus):
    guest = Guest([os.environ["VITRO"], "-accel", "tcg", "-cpu", "max", "-m", "256", "-smp",
                   str(cpus)], script("fetch-kernel"), initrd).run(tests, SETTINGS)
    wrong = []
    for label, result in guest.items():
        if result.why or (host[label].checksum and result.checksum != host[label].checksum):
            wrong.append(f"{label}: {result.why or result.checksum}, host {host[label]}")
    assert not wrong, "\n".join(wrong)
    assert len([r for r in guest.values() if r.checksum]) == len(tests)
