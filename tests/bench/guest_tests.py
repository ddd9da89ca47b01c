# SPDX-License-Identifier: Apache-2.0
"""Which guest benchmarks there are, and the initramfs that holds them."""
import os
import subprocess

from guest_run import Test, archive

PROGRAMS = os.path.join(os.environ["BUILD"], "tests", "bench")
BOTH = (("vbench64", ""), ("vbench32", "-32"))


def own_tests():
    """Every benchmark of both programs; those of the 32-bit one end in -32."""
    tests = []
    for program, ending in BOTH:
        listed = subprocess.run([os.path.join(PROGRAMS, program), "list"], text=True, check=True,
                                stdout=subprocess.PIPE).stdout.split()
        tests += [Test(program, label, label + ending) for label in sorted(listed)]
    return tests


def own_initrd(base):
    """An initramfs: BASE, of busybox and guest-init, and the programs."""
    files = {}
    for program, _ in BOTH:
        with open(os.path.join(PROGRAMS, program), "rb") as f:
            files[f"bench/{program}"] = (0o755, f.read())
    return base + b"\0" * (-len(base) % 512) + archive(files)  # Linux wants archives aligned
