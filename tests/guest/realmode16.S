/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A boot sector: segments of real mode, often enough to be translated. Offsets that wrap, bases of
 * ES, FS and GS, a stack that wraps, the limit (#GP), near and far calls of the same code by two
 * values of CS. Prints the letter of the first check that fails on port 0xe9, or "ok".
 */
TURNS = 3000

.macro check letter
        movb    $\letter, %bh           /* keeps flags */
        jne     fail
.endm

.code16
.globl start
start:
        cli
        cld
        ljmp    $0, $1f
1:      xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %ss
        movw    $0x7c00, %sp
        movw    $protection, 13 * 4
        movw    %ax, 13 * 4 + 2
        movw    $0x1000, %ax
        movw    %ax, %es
        incw    %ax
        movw    %ax, %fs
        movw    $0x2000, %ax
        movw    %ax, %gs
turn:
        movw    turns, %ax
        movw    $0xfff0, %bx
        movw    $0x20, %si
        movw    %ax, %es:(%bx,%si)
        cmpw    %ax, %es:0x10
        check   'A'
        cmpw    %ax, %fs:0
        check   'B'

        movw    $0xfff0, %bx
        leaw    0x10(%bx,%si), %dx
        cmpw    $0x20, %dx
        check   'C'
        movl    $0x12345678, %edx
        leal    4(%edx,%edx,2), %ecx
        cmpl    $0x369d036c, %ecx
        check   'D'

        movw    %sp, %di
        movw    $0x2000, %cx
        movw    %cx, %ss
        movw    $0, %sp
        pushw   %ax
        cmpw    %ax, %gs:0xfffe
        check   'E'
        pushl   $0x11223344
        movw    %sp, %cx
        cmpw    $0xfffa, %cx
        check   'F'
        popl    %edx
        popw    %cx
        movw    %sp, %bp
        xorw    %bx, %bx
        movw    %bx, %ss
        movw    %di, %sp
        testw   %bp, %bp
        check   'G'
        cmpl    $0x11223344, %edx
        check   'H'
        cmpw    %cx, %ax
        check   'I'

        movw    $0xffff, %bx
        movw    %es:(%bx), %dx          /* 3 bytes */
        movb    %es:(%bx), %dl
        decw    %bx
        movw    %es:(%bx), %dx

        movw    $7, %cx
        xorw    %dx, %dx
1:      call    near
        loop    1b
        jcxz    2f
        jmp     fail
2:      movw    $near, %bx
        call    *%bx
        call    *pointer
        lcall   $0, $far
        lcall   $0x7c0, $(far - start)
        lcall   *far_pointer
        cmpw    $7 * 3 + 6 + 3, %dx
        check   'J'

        decw    turns
        jnz     turn
        cmpw    $TURNS, faults
        check   'K'
        movb    $'o', %al
        outb    %al, $0xe9
        movb    $'k', %al
        outb    %al, $0xe9
        movb    $0x10, %al
        outb    %al, $0xf4
fail:   movb    %bh, %al
        outb    %al, $0xe9
        movb    $0x11, %al
        outb    %al, $0xf4
        hlt

near:   addw    $3, %dx
        ret
far:    incw    %dx
        lret

/* #GP: over the instruction. */
protection:
        incw    faults
        pushw   %bp
        movw    %sp, %bp
        addw    $3, 2(%bp)
        popw    %bp
        iret

turns:  .word   TURNS
faults: .word   0
pointer: .word  near
far_pointer: .word far - start, 0x7c0
.org 510
        .word   0xaa55
