/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts all other CPUs by INIT and start-up IPIs; each adds one to a counter. Prints how many came,
 * which the command line names: "cpus=4".
 *
 * Multiboot, 32-bit protected mode without paging.
 */
PORT_DEBUGCON = 0xe9
PORT_EXIT = 0xf4
LAPIC = 0xfee00000
AP_CODE = 0x8000

.section .text
.balign 4
        .long   0x1badb002, 0, -0x1badb002

.globl _start
_start:
        cli
        movl    $stack_top, %esp
        movl    %ebx, %ebp
        cld

        /* The other CPUs begin in real mode, at a page below 1 MiB. */
        movl    $ap_code, %esi
        movl    $AP_CODE, %edi
        movl    $(ap_code_end - ap_code), %ecx
        rep movsb
        movl    $0x1ff, LAPIC + 0xf0
        movl    $0xc4500, LAPIC + 0x300 /* INIT to all others */
        call    pause_a_little
        movl    $(0xc4600 + (AP_CODE >> 12)), LAPIC + 0x300
        call    pause_a_little
        movl    $(0xc4600 + (AP_CODE >> 12)), LAPIC + 0x300

        call    wanted                  /* EAX: how many CPUs there should be */
        movl    %eax, %edi
        decl    %eax
        movl    $20000000, %ecx
1:      cmpl    %eax, counter
        jae     2f
        pause
        loop    1b
2:      call    pause_a_little          /* one too many would show now */
        call    pause_a_little
        movl    counter, %ebx
        incl    %ebx
        movl    $text_ok, %esi
        cmpl    %ebx, %edi
        je      3f
        movl    $text_fail, %esi
3:      call    print
        movb    %bl, %al
        addb    $'0', %al
        outb    %al, $PORT_DEBUGCON
        movl    $text_done, %esi
        call    print
        movb    $0x10, %al
        cmpl    %ebx, %edi
        je      4f
        incb    %al
4:      outb    %al, $PORT_EXIT
        hlt
        jmp     4b

/* EAX: the digit behind "cpus=" in multiboot's command line, 0 without. */
wanted:
        xorl    %eax, %eax
        testl   $4, (%ebp)
        jz      3f
        movl    16(%ebp), %esi
1:      cmpb    $0, (%esi)
        je      3f
        cmpl    $0x73757063, (%esi)     /* "cpus" */
        jne     2f
        cmpb    $'=', 4(%esi)
        jne     2f
        movzbl  5(%esi), %eax
        subl    $'0', %eax
        ret
2:      incl    %esi
        jmp     1b
3:      ret

print:  lodsb
        testb   %al, %al
        jz      1f
        outb    %al, $PORT_DEBUGCON
        jmp     print
1:      ret

pause_a_little:
        movl    $100000, %ecx
1:      pause
        loop    1b
        ret

.code16
ap_code:
        cli
        xorw    %ax, %ax
        movw    %ax, %ds
        lgdtl   AP_CODE + gdt_pointer - ap_code
        movl    %cr0, %eax
        orb     $1, %al
        movl    %eax, %cr0
        ljmpl   $0x08, $ap32
.balign 8
gdt:    .quad   0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
        .word   . - gdt - 1
        .long   AP_CODE + gdt - ap_code
ap_code_end:

.code32
ap32:   movl    $0x10, %eax
        movl    %eax, %ds
        /* Each CPU counts once, even when the second start-up IPI came late. */
        movl    LAPIC + 0x20, %ecx
        shrl    $24, %ecx
        lock btsl %ecx, came
        jc      1f
        movl    $1, %eax
        lock xaddl %eax, counter
1:      cli
        hlt
        jmp     1b

.section .data
text_ok: .asciz "ok smp-count "
text_fail: .asciz "FAIL smp-count: "
text_done: .asciz "\ndone 1\n"
.balign 4
counter: .long  0
came:   .long   0

.section .bss
        .balign 16
        .skip   4096
stack_top:
.section .note.GNU-stack, "", @progbits
