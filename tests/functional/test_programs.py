# SPDX-License-Identifier: Apache-2.0
"""Real software in guests on the software CPU: compilers, interpreters, their own tests.

What programs/programs lists runs in a guest whose file system is made of Debian packages, and on
the host in a chroot of the same: both must say that all is well, and print the same. VITRO_TCG
names other options of the engine, and VITRO_PROGRAMS some of the tests.
"""
import os
import subprocess
import sys

import pytest

from stock import SOURCE, script

sys.path.insert(0, os.path.join(SOURCE, "tests", "bench"))
from guest_run import Guest, Host, Settings, Test  # noqa: E402  pylint: disable=wrong-import-position
from guest_tests import tree_initrd, tree_prefix  # noqa: E402  pylint: disable=wrong-import-position

PROGRAMS = os.path.join(SOURCE, "tests", "functional", "programs")
PACKAGES = ("dash libc-bin coreutils make findutils diffutils grep sed gawk mawk gzip bzip2 openssl xz-utils "
            "zstd 7zip python3 ^libpython3.[0-9]+-testsuite$ perl lua5.4 sqlite3 tcc gcc libc6-dev nodejs duktape "
            "mujs").split()
SOURCES = ["tcc", "zlib", "bzip2"]
NOT_NEEDED = ["usr/lib/gcc/*/lto1", "usr/bin/*lto-dump*", "usr/lib/*/libtsan.*", "usr/lib/*/libasan.*",
              "usr/lib/*/perl/*/CORE/*", "usr/share/nodejs/@types/*", "var/*", "usr/share/zoneinfo/*"]
# Ten times what a machine with nothing else to do takes
SETTINGS = Settings(test_timeout=1800, boot_timeout=900)
ENGINE = os.environ.get("VITRO_TCG", "tcg")


def listed():
    names = subprocess.run([os.path.join(PROGRAMS, "programs"), "list"], text=True, check=True,
                           stdout=subprocess.PIPE).stdout.split()
    wanted = os.environ.get("VITRO_PROGRAMS", "").split()
    return [name for name in names if not wanted or name in wanted]


def as_tests(names):
    return [Test("programs", name, name) for name in names]


@pytest.fixture(scope="module", name="folder")
def fixture_folder(tmp_path_factory):
    """What guests see as /bench: the tests, and the sources that some of them compile"""
    folder = tmp_path_factory.mktemp("programs")
    subprocess.run(["cp", "-r", *[os.path.join(PROGRAMS, f) for f in os.listdir(PROGRAMS)], folder],
                   check=True)
    os.mkdir(folder / "src")
    for package in SOURCES:
        subprocess.run(["cp", "-r", script("fetch-source", package), folder / "src" / package],
                       check=True)
    return folder


@pytest.fixture(scope="module", name="tree")
def fixture_tree():
    return script("fetch-tree", "programs", *PACKAGES, timeout=1800)


@pytest.fixture(scope="module", name="initrd")
def fixture_initrd(tree, folder):
    return tree_initrd(tree, folder, NOT_NEEDED)


@pytest.fixture(scope="module", name="host")
def fixture_host(tree, folder):
    """Results by name; without them, where nobody may chroot, guests judge themselves."""
    prefix = tree_prefix(tree, folder)
    if subprocess.run([*prefix, "/usr/bin/true"], check=False, stderr=subprocess.DEVNULL).returncode:
        return {}
    return Host("/bench", prefix).run(as_tests(listed()), SETTINGS)


def run(names, cpus, initrd, host):
    tests = as_tests(names)
    command = [os.environ["VITRO"], "-accel", ENGINE, "-cpu", "max", "-m", "3072", "-smp", str(cpus)]
    guest = Guest(command, script("fetch-kernel"), initrd).run(tests, SETTINGS)
    wrong = []
    for label, result in guest.items():
        other = host.get(label)
        if other and other.why:
            print(f"{label}: fails on the host, {other.why}")
        elif result.why or (other and result.checksum != other.checksum):
            wrong.append(f"{label}: {result.why or result.checksum}; host: {other}")
    assert not wrong, "\n".join(wrong)
    assert [name for name in names if guest[name].checksum]


@pytest.mark.slow
@pytest.mark.parametrize("cpus", [1, 2])
def test_programs_find_their_results_right(cpus, initrd, host):
    run(listed(), cpus, initrd, host)
