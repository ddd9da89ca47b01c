/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel with a PVH note: checks the CPU state at the entry and the start info, with its command
 * line "pvh test", one module that holds "module one" and a memory map.
 *
 * Xen's "x86/HVM direct boot ABI": EBX points at struct hvm_start_info.
 */
PORT_DEBUGCON = 0xe9
PORT_EXIT = 0xf4

.section .note.pvh, "a", @note
        .long   4, 4, 18                /* XEN_ELFNOTE_PHYS32_ENTRY */
        .asciz  "Xen"
        .long   _start

/* CHECK name: ok when the zero flag is set. */
.macro CHECK name
        pushfl
        call    result
        .ascii  "\name"
        .byte   10, 0
.endm

.text
.globl _start
_start:
        movl    $stack_top, %esp
        cld
        pushfl
        popl    %eax
        movl    %cr0, %ecx
        movl    %cr4, %edx
        testl   $0x20200, %eax          /* IF, VM */
        CHECK   "entry-interrupts-off"
        movl    %ecx, %eax
        andl    $0x80000001, %eax
        cmpl    $1, %eax                /* protected mode, no paging */
        CHECK   "entry-cr0"
        testl   %edx, %edx
        CHECK   "entry-cr4"
        movl    %cs, %eax
        lsll    %eax, %eax
        cmpl    $0xffffffff, %eax
        CHECK   "entry-cs-limit"
        movl    %ds, %eax
        lsll    %eax, %eax
        cmpl    $0xffffffff, %eax
        CHECK   "entry-ds-limit"

        cmpl    $0x336ec578, (%ebx)
        CHECK   "magic"
        cmpl    $1, 4(%ebx)             /* version 1 has the memory map */
        CHECK   "version"
        cmpl    $1, 12(%ebx)
        CHECK   "one-module"
        movl    16(%ebx), %edx          /* the module list */
        cmpl    $11, 8(%edx)
        CHECK   "module-size"
        movl    (%edx), %esi
        movl    $wanted_module, %edi
        movl    $11, %ecx
        repe cmpsb
        CHECK   "module-content"
        movl    24(%ebx), %esi
        movl    $wanted_cmdline, %edi
        movl    $9, %ecx
        repe cmpsb
        CHECK   "command-line"
        movl    32(%ebx), %esi          /* ACPI's RSDP: "RSD PTR " */
        cmpl    $0x20445352, (%esi)
        CHECK   "rsdp"

        /* One entry of RAM must hold this kernel; none may touch the ROM below 4 GiB. */
        movl    40(%ebx), %esi
        movl    48(%ebx), %ecx
        testl   %ecx, %ecx
        jz      3f
        xorl    %edi, %edi
1:      cmpl    $1, 16(%esi)
        jne     2f
        cmpl    $0, 4(%esi)
        jne     2f
        movl    $guest_end, %eax
        subl    (%esi), %eax            /* end of the kernel from the start of the entry */
        jb      2f
        cmpl    $_start, (%esi)
        ja      2f
        cmpl    %eax, 8(%esi)
        jb      2f
        incl    %edi
2:      addl    $24, %esi
        loop    1b
        cmpl    $1, %edi
3:      CHECK   "memory-map-has-the-kernel-once"
        cmpl    $2, 48(%ebx)
        setae   %al
        cmpb    $1, %al
        CHECK   "memory-map-has-entries"

        movl    $text_done, %esi
        call    print
        movl    checks, %eax
        aam                             /* two digits */
        addw    $0x3030, %ax
        xchgb   %al, %ah
        outb    %al, $PORT_DEBUGCON
        movb    %ah, %al
        outb    %al, $PORT_DEBUGCON
        movb    $'\n', %al
        outb    %al, $PORT_DEBUGCON
        movb    $0x10, %al
        addb    failed, %al
1:      outb    %al, $PORT_EXIT
        hlt
        jmp     1b

/* Prints a check: the name is behind the call, the flags on the stack above it. */
result: pushal
        incl    checks
        testl   $0x40, 36(%esp)
        movl    $text_ok, %esi
        jnz     1f
        movl    $text_fail, %esi
        movb    $1, failed
1:      call    print
        movl    32(%esp), %esi
        call    print
        movl    %esi, 32(%esp)
        popal
        ret     $4

print:  lodsb
        testb   %al, %al
        jz      1f
        outb    %al, $PORT_DEBUGCON
        jmp     print
1:      ret

.data
text_ok: .asciz "ok "
text_fail: .asciz "FAIL "
text_done: .asciz "done "
wanted_module: .asciz "module one"
wanted_cmdline: .asciz "pvh test"
failed: .byte   0
.balign 4
checks: .long   0
.bss
.balign 16
        .skip   4096
stack_top:
.section .note.GNU-stack, "", @progbits
