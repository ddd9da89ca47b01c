# SPDX-License-Identifier: Apache-2.0
"""Debian's installer, from the netboot images that Debian packages, to its first dialog."""
import pytest

from stock import BIOS, package_files
from vm import VM

pytestmark = pytest.mark.slow
PACKAGE = "debian-installer-12-netboot-amd64"
FOLDER = "usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64/"


@pytest.mark.parametrize("firmware,smp", [(False, 1), (False, 4), (True, 2)])
def test_installer_asks_for_the_language(firmware, smp):
    kernel, initrd = package_files(PACKAGE, FOLDER + "linux", FOLDER + "initrd.gz")
    options = {"bios": BIOS} if firmware else {}
    with VM("-accel", "tcg", kernel=kernel, initrd=initrd, m="1G", smp=smp,
            append="console=ttyS0,115200n8", **options) as vm:
        vm.expect(r"Linux version 6\.", timeout=120)
        vm.expect(r"Select.{1,20}language", timeout=900)
        # The dialog lives: the next key moves it on.
        vm.send("\r")
        vm.expect(r"Select.{1,20}location|Country", timeout=300)
