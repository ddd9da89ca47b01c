# SPDX-License-Identifier: Apache-2.0
#
# Tiny guests in C: NAME64.c runs in long mode and is entered by PVH, NAME.c in 32-bit protected
# mode by multiboot. start64.inc and start32.inc hold what comes before guest_main(), guest.ld the
# layout.

guest_cc = $(call say,CC,$@)$(newline)@mkdir -p $(@D)$(newline)$(at)$(CC) -I$(SRC) $1 \
           -std=gnu11 -O2 -Wall -Wextra -Wno-unused-function -ffreestanding -fpie \
           -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables \
           -fno-strict-aliasing -mgeneral-regs-only -mno-red-zone -MMD -MP -c -o $@ $<
guest_c_link = $(call say,GUEST,$@)$(newline)$(at)ld $1 -T $(SRC)/tests/guest/guest.ld \
               -z noexecstack --build-id=none -nostdlib -static -o $@ $(filter %.go,$^)

guests_c64 := $(filter %64,$(guests_c))
guests_c32 := $(filter-out $(guests_c64),$(guests_c))
$(addsuffix .go,$(guests_c64)): %.go: $(SRC)/%.c config-host.mak
	$(call guest_cc,-m64)
$(addsuffix .go,$(guests_c32)): %.go: $(SRC)/%.c config-host.mak
	$(call guest_cc,-m32)
tests/guest/start64.go: $(SRC)/tests/guest/start64.inc config-host.mak
	$(call guest_as,-m64 -x assembler-with-cpp)
tests/guest/start32.go: $(SRC)/tests/guest/start32.inc config-host.mak
	$(call guest_as,-m32 -x assembler-with-cpp)
$(guests_c64): %: %.go tests/guest/start64.go $(SRC)/tests/guest/guest.ld
	$(call guest_c_link,-m elf_x86_64)
$(guests_c32): %: %.go tests/guest/start32.go $(SRC)/tests/guest/guest.ld
	$(call guest_c_link,-m elf_i386)
