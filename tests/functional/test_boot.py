# SPDX-License-Identifier: Apache-2.0
"""Stock kernels to a shell on the software CPU, and what the shell sees."""
import os
import re
import subprocess

import pytest

from vm import VM

SOURCE = os.environ["SOURCE"]
BIOS = "bios-256k.bin"


def script(name, *args):
    done = subprocess.run([os.path.join(SOURCE, "scripts", name), *args], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600)
    if done.returncode:
        pytest.skip(f"scripts/{name}: {done.stderr.strip()}")
    return done.stdout.strip()


@pytest.fixture(scope="module")
def kernel():
    return script("fetch-kernel")


@pytest.fixture(scope="module")
def kernel_i386():
    return script("fetch-kernel", "--i386")


@pytest.fixture(scope="module")
def initrd(tmp_path_factory):
    path = tmp_path_factory.mktemp("boot") / "initrd"
    script("make-initramfs", str(path))
    return path


def boot(kernel, initrd, *args, append="", **options):
    options.setdefault("accel", "tcg")
    return VM(*args, kernel=kernel, initrd=initrd,
              append=f"console=ttyS0 panic=-1 {append}", **options)


def cpu_fields(vm, name):
    text = vm.run("cat /proc/cpuinfo")
    return re.findall(rf"^{name}\s*: (.*)$", text, re.MULTILINE)


@pytest.mark.parametrize("smp", [1, 2, 4])
def test_direct_boot_to_shell_and_poweroff(kernel, initrd, smp):
    with boot(kernel, initrd, m="512M", smp=smp) as vm:
        vm.expect(r"# ", timeout=120)
        assert "Linux" in vm.run("uname -a")
        assert "kernel-mode" not in vm.run("dmesg")
        assert "VM status: running" in vm.monitor("info status")
        vm.send("exit\n")
        assert vm.wait(60) == 0


def test_boot_through_firmware(kernel, initrd, tmp_path):
    log = tmp_path / "firmware.log"
    with boot(kernel, initrd, "-chardev", f"file,id=fw,path={log}",
              "-device", "isa-debugcon,iobase=0x402,chardev=fw", m="512M", bios=BIOS) as vm:
        vm.expect(r"# ", timeout=180)
    assert "SeaBIOS (version" in log.read_text(errors="replace")


def test_four_cpus_and_five_gigabytes(kernel, initrd):
    with boot(kernel, initrd, m="5G", smp=4) as vm:
        vm.expect(r"# ", timeout=180)
        assert vm.run("cat /sys/devices/system/cpu/online").strip() == "0-3"
        total = int(re.search(r"MemTotal:\s+(\d+) kB", vm.run("cat /proc/meminfo")).group(1))
        assert 4.7 * 2**20 < total < 5 * 2**20
        assert len(re.findall(r"CPU #\d", vm.monitor("info cpus"))) == 4


def test_topology_reaches_cpuinfo(kernel, initrd):
    with boot(kernel, initrd, m="512M", smp="8,sockets=2,cores=2,threads=2") as vm:
        vm.expect(r"# ", timeout=240)
        assert len(cpu_fields(vm, "processor")) == 8
        assert sorted(cpu_fields(vm, "physical id")) == ["0"] * 4 + ["1"] * 4
        assert cpu_fields(vm, "siblings") == ["4"] * 8
        assert cpu_fields(vm, "cpu cores") == ["2"] * 8


@pytest.mark.slow
@pytest.mark.parametrize("smp", [1, 2, 4])
def test_i386_kernel(kernel_i386, initrd, smp):
    with boot(kernel_i386, initrd, m="512M", smp=smp) as vm:
        vm.expect(r"Linux version .*i686|Linux version .*686", timeout=120)
        vm.expect(r"Run /init as init process|No working init found", timeout=240)


@pytest.mark.slow
def test_reboot_loop_does_not_leak(kernel, initrd):
    def resident():
        """KiB, without the guest's RAM: each boot touches other parts of that."""
        with open(f"/proc/{vm.process.pid}/smaps", encoding="ascii") as f:
            maps = re.findall(r"^Size: +(\d+) kB$.*?^Rss: +(\d+) kB$", f.read(), re.M | re.S)
        return sum(int(rss) for size, rss in maps if int(size) < 128 * 1024)

    with boot(kernel, initrd, m="256M") as vm:
        sizes = []
        for _ in range(20):
            vm.expect(r"# ", timeout=120)
            sizes.append(resident())
            vm.send("reboot -f\n")
        vm.expect(r"# ", timeout=120)
    assert sizes[-1] - sizes[4] < 8 * 1024, f"grows: {sizes}"


def test_numa_nodes_are_seen(kernel, initrd):
    with boot(kernel, initrd, "-numa", "node,cpus=0-1,mem=256M", "-numa", "node,cpus=2-3,mem=256M",
              m="512M", smp=4) as vm:
        vm.expect(r"# ", timeout=180)
        assert vm.run("cat /sys/devices/system/node/online").strip() == "0-1"
        assert vm.run("cat /sys/devices/system/node/node1/cpulist").strip() == "2-3"
