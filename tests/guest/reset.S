/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resets the machine in four ways, one per boot, counting boots in a byte of CMOS: triple fault,
 * keyboard controller, port 0xcf9, port 0x92. After the last it reports.
 *
 * Multiboot. Registers and RAM need not survive a reset; CMOS does.
 */
PORT_DEBUGCON = 0xe9
PORT_EXIT = 0xf4
CMOS_MAGIC = 0x50
CMOS_COUNT = 0x51

.text
.balign 4
        .long   0x1badb002, 0, -0x1badb002

.globl _start
_start:
        cli
        cld
        movl    $stack_top, %esp
        movb    $CMOS_MAGIC, %al
        outb    %al, $0x70
        inb     $0x71, %al
        cmpb    $0xa7, %al
        je      1f
        movb    $0xa7, %al              /* the first boot */
        outb    %al, $0x71
        xorb    %bl, %bl
        jmp     2f
1:      movb    $CMOS_COUNT, %al
        outb    %al, $0x70
        inb     $0x71, %al
        movb    %al, %bl
2:      movb    $CMOS_COUNT, %al
        outb    %al, $0x70
        movb    %bl, %al
        incb    %al
        outb    %al, $0x71

        movl    %cr0, %eax              /* no reset leaves paging on */
        testl   $0x80000000, %eax
        jnz     fail
        cmpb    $0, %bl
        je      triple_fault
        movl    $text_ok, %esi
        call    print
        movzbl  %bl, %eax
        movl    names - 4(,%eax,4), %esi
        call    print
        cmpb    $1, %bl
        je      keyboard
        cmpb    $2, %bl
        je      port_cf9
        cmpb    $3, %bl
        je      port_92
        movl    $text_done, %esi
        call    print
        movb    $0x10, %al
1:      outb    %al, $PORT_EXIT
        hlt
        jmp     1b

triple_fault:
        lidt    no_idt
        ud2
keyboard:
        movb    $0xfe, %al
        outb    %al, $0x64
        jmp     wait
port_cf9:
        movw    $0xcf9, %dx
        movb    $0x02, %al
        outb    %al, %dx
        movb    $0x06, %al
        outb    %al, %dx
        jmp     wait
port_92:
        inb     $0x92, %al
        andb    $0xfe, %al
        outb    %al, $0x92
        orb     $1, %al
        outb    %al, $0x92
wait:   movl    $50000000, %ecx         /* a reset may take its time */
1:      pause
        loop    1b
fail:   movl    $text_fail, %esi
        call    print
        movb    $0x11, %al
1:      outb    %al, $PORT_EXIT
        hlt
        jmp     1b

print:  lodsb
        testb   %al, %al
        jz      1f
        outb    %al, $PORT_DEBUGCON
        jmp     print
1:      ret

.data
text_ok: .asciz "ok reset-by-"
text_fail: .asciz "FAIL no reset followed\n"
text_done: .asciz "done 4\n"
triple: .asciz "triple-fault\n"
kbd:    .asciz "keyboard-controller\n"
cf9:    .asciz "port-cf9\n"
p92:    .asciz "port-92\n"
.balign 4
names:  .long   triple, kbd, cf9, p92
no_idt: .word   0
        .long   0
.bss
.balign 16
        .skip   4096
stack_top:
.section .note.GNU-stack, "", @progbits
