/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all tiny guests in C share: ports, printing, checks, the end.
 *
 * A guest prints one line per check on port 0xe9: "ok NAME", "FAIL NAME: why" or "skip NAME: why".
 * Then "done N", N being the number of lines before, and a write of PASS or FAIL to port 0xf4.
 */
#ifndef TESTS_GUEST_LIB_H
#define TESTS_GUEST_LIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PORT_DEBUGCON = 0xe9,
    PORT_EXIT = 0xf4,
    STATUS_PASS = 0x10,
    STATUS_FAIL = 0x11,
};

/* Fields of the CPUID leaves that are asked for. */
struct cpuid {
    uint32_t eax, ebx, ecx, edx;
};

static unsigned checks, failures;

static inline void outb(uint16_t port, uint8_t val)
{
    asm volatile("outb %0, %1" : : "a"(val), "Nd"(port) : "memory");
}

static inline void outl(uint16_t port, uint32_t val)
{
    asm volatile("outl %0, %1" : : "a"(val), "Nd"(port) : "memory");
}

static inline uint8_t inb(uint16_t port)
{
    uint8_t val;

    asm volatile("inb %1, %0" : "=a"(val) : "Nd"(port) : "memory");
    return val;
}

static inline uint64_t rdtsc(void)
{
    uint32_t low, high;

    asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t low, high;

    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
    return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t val)
{
    asm volatile("wrmsr" : : "c"(msr), "a"((uint32_t)val), "d"((uint32_t)(val >> 32)) : "memory");
}

static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid c;

    asm volatile("cpuid"
                 : "=a"(c.eax), "=b"(c.ebx), "=c"(c.ecx), "=d"(c.edx)
                 : "0"(leaf), "2"(subleaf));
    return c;
}

/* Whether bit BIT of register REG (0 to 3: eax to edx) of a CPUID leaf is set; absent leaves: no.
 */
static inline bool has_feature(uint32_t leaf, uint32_t subleaf, unsigned reg, unsigned bit)
{
    struct cpuid c;

    if (cpuid(leaf & 0x80000000u, 0).eax < leaf) {
        return false;
    }
    c = cpuid(leaf, subleaf);
    return (reg == 0 ? c.eax : reg == 1 ? c.ebx : reg == 2 ? c.ecx : c.edx) >> bit & 1;
}

static inline void put(const char *s)
{
    while (*s) {
        outb(PORT_DEBUGCON, (uint8_t)*s++);
    }
}

static inline void put_hex(uint64_t val)
{
    char text[19];
    unsigned i = sizeof(text) - 1;

    text[i] = 0;
    do {
        text[--i] = "0123456789abcdef"[val & 15];
        val >>= 4;
    } while (val);
    text[--i] = 'x';
    text[--i] = '0';
    put(text + i);
}

static inline void put_dec(uint32_t val)
{
    char text[11];
    unsigned i = sizeof(text) - 1;

    text[i] = 0;
    do {
        text[--i] = (char)('0' + val % 10);
        val /= 10;
    } while (val);
    put(text + i);
}

/* Starts the line of a check; the caller finishes it. */
static inline void begin(const char *word, const char *name)
{
    checks++;
    put(word);
    put(" ");
    put(name);
}

static inline void skip(const char *name, const char *why)
{
    begin("skip", name);
    put(": ");
    put(why);
    put("\n");
}

static inline bool check(const char *name, bool good)
{
    begin(good ? "ok" : "FAIL", name);
    put("\n");
    failures += !good;
    return good;
}

static inline bool check_eq(const char *name, uint64_t got, uint64_t want)
{
    if (got == want) {
        return check(name, true);
    }
    begin("FAIL", name);
    put(": got ");
    put_hex(got);
    put(", want ");
    put_hex(want);
    put("\n");
    failures++;
    return false;
}

/* Ends the guest: without failures it passes. */
static inline void __attribute__((noreturn)) finish(void)
{
    put("done ");
    put_dec(checks);
    put("\n");
    for (;;) {
        outb(PORT_EXIT, failures ? STATUS_FAIL : STATUS_PASS);
        asm volatile("hlt");
    }
}

static inline void fill(void *to, uint8_t byte, size_t n)
{
    asm volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(byte) : "memory");
}

static inline void copy(void *to, const void *from, size_t n)
{
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

#endif
