# SPDX-License-Identifier: Apache-2.0
"""The same libraries in many processes, at other addresses in each, on the software CPU.

Code above 4 GiB is translated once for all processes that share it (accel/tcg/jit.h). What
libraries/libraries runs in a guest and on the host, in a chroot of the same programs, must print the
same; with a code cache that is often full, on two CPUs, and with each block checked.
"""
import hashlib
import os
import subprocess
import sys

import pytest

from stock import SOURCE, script

sys.path.insert(0, os.path.join(SOURCE, "tests", "bench"))
from guest_run import Guest, Host, Settings, Test  # noqa: E402  pylint: disable=wrong-import-position
from guest_tests import tree_initrd, tree_prefix  # noqa: E402  pylint: disable=wrong-import-position

FOLDER = os.path.join(SOURCE, "tests", "functional", "libraries")
PACKAGES = "libc6 libc-bin dash coreutils mawk sed grep gzip".split()
SEVERAL = hashlib.md5(b"several\n").hexdigest()
SETTINGS = Settings(test_timeout=3600, boot_timeout=3600)


@pytest.fixture(scope="module", name="tree")
def fixture_tree():
    return script("fetch-tree", "libraries", *PACKAGES, timeout=1800)


@pytest.fixture(scope="module", name="initrd")
def fixture_initrd(tree):
    return tree_initrd(tree, FOLDER, ["var/*", "usr/share/*", "usr/lib/*/gconv/*"])


def as_tests(*names):
    return [Test("libraries", name, name) for name in names]


def run(name, engine, cpus, tree, initrd):
    prefix = tree_prefix(tree, FOLDER)
    if subprocess.run([*prefix, "/usr/bin/true"], check=False, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("nobody may chroot here, so there is nothing to compare with")
    host = Host("/bench", prefix).run(as_tests(name), SETTINGS)[name]
    assert not host.why, host.why
    command = [os.environ["VITRO"], "-accel", engine, "-cpu", "max", "-m", "512", "-smp", str(cpus)]
    guest = Guest(command, script("fetch-kernel"), initrd, "cryptomgr.notests")
    results = guest.run(as_tests("addresses", name), SETTINGS)
    assert results["addresses"].checksum == SEVERAL, results["addresses"].why
    assert not results[name].why, results[name].why
    assert results[name].checksum == host.checksum


@pytest.mark.parametrize("cpus", [1, 2])
def test_processes_share_what_is_translated(cpus, tree, initrd):
    run("some", "tcg,tb-size=6", cpus, tree, initrd)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["tcg", "tcg,tb-size=4"])
@pytest.mark.parametrize("cpus", [1, 2])
def test_many_processes(engine, cpus, tree, initrd):
    run("many", engine, cpus, tree, initrd)


@pytest.mark.slow
@pytest.mark.parametrize("cpus", [1, 2])
def test_blocks_are_checked(cpus, tree, initrd):
    run("few", "tcg,check=on", cpus, tree, initrd)
