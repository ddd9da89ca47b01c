# SPDX-License-Identifier: Apache-2.0
"""-accel tcg,check=on with stock kernels: translated code does what the interpreter does."""
import re
import time

import pytest

from stock import script
from vm import VM

KERNELS = {"amd64": [], "i386": ["--i386"]}


def checked(vm):
    """Sums over the CPUs: blocks and instructions found equal, blocks that could not be judged."""
    text = vm.monitor("info jit", timeout=120)
    lines = re.findall(r"checked: (\d+) blocks .* of (\d+) instructions, .* (\d+) blocks whose memory "
                       r"changed, (\d+) by undefined", text)
    assert lines, text
    blocks, instructions, unstable, meaningless = map(sum, zip(*(map(int, x) for x in lines)))
    return blocks, instructions, unstable + meaningless


def boot(tmp_path, kernel, *args, **options):
    initrd = tmp_path / "initrd"
    script("make-initramfs", initrd)
    return VM(*args, accel="tcg,check=on", kernel=script("fetch-kernel", *KERNELS[kernel]),
              initrd=initrd, append="console=ttyS0 panic=-1 nokaslr cryptomgr.notests", m="512M", **options)


@pytest.mark.parametrize("kernel", KERNELS)
def test_first_seconds_of_a_kernel(kernel, tmp_path):
    with boot(tmp_path, kernel) as vm:
        end = time.monotonic() + 60
        while checked(vm)[1] < 10000000 and time.monotonic() < end:
            time.sleep(0.5)
        blocks, instructions, unjudged = checked(vm)
        assert instructions >= 1000000
        assert unjudged <= blocks / 1000
        assert "running" in vm.monitor("info status", timeout=120)


@pytest.mark.slow
@pytest.mark.parametrize("cpus", [1, 2])
def test_kernel_to_a_shell(cpus, tmp_path):
    with boot(tmp_path, "amd64", smp=cpus) as vm:
        vm.expect(r"# ", timeout=3600)
        vm.send("uname -a; cat /proc/cpuinfo | sort | uniq -c | tail -3; dmesg | tail -3\n")
        vm.expect(r"Linux .*# ", timeout=600)
        blocks, instructions, unjudged = checked(vm)
        assert instructions > 100000000
        assert unjudged <= blocks / 100
        vm.send("exit\n")
        assert vm.wait(1200) == 0


@pytest.mark.slow
def test_i386_kernel_to_init(tmp_path):
    with boot(tmp_path, "i386") as vm:
        vm.expect(r"Run /init as init process|No working init found", timeout=3600)
        blocks, _, unjudged = checked(vm)
        assert unjudged <= blocks / 100
        assert vm.process.poll() is None
