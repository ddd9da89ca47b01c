/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disassembly of guest code by the capstone library.
 */
#include "target/i386/listing.h"
#include <capstone/capstone.h>
#include <inttypes.h>

bool x86_listing(const uint8_t *code, unsigned len, uint64_t rip, unsigned bits,
                 void (*print)(void *opaque, const char *fmt, ...), void *opaque)
{
    cs_mode mode = bits == 64 ? CS_MODE_64 : bits == 32 ? CS_MODE_32 : CS_MODE_16;
    unsigned done = 0;
    cs_insn *insn;
    size_t count;
    csh handle;

    if (cs_open(CS_ARCH_X86, mode, &handle) != CS_ERR_OK) {
        return false;
    }
    cs_option(handle, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
    count = cs_disasm(handle, code, len, rip, 0, &insn);
    for (size_t n = 0; n < count; n++) {
        print(opaque, "0x%08" PRIx64 ":  %-8s %s\n", insn[n].address, insn[n].mnemonic,
              insn[n].op_str);
        done += insn[n].size;
    }
    if (count) {
        cs_free(insn, count);
    }
    for (; done < len; done++) {
        print(opaque, "0x%08" PRIx64 ":  .byte    0x%02x\n", rip + done, code[done]);
    }
    cs_close(&handle);
    return true;
}
