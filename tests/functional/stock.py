# SPDX-License-Identifier: Apache-2.0
"""What tests take from others: files of Debian packages, what our scripts make; the VGA screen."""
import glob
import os
import re
import shutil
import subprocess
import tempfile

import pytest

SOURCE = os.environ["SOURCE"]
BIOS = "bios-256k.bin"


def cache_dir():
    home = os.environ.get("HOME", "/tmp")
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.join(home, ".cache"), "vitro")


def script(name, *args, timeout=600, **env):
    """The output of scripts/NAME; skips the test when it cannot do its work here."""
    done = subprocess.run([os.path.join(SOURCE, "scripts", name), *map(str, args)], check=False,
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=timeout, env={**os.environ, **env})
    if done.returncode:
        pytest.skip(f"scripts/{name}: {done.stderr.strip()}")
    return done.stdout.strip()


def package_files(package, *patterns, timeout=600):
    """Paths of the files of a Debian package that match PATTERNS, fetched but not installed."""
    folder = os.path.join(cache_dir(), "packages", package)

    def found():
        return [sorted(glob.glob(os.path.join(folder, p.lstrip("/")))) for p in patterns]

    if not all(found()):
        if not shutil.which("apt-get"):
            pytest.skip(f"no apt-get to fetch the package {package}")
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        with tempfile.TemporaryDirectory(dir=os.path.dirname(folder)) as work:
            done = subprocess.run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download",
                                   package], cwd=work, text=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=timeout, check=False)
            if done.returncode:
                pytest.skip(f"package {package}: {done.stdout.strip().splitlines()[-1]}")
            subprocess.run(["dpkg-deb", "-x", *glob.glob(os.path.join(work, "*.deb")),
                            os.path.join(work, "new")], timeout=timeout, check=True)
            shutil.rmtree(folder, ignore_errors=True)
            os.rename(os.path.join(work, "new"), folder)
    assert all(found()), f"{package} has no {patterns}"
    return [files[0] for files in found()]


def screen_text(vm, columns=80, rows=25):
    """The lines in VGA text memory, as the monitor's xp shows them."""
    size = columns * rows * 2
    dump = vm.monitor(f"xp /{size}xb 0xb8000", timeout=60)
    cells = [int(cell, 16) for line in dump.splitlines()
             for cell in re.findall(r"\b0x[0-9a-f]{2}\b", line.split(":", 1)[-1])]
    assert len(cells) == size, dump[-500:]
    text = bytes(cells[::2]).decode("cp437")
    return [text[i:i + columns].rstrip("\0 ") for i in range(0, len(text), columns)]
