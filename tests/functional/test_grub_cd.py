# SPDX-License-Identifier: Apache-2.0
"""A GRUB rescue CD, started by the firmware from -cdrom, to its prompt on the serial port."""
import os
import shutil
import subprocess

import pytest

from stock import BIOS
from vm import VM

MODULES = "/usr/lib/grub/i386-pc"
CONFIG = """serial --unit=0 --speed=115200
terminal_input serial
terminal_output serial
echo configured
"""


@pytest.fixture(scope="module")
def cd(tmp_path_factory):
    for tool, package in (("grub-mkrescue", "grub-common"), ("xorriso", "xorriso")):
        if not shutil.which(tool):
            pytest.skip(f"no {tool} (Debian: {package})")
    if not os.path.isdir(MODULES):
        pytest.skip(f"no {MODULES} (Debian: grub-pc-bin)")
    folder = tmp_path_factory.mktemp("cd")
    (folder / "tree/boot/grub").mkdir(parents=True)
    (folder / "tree/boot/grub/grub.cfg").write_text(CONFIG)
    (folder / "tree/hello.txt").write_text("a file on the CD\n")
    subprocess.run(["grub-mkrescue", "-d", MODULES, "-o", folder / "cd.iso", folder / "tree"],
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=120, check=True)
    return folder / "cd.iso"


def test_rescue_cd_boots_to_its_prompt(cd):
    with VM("-accel", "tcg", "-boot", "d", cdrom=cd, m="128M", bios=BIOS) as vm:
        vm.expect(r"configured", timeout=120)
        vm.expect(r"grub>", timeout=60)
        vm.send("cat /hello.txt\r")
        vm.expect(r"a file on the CD", timeout=60)
        vm.expect(r"grub>", timeout=60)
        vm.send("ls\r")
        vm.expect(r"\(cd", timeout=60)


def test_rescue_cd_behind_an_empty_disk(cd, tmp_path):
    """Without -boot the disk comes first; it has nothing to boot, so the firmware goes on."""
    disk = tmp_path / "empty"
    with open(disk, "wb") as f:
        f.truncate(2**20)
    with VM("-accel", "tcg", "-drive", f"file={disk},format=raw,if=ide", cdrom=cd, m="128M",
            bios=BIOS) as vm:
        vm.expect(r"grub>", timeout=120)
