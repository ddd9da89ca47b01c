/* SPDX-License-Identifier: Apache-2.0 */
/* bench-cpu's loop as a multiboot guest; ends by isa-debug-exit. */
        .section .text
        .globl  _start
        .align  4
header: .long   0x1badb002, 0, -0x1badb002
_start: mov     $stack, %esp
#include "cpu_loop.inc"
        mov     $0, %al
        out     %al, $0xf4
5:      hlt
        jmp     5b
        .bss
        .align  4096
buffer: .skip   4096 * 4
        .skip   4096
stack:
