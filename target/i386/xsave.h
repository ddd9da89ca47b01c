/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout of XSAVE areas, for the instructions, CPUID leaf 0xd and KVM's state.
 */
#ifndef VITRO_TARGET_I386_XSAVE_H
#define VITRO_TARGET_I386_XSAVE_H

#include "target/i386/cpu.h"

enum {
    XSAVE_LEGACY_BYTES = 512,
    XSAVE_HEADER_BYTES = 64,
    XSAVE_MAX_BYTES = 4096,
};

/* A state component beyond x87 and SSE: where the standard format has it. Size 0: no such one. */
struct xsave_component {
    uint16_t offset;
    uint16_t size;
};

struct xsave_component xsave_component(unsigned n);

/* Bytes of an area for these components, in the standard or the compacted format. */
unsigned xsave_area_size(uint64_t components, bool compact);

/*
 * The whole state in the standard format, as KVM_GET_XSAVE has it: `area` is XSAVE_MAX_BYTES.
 * Loading returns false when the header or MXCSR is not acceptable; nothing is changed then.
 */
void xsave_to_area(struct x86_cpu *cpu, uint8_t *area);
bool xsave_from_area(struct x86_cpu *cpu, const uint8_t *area);

#endif
