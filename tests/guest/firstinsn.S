/* SPDX-License-Identifier: Apache-2.0 */
/* The shortest guest: its first instruction writes to the debug console, then it
   leaves by the debug exit. For measuring how long a start takes. */
.text
.balign 4
        .long   0x1badb002, 0, -0x1badb002
.globl _start
_start:
        outb    %al, $0xe9
        movb    $0x10, %al
        outb    %al, $0xf4
1:      hlt
        jmp     1b
.data
        .skip   64                      /* QEMU's loader never ends on a kernel without data */
.section .note.GNU-stack, "", @progbits
