/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An option ROM by which firmware boots the kernel of -kernel.
 *
 * Real-mode code, whatever the host: these bytes are data to vitro. The firmware finds a PnP
 * expansion header (Plug and Play BIOS Specification 1.0A, section 3.3) with a bootstrap entry
 * vector and calls that. The code asks the firmware configuration device to copy four items (set-up
 * code, kernel, initrd, command line) to the addresses that the device itself names, and jumps to
 * the set-up code as Linux's boot protocol says. The device copies in one go, so there is no
 * loop over data, and no protected mode, here.
 *
 * boot_firmware.c fills in the sums of the header and of the whole.
 */

/* Memory of our own: what the firmware has loaded boot sectors to. */
#define DESCRIPTOR 0x7e00 /* control, length, address: big-endian */
#define ADDRESS    0x7e20 /* of the item at hand */
#define SIZE       0x7e24
#define STACK      0x7c00

#define DMA_HIGH 0x514
#define DMA_LOW  0x518

#define READ_SELECTED 0x0a /* select the item, then read it */

    .section .rodata.linuxboot, "a"
    .balign 16
    .code16
    .globl linuxboot_rom
linuxboot_rom:
    .byte 0x55, 0xaa
    .byte (linuxboot_rom_end - linuxboot_rom) / 512
    /* initialization entry: nothing to do */
    lretw
    .org linuxboot_rom + 0x18
    .word 0                      /* no PCI data */
    .word pnp - linuxboot_rom

    .balign 16
pnp:
    .ascii "$PnP"
    .byte 1                      /* revision */
    .byte 2                      /* length, 16-byte units */
    .word 0                      /* no further header */
    .byte 0
    .byte 0                      /* sum: filled in */
    .long 0                      /* device id */
    .word manufacturer - linuxboot_rom
    .word product - linuxboot_rom
    .byte 0, 0, 0                /* device type */
    .byte 0x14                   /* may be started, boots an operating system */
    .word 0                      /* boot connection vector */
    .word 0
    .word boot - linuxboot_rom   /* bootstrap entry vector */
    .word 0
    .word 0
manufacturer:
    .asciz "vitro"
product:
    .asciz "Linux kernel"

    /* Item: where it goes, how long it is, and then the item itself. */
    .macro item address, size, data
    movw $\address, %ax
    movl $ADDRESS, %edi
    call read4
    movw $\size, %ax
    movl $SIZE, %edi
    call read4
    movw $\data, %ax
    movl SIZE, %ecx
    movl ADDRESS, %edi
    call read
    .endm

boot:
    cli
    cld
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %ss
    movl $STACK, %esp
    item 0x07, 0x08, 0x11        /* kernel */
    item 0x0a, 0x0b, 0x12        /* initrd */
    item 0x13, 0x14, 0x15        /* command line */
    item 0x16, 0x17, 0x18        /* set-up code, last: its address is needed below */

    movl ADDRESS, %eax
    shrl $4, %eax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %fs
    movw %ax, %gs
    movw %ax, %ss
    movl $0xe000, %esp           /* heap_end_ptr is below it */
    addw $0x20, %ax
    pushw %ax
    pushw $0
    lretw

    /* Reads %ecx bytes of item %ax to physical address %edi. */
read4:
    movl $4, %ecx
read:
    testl %ecx, %ecx
    jz 2f
    movzwl %ax, %eax
    shll $16, %eax
    orl $READ_SELECTED, %eax
    bswapl %eax
    movl %eax, DESCRIPTOR
    bswapl %ecx
    movl %ecx, DESCRIPTOR + 4
    movl $0, DESCRIPTOR + 8
    bswapl %edi
    movl %edi, DESCRIPTOR + 12
    xorl %eax, %eax
    movw $DMA_HIGH, %dx
    outl %eax, %dx
    movl $DESCRIPTOR, %eax
    bswapl %eax
    movw $DMA_LOW, %dx
    outl %eax, %dx
1:  movl DESCRIPTOR, %eax
    bswapl %eax
    testl $0xfffffffe, %eax      /* in progress */
    jnz 1b
    testl %eax, %eax
    jnz failed
2:  ret

failed:
    int $0x18                    /* the firmware tries the next device */
3:  hlt
    jmp 3b

    .balign 512
    .globl linuxboot_rom_end
linuxboot_rom_end:

    .section .note.GNU-stack, "", @progbits
