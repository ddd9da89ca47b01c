/* SPDX-License-Identifier: Apache-2.0 */
/* bench-cpu's loop as a program of the host. */
        .section .text
        .globl  _start
_start:
#include "cpu_loop.inc"
        mov     $1, %eax
        xor     %ebx, %ebx
        int     $0x80
        .bss
        .align  4096
buffer: .skip   4096 * 4
