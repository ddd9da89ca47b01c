/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x87, SSE, AVX and PKRU between KVM's XSAVE area (or KVM_GET_FPU) and struct x86_cpu.
 *
 * The area keeps components that the struct lacks (AVX-512, MPX): a push changes only what the
 * struct holds.
 *
 * Absent: those components in saved machines; they are kept within the process only.
 */
#include "accel/kvm/kvm_impl.h"

#include "util/bytes.h"
#include <string.h>
#include <sys/ioctl.h>

/* Offsets in the legacy part and the header; Intel SDM volume 1, 13.4. */
enum {
    AT_FCW = 0,
    AT_FSW = 2,
    AT_FTW = 4,
    AT_FOP = 6,
    AT_FIP = 8,
    AT_FDP = 16,
    AT_MXCSR = 24,
    AT_ST = 32,
    AT_XMM = 160,
    AT_XSTATE_BV = 512,
};

#define FSW_TOP_SHIFT 11

static void fpu_init(struct x86_fpu *f)
{
    *f = (struct x86_fpu){.cw = 0x37f, .empty = 0xff};
}

static void set_st(struct x86_fpu *f, unsigned i, const uint8_t *p)
{
    f->r[(f->top + i) & 7] = (struct x86_fpr){.mant = load_le64(p), .exp = load_le16(p + 8)};
}

static void get_st(const struct x86_fpu *f, unsigned i, uint8_t *p)
{
    const struct x86_fpr *r = &f->r[(f->top + i) & 7];

    store_le64(p, r->mant);
    store_le16(p + 8, r->exp);
}

static void set_status(struct x86_fpu *f, uint16_t fsw)
{
    f->top = fsw >> FSW_TOP_SHIFT & 7;
    f->sw = fsw & (uint16_t) ~(7 << FSW_TOP_SHIFT);
}

static uint16_t status(const struct x86_fpu *f)
{
    return (uint16_t)(f->sw | f->top << FSW_TOP_SHIFT);
}

static void legacy_to_cpu(struct x86_cpu *cpu, const uint8_t *a, uint64_t present)
{
    if (present & XCR0_X87) {
        cpu->fpu.cw = load_le16(a + AT_FCW);
        set_status(&cpu->fpu, load_le16(a + AT_FSW));
        cpu->fpu.empty = (uint8_t)~a[AT_FTW];
        cpu->fpu.op = load_le16(a + AT_FOP) & 0x7ff;
        cpu->fpu.ip = load_le64(a + AT_FIP);
        cpu->fpu.dp = load_le64(a + AT_FDP);
        for (unsigned i = 0; i < 8; i++) {
            set_st(&cpu->fpu, i, a + AT_ST + 16 * i);
        }
    } else {
        fpu_init(&cpu->fpu);
    }
    cpu->mxcsr = present & (XCR0_SSE | XCR0_AVX) ? load_le32(a + AT_MXCSR) : 0x1f80;
    for (unsigned i = 0; i < 16; i++) {
        if (present & XCR0_SSE) {
            memcpy(cpu->vec[i].b, a + AT_XMM + 16 * i, 16);
        } else {
            memset(cpu->vec[i].b, 0, 16);
        }
    }
}

static void cpu_to_legacy(const struct x86_cpu *cpu, uint8_t *a)
{
    store_le16(a + AT_FCW, cpu->fpu.cw);
    store_le16(a + AT_FSW, status(&cpu->fpu));
    a[AT_FTW] = (uint8_t)~cpu->fpu.empty;
    store_le16(a + AT_FOP, cpu->fpu.op);
    store_le64(a + AT_FIP, cpu->fpu.ip);
    store_le64(a + AT_FDP, cpu->fpu.dp);
    store_le32(a + AT_MXCSR, cpu->mxcsr);
    for (unsigned i = 0; i < 8; i++) {
        get_st(&cpu->fpu, i, a + AT_ST + 16 * i);
    }
    for (unsigned i = 0; i < 16; i++) {
        memcpy(a + AT_XMM + 16 * i, cpu->vec[i].b, 16);
    }
}

/* Where component @i stands in the area, or NULL when the host has none. */
static uint8_t *part(const struct kvm_vcpu *kv, unsigned i)
{
    const struct x86_xsave_part *p = &kv->kvm->caps.xsave[i];

    return p->size ? (uint8_t *)kv->xsave + p->offset : NULL;
}

static bool xsave_io(struct kvm_vcpu *kv, bool get)
{
    unsigned long request = !get                         ? KVM_SET_XSAVE
                            : kv->kvm->xsave_size > 4096 ? KVM_GET_XSAVE2
                                                         : KVM_GET_XSAVE;

    if (ioctl(kv->fd, request, kv->xsave) != 0) {
        kvm_complain(kv, "vector registers");
        return false;
    }
    return true;
}

static void pull_xsave(struct kvm_vcpu *kv)
{
    struct x86_cpu *cpu = kv->cpu;
    const uint8_t *a = kv->xsave, *ymm = part(kv, 2), *pkru = part(kv, 9);
    uint64_t present;

    if (!xsave_io(kv, true)) {
        return;
    }
    present = load_le64(a + AT_XSTATE_BV);
    legacy_to_cpu(cpu, a, present);
    for (unsigned i = 0; i < 16; i++) {
        if (ymm && (present & XCR0_AVX)) {
            memcpy(cpu->vec[i].b + 16, ymm + 16 * i, 16);
        } else {
            memset(cpu->vec[i].b + 16, 0, 16);
        }
    }
    cpu->pkru = pkru && (present & XCR0_PKRU) ? load_le32(pkru) : 0;
}

static void push_xsave(struct kvm_vcpu *kv)
{
    const struct x86_cpu *cpu = kv->cpu;
    uint8_t *a = kv->xsave, *ymm = part(kv, 2), *pkru = part(kv, 9);
    uint64_t present = load_le64(a + AT_XSTATE_BV);

    cpu_to_legacy(cpu, a);
    present |= XCR0_X87 | XCR0_SSE;
    if (ymm && x86_has(cpu, X86_F_AVX)) {
        for (unsigned i = 0; i < 16; i++) {
            memcpy(ymm + 16 * i, cpu->vec[i].b + 16, 16);
        }
        present |= XCR0_AVX;
    }
    if (pkru && x86_has(cpu, X86_F_PKU)) {
        store_le32(pkru, cpu->pkru);
        present |= XCR0_PKRU;
    }
    store_le64(a + AT_XSTATE_BV, present);
    xsave_io(kv, false);
}

static void pull_plain(struct kvm_vcpu *kv)
{
    struct x86_cpu *cpu = kv->cpu;
    struct kvm_fpu f = {0};

    if (ioctl(kv->fd, KVM_GET_FPU, &f) != 0) {
        kvm_complain(kv, "x87 registers");
        return;
    }
    cpu->fpu.cw = f.fcw;
    set_status(&cpu->fpu, f.fsw);
    cpu->fpu.empty = (uint8_t)~f.ftwx;
    cpu->fpu.op = f.last_opcode & 0x7ff;
    cpu->fpu.ip = f.last_ip;
    cpu->fpu.dp = f.last_dp;
    cpu->mxcsr = f.mxcsr;
    for (unsigned i = 0; i < 8; i++) {
        set_st(&cpu->fpu, i, f.fpr[i]);
    }
    for (unsigned i = 0; i < 16; i++) {
        memcpy(cpu->vec[i].b, f.xmm[i], 16);
    }
}

static void push_plain(struct kvm_vcpu *kv)
{
    const struct x86_cpu *cpu = kv->cpu;
    struct kvm_fpu f = {
        .fcw = cpu->fpu.cw,
        .fsw = status(&cpu->fpu),
        .ftwx = (uint8_t)~cpu->fpu.empty,
        .last_opcode = cpu->fpu.op,
        .last_ip = cpu->fpu.ip,
        .last_dp = cpu->fpu.dp,
        .mxcsr = cpu->mxcsr,
    };

    for (unsigned i = 0; i < 8; i++) {
        get_st(&cpu->fpu, i, f.fpr[i]);
    }
    for (unsigned i = 0; i < 16; i++) {
        memcpy(f.xmm[i], cpu->vec[i].b, 16);
    }
    if (ioctl(kv->fd, KVM_SET_FPU, &f) != 0) {
        kvm_complain(kv, "x87 registers");
    }
}

void kvm_pull_fpu(struct kvm_vcpu *kv)
{
    if (kv->xsave) {
        pull_xsave(kv);
    } else {
        pull_plain(kv);
    }
}

void kvm_push_fpu(struct kvm_vcpu *kv)
{
    if (kv->xsave) {
        push_xsave(kv);
    } else {
        push_plain(kv);
    }
}
