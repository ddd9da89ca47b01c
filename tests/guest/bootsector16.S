/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A boot sector: prints by the BIOS's INT 10h and by its own hand on the first serial port and port
 * 0xe9, naming the drive it came from, then leaves by the debug exit.
 */
.code16
.globl start
start:
        cli
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %ss
        movw    $0x7c00, %sp
        sti
        cld
        movb    %dl, drive
        shrb    $4, %dl                 /* "0x80", as the BIOS names the drive */
        movb    %dl, %al
        call    digit
        movb    %al, text_drive
        movb    drive, %al
        andb    $15, %al
        call    digit
        movb    %al, text_drive + 1

        movw    $0x3f9, %dx             /* no interrupts; 115200, 8 bits */
        xorb    %al, %al
        outb    %al, %dx
        movw    $0x3fb, %dx
        movb    $0x80, %al
        outb    %al, %dx
        movw    $0x3f8, %dx
        movw    $1, %ax
        outb    %al, %dx
        incw    %dx
        movb    %ah, %al
        outb    %al, %dx
        movw    $0x3fb, %dx
        movb    $3, %al
        outb    %al, %dx

        movw    $text, %si
1:      lodsb
        testb   %al, %al
        jz      3f
        movb    $0x0e, %ah
        movw    $7, %bx
        pushw   %si
        pushw   %ax
        int     $0x10
        popw    %ax
        popw    %si
        outb    %al, $0xe9
        movb    %al, %ah
        movw    $0x3fd, %dx
        movw    $0xffff, %cx
2:      inb     %dx, %al
        testb   $0x20, %al
        loopz   2b
        movb    %ah, %al
        movw    $0x3f8, %dx
        outb    %al, %dx
        jmp     1b

        /* Reading the sector again through INT 13h must give the same bytes. */
3:      movb    drive, %dl
        movw    $0x0201, %ax
        movw    $0x0001, %cx
        xorb    %dh, %dh
        movw    $0x8000, %bx
        movw    %ds, %si
        movw    %si, %es
        int     $0x13
        movb    $0x11, %al
        jc      4f
        movw    $start, %si
        movw    $0x8000, %di
        movw    $(drive - start), %cx
        repe cmpsb
        jne     4f
        decb    %al
4:      outb    %al, $0xf4
        hlt
        jmp     4b

digit:  addb    $'0', %al
        cmpb    $'9', %al
        jbe     1f
        addb    $('a' - '9' - 1), %al
1:      ret

.org 440
drive:  .byte   0                       /* not compared: 440 and up change */
text:   .ascii  "boot sector from drive 0x"
text_drive: .asciz "..\r\n"
.org 510
        .word   0xaa55
