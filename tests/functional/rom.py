# SPDX-License-Identifier: Apache-2.0
"""Tiny guests that are firmware: a ROM whose code is put together from a few instructions.

    with guest(tmp_path, text("hello") + HALT) as vm:
        vm.expect("hello")

The code runs in real mode at f000:0000, with DS, ES and SS zero. The software CPU runs it, and
nothing of it needs a firmware package.
"""
import struct

from vm import VM

ROM_BYTES = 65536
RESET_VECTOR = 0xfff0

HALT = bytes([0xfa, 0xf4, 0xeb, 0xfd])  # cli; hlt, for ever
SPIN = bytes([0xeb, 0xfe])  # jmp to itself
COM1 = 0x3f8
COUNTER = 0x500  # where COUNT counts
COUNT = bytes([0xff, 0x06]) + struct.pack("<H", COUNTER) + bytes([0xeb, 0xfa])  # inc word; jmp


def out8(port, value):
    return b"\xba" + struct.pack("<H", port) + b"\xb0" + bytes([value]) + b"\xee"


def out16(port, value):
    return b"\xba" + struct.pack("<H", port) + b"\xb8" + struct.pack("<H", value) + b"\xef"


def out32(port, value):
    return b"\xba" + struct.pack("<H", port) + b"\x66\xb8" + struct.pack("<I", value) + b"\x66\xef"


def text(chars):
    """Code that writes CHARS to the first serial port."""
    return b"".join(out8(COM1, c) for c in chars.encode())


def pci_write32(slot, function, register, value):
    return out32(0xcf8, 0x80000000 | slot << 11 | function << 8 | register) + out32(0xcfc, value)


# The ACPI registers at 0x600: the PIIX4's function, its base, its enable bit
POWER_REGISTERS = pci_write32(1, 3, 0x40, 0x601) + pci_write32(1, 3, 0x80, 1)
POWER_OFF = POWER_REGISTERS + out16(0x604, 0x2000)
RESET = out8(0xcf9, 0x02) + out8(0xcf9, 0x06)

# What comes in on the serial port goes out again
ECHO = bytes([0xba, 0xfd, 0x03,  # mov dx, 0x3fd
              0xec, 0xa8, 0x01, 0x74, 0xfb,  # wait until LSR has data
              0xba, 0xf8, 0x03, 0xec, 0xee,  # read it, write it
              0xeb, 0xf1])


def write_rom(folder, code):
    """A ROM with CODE in FOLDER; returns its path."""
    rom = bytearray(b"\xf4" * ROM_BYTES)
    assert len(code) < RESET_VECTOR
    rom[:len(code)] = code
    rom[RESET_VECTOR:RESET_VECTOR + 5] = b"\xea\x00\x00\x00\xf0"  # jmp f000:0000
    path = folder / "rom"
    path.write_bytes(rom)
    return path


def guest(folder, code, *args, **options):
    """A VM that runs CODE, with nothing but the board around it."""
    return VM("-accel", "tcg", "-nodefaults", *args, bios=write_rom(folder, code), **options)
