/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Code that another CPU changes while it runs, without any synchronization: a store of up to eight
 * aligned bytes is seen as a whole or not at all.
 */
#include "tests/guest/trap64.h"

enum { MOV_EAX = 0xb8, XOR_EAX = 0x35, RET = 0xc3, PATIENCE = 50000000, CHANGES = 4000 };

static uint8_t code[4096] __attribute__((aligned(4096)));
static volatile unsigned stop, stopped, calls, wrong;

/* Each call sees one of the forms, with a constant of that form. */
static void call_what_changes(void)
{
    while (!stop) {
        uint32_t result = 0xf;

        asm volatile("call *%1" : "+a"(result) : "r"(code) : "memory", "cc");
        wrong += !(result >> 28 == 1 && (result & 0xf) == 0) &&
                 !(result >> 28 == 2 && (result & 0xf) == 0xf);
        calls++;
    }
    stopped = 1;
    for (;;) {
        asm volatile("pause");
    }
}

/* MOV EAX or XOR EAX, VALUE; RET */
static void write_form(bool exclusive_or, uint32_t value)
{
    *(volatile uint64_t *)code =
        (exclusive_or ? XOR_EAX : MOV_EAX) | (uint64_t)value << 8 | (uint64_t)RET << 40;
}

/* The constant changes all the time, the operation now and then. */
static void test_changes(void)
{
    write_form(false, 1u << 28);
    start_ap(call_what_changes);
    check("second-cpu-starts", wait_for(&calls, 1, PATIENCE));
    for (unsigned i = 0; i < CHANGES; i++) {
        bool exclusive_or = i / 40 & 1;
        unsigned before = calls;

        write_form(exclusive_or, (exclusive_or ? 2u : 1u) << 28 | i << 4);
        for (unsigned wait = 0; i % 8 == 0 && wait < 10000 && calls == before; wait++) {
            asm volatile("pause");
        }
    }
    stop = 1;
    check("second-cpu-stops", wait_for(&stopped, 1, PATIENCE));
    check_eq("changed-as-a-whole", wrong, 0);
}

int guest_main(uintptr_t start_info)
{
    (void)start_info;
    test_changes();
    finish();
}
