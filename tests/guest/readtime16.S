/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A boot sector: reads its drive's first sectors by the BIOS a few times, prints the time stamp
 * counter after each on port 0xe9, then leaves by the debug exit.
 */
.code16
.globl start
start:
        cli
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7c00, %sp
        sti
        cld
1:      movw    $0x0210, %ax            /* 16 sectors from the second on */
        movw    $0x0002, %cx
        xorb    %dh, %dh
        movw    $0x8000, %bx
        pushw   %dx
        int     $0x13
        popw    %dx
        movb    $0x11, %al
        jc      3f
        pushw   %dx
        rdtsc
        movl    %eax, %ebx
        movl    %edx, %eax
        call    number
        movl    %ebx, %eax
        call    number
        movb    $'\n', %al
        outb    %al, $0xe9
        popw    %dx
        decb    turns
        jnz     1b
        movb    $0x10, %al
3:      outb    %al, $0xf4
        hlt
        jmp     3b

/* Eight digits of EAX. */
number: movw    $8, %cx
1:      roll    $4, %eax
        pushl   %eax
        andb    $15, %al
        addb    $'0', %al
        cmpb    $'9', %al
        jbe     2f
        addb    $('a' - '9' - 1), %al
2:      outb    %al, $0xe9
        popl    %eax
        loop    1b
        ret

turns:  .byte   20
.org 510
        .word   0xaa55
