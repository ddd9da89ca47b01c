# SPDX-License-Identifier: Apache-2.0
"""What a user gets wrong: one line that names the cause and a way out, and status 1."""
import os
import socket
import subprocess

import pytest

from vm import VM, run_expecting_error

VITRO = os.environ["VITRO"]


def output_of(*args, timeout=20):
    done = subprocess.run([VITRO, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=timeout, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("args, words", [
    (["-kernal", "x"], ["-kernal", "did you mean '-kernel'"]),
    (["-machine", "pcc"], ["pcc", "did you mean 'pc'"]),
    (["-machine", "pc,hpett=on"], ["hpett", "did you mean 'hpet'"]),
    (["-machine", "pc,hpet=maybe"], ["hpet", "maybe"]),
    (["-machine", "pc,kernel-irqchip=on", "-accel", "tcg"], ["kernel-irqchip", "-accel kvm"]),
    (["-machine", "pc,kernel_irqchip=split", "-accel", "tcg"], ["kernel-irqchip", "-accel kvm"]),
    (["-accel", "tcg,speed=high"], ["tcg", "speed"]),
    (["-accel", "tcg,jit=off,check=on"], ["check=on", "jit=off"]),
    (["-accel", "tcg,tb-size=5000"], ["tb-size=5000", "1024"]),
    (["-accel", "tcg,check=on", "-icount", "1"], ["check=on", "-icount"]),
    (["-cpu", "Haswel"], ["Haswel", "did you mean 'Haswell'"]),
    (["-cpu", "qemu64,+avx3"], ["avx3"]),
    (["-accel", "kvn"], ["kvn", "did you mean 'kvm'"]),
    (["-device", "isa-serail"], ["isa-serail", "did you mean 'isa-serial'"]),
    (["-device", "isa-debug-exit,iobas=1"], ["iobas", "did you mean 'iobase'"]),
    (["-m", "99999G"], ["-m", "use a smaller -m"]),
    (["-m", "12Q"], ["-m", "12Q"]),
    (["-m", "4K"], ["-m", "too little"]),
    (["-smp", "3,sockets=2,cores=2,threads=2,maxcpus=3"], ["-smp", "maxcpus"]),
    (["-smp", "0"], ["-smp", "at least 1"]),
    (["-smp", "cpu=2"], ["-smp", "did you mean 'cpus'"]),
    (["-boot", "order=x"], ["-boot", "'x'"]),
    (["-rtc", "base=yesterday"], ["-rtc", "yesterday"]),
    (["-uuid", "12"], ["-uuid", "12"]),
    (["-kernel", "/does/not/exist"], ["/does/not/exist", "No such file"]),
    (["-bios", "/does/not/exist"], ["/does/not/exist"]),
    (["-hda", "/does/not/exist"], ["/does/not/exist", "No such file"]),
    (["-hda", "/"], ["'/'"]),
    (["-initrd", "x"], ["-initrd", "-kernel"]),
    (["-drive", "file=/dev/null,fomat=raw"], ["fomat", "did you mean 'format'"]),
    (["-chardev", "sockt,id=a"], ["sockt", "did you mean 'socket'"]),
    (["-mon", "nobody"], ["nobody", "-chardev"]),
    (["-vnc", ":1"], ["-vnc", "no VNC"]),
    (["-netdev", "user,id=n"], ["-netdev", "no network"]),
    (["-usb"], ["-usb", "no USB"]),
    (["-d", "everything"], ["-d", "everything", "-d help"]),
    (["-D", "/does/not/exist/log", "-d", "int"], ["-D", "/does/not/exist/log"]),
    (["-global", "nonsense"], ["-global", "DRIVER.PROPERTY=VALUE"]),
    (["-object", "memory-backend-ram,id=m"], ["m", "size="]),
    (["-machine", "pc,memory-backend=nobody"], ["nobody", "-object"]),
    (["-readconfig", "/does/not/exist"], ["-readconfig", "/does/not/exist"]),
    (["-m"], ["-m", "needs an argument"]),
])
def test_mistake_is_named_in_one_line(args, words):
    line = run_expecting_error("-display", "none", *args)
    assert line.startswith("vitro: ")
    for word in words:
        assert word in line


def test_kernel_that_is_not_one(tmp_path):
    for name, content in (("empty", b""), ("short", b"MZ"), ("text", b"hello\n" * 1000)):
        path = tmp_path / name
        path.write_bytes(content)
        assert str(path) in run_expecting_error("-display", "none", "-kernel", path)


def test_bios_of_impossible_size(tmp_path):
    path = tmp_path / "bios.bin"
    path.write_bytes(b"x" * 1000)
    assert str(path) in run_expecting_error("-display", "none", "-bios", path)


def test_occupied_tcp_port_is_named():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        line = run_expecting_error("-display", "none", "-monitor",
                                   f"tcp:127.0.0.1:{port},server=on,wait=off")
    assert str(port) in line and "in use" in line


def test_no_permission_for_image(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may open everything")
    path = tmp_path / "disk"
    path.write_bytes(bytes(512))
    path.chmod(0)
    assert "Permission denied" in run_expecting_error("-display", "none", "-hda", path)


def test_listings_name_what_there_is():
    assert "pc" in output_of("-machine", "help")
    assert "tcg" in output_of("-accel", "help")
    assert "isa-serial" in output_of("-device", "help")
    assert "iobase" in output_of("-device", "isa-serial,help")
    assert "Haswell" in output_of("-cpu", "help")
    assert "socket" in output_of("-chardev", "help")
    assert "guest_errors" in output_of("-d", "help")
    assert "memory-backend-file" in output_of("-object", "help")
    assert "seabios" in output_of("-L", "help")


def test_help_has_every_option_of_the_table():
    text = output_of("-help")
    table = os.path.join(os.environ["SOURCE"], "system", "options.def")
    with open(table, encoding="utf-8") as f:
        names = [line.split('"')[1] for line in f
                 if line.startswith(("FLAG(", "TEXT(", "LIST(", "MERGE(", "CALL("))]
    assert len(names) > 40
    for name in names:
        assert f"\n  -{name}" in text


def test_version():
    assert output_of("-version").startswith("vitro version ")


def test_readconfig_is_the_same_as_options(tmp_path):
    path = tmp_path / "cfg"
    path.write_text('[machine]\n  type = "pc"\n[device "exit"]\n  driver = "isa-debug-exit"\n'
                    '# a comment\n[name]\n  guest = "configured"\n')
    with VM("-readconfig", path, "-S", serial=False) as vm:
        assert "configured" in vm.monitor("info name")
        assert "exit" in vm.monitor("info qtree")


def test_daemonize_and_pidfile(tmp_path):
    pidfile, sock = tmp_path / "pid", tmp_path / "mon"
    subprocess.run([VITRO, "-display", "none", "-daemonize", "-pidfile", pidfile, "-S", "-monitor",
                    f"unix:{sock},server=on,wait=off"], timeout=20, check=True)
    pid = int(pidfile.read_text())
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(sock))
        line = run_expecting_error("-display", "none", "-S", "-pidfile", pidfile)
        assert "running vitro" in line
        s.sendall(b"quit\n")
        while s.recv(4096):
            pass
    for _ in range(100):
        if not os.path.exists(f"/proc/{pid}") or not pidfile.exists():
            break
        subprocess.run(["sleep", "0.05"], check=True)
    assert not pidfile.exists()


def test_sigterm_ends_cleanly():
    with VM("-S") as vm:
        vm.process.terminate()
        assert vm.wait() == 0


def test_set_changes_an_earlier_option(tmp_path):
    with VM("-device", "isa-debug-exit,id=exit,iobase=0xf4", "-set", "device.exit.iobase=0x777",
            "-S", serial=False) as vm:
        assert "iobase = 1911" in vm.monitor("info qtree")
    assert "exot" in run_expecting_error("-display", "none", "-set", "device.exot.iobase=1")


@pytest.mark.parametrize("options", [
    ["driver=file,node-name=f,filename={}", "driver=raw,node-name=d,file=f,discard=unmap"],
    ["driver=raw,node-name=d,discard=unmap,file.driver=file,file.filename={}"],
    ['{{"driver":"raw","node-name":"d","discard":"unmap",'
     '"file":{{"driver":"file","filename":"{}"}}}}'],
])
def test_blockdev_nodes_become_drives(tmp_path, options):
    image = tmp_path / "disk,with comma.img"
    image.write_bytes(bytes(65536))
    args = []
    for option in options:
        name = str(image) if option.startswith("{") else str(image).replace(",", ",,")
        args += ["-blockdev", option.format(name)]
    with VM("-S", *args, "-device", "ide-hd,drive=d", serial=False) as vm:
        assert str(image) in vm.monitor("info block")


@pytest.mark.parametrize("args, words", [
    (["-numa", "node,mem=1G"], ["-numa", "1024 MiB", "-m"]),
    (["-numa", "node,cpus=0-7"], ["-numa", "no CPU 1"]),
    (["-numa", "node,nodeid=1"], ["-numa", "node 0 is missing"]),
    (["-numa", "dist,src=0"], ["-numa", "'node'"]),
    (["-blockdev", "driver=qcow2,node-name=q,file=f"], ["q", "qcow2", "'raw'"]),
    (["-blockdev", "driver=file,node-name=f"], ["filename"]),
])
def test_mistakes_in_nodes(args, words):
    line = run_expecting_error("-display", "none", *args)
    for word in words:
        assert word in line


@pytest.mark.parametrize("interface", ["if=virtio", "if=scsi", "if=pflash", "index=9"])
def test_drive_without_a_place_is_refused(tmp_path, interface):
    image = tmp_path / "disk"
    image.write_bytes(bytes(4096))
    line = run_expecting_error("-display", "none", "-drive",
                               f"file={image},format=raw,{interface}")
    assert "-drive" in line


def test_memory_object_of_a_node_is_used():
    assert "nobody" in run_expecting_error("-display", "none", "-numa", "node,memdev=nobody")
    with VM("-object", "memory-backend-ram,id=m,size=64M", "-numa", "node,memdev=m", "-S",
            serial=False) as vm:
        assert "0000000003ffffff" in vm.monitor("info mtree -f")


def test_sigterm_ends_a_wait_for_the_first_peer(tmp_path):
    process = subprocess.Popen([VITRO, "-display", "none", "-serial",
                                f"unix:{tmp_path}/s,server=on,wait=on"],
                               stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (tmp_path / "s").exists():
        assert process.poll() is None
    process.terminate()
    assert process.wait(20) != 0


def test_monitor_on_stdio_leaves_the_terminal_to_it():
    done = subprocess.run([VITRO, "-S", "-monitor", "stdio"], input="info name\nquit\n", text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    assert "(vitro) " in done.stdout
