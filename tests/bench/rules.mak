# SPDX-License-Identifier: Apache-2.0
#
# The programs that run in guests and on the host: vbench/common and vbench/linux64 make vbench,
# a static 64-bit program; vbench/common and vbench/bare32 make vbench32, which needs no C library.

vbench64_objects := $(addsuffix .o64,$(basename $(call files_in,tests/bench/vbench/common \
                    tests/bench/vbench/linux64,c)))
vbench32_objects := $(addsuffix .o32,$(basename $(call files_in,tests/bench/vbench/common \
                    tests/bench/vbench/bare32,c)))
vbench_programs := tests/bench/vbench64 tests/bench/vbench32

# No vectors but those that a benchmark asks for
vbench_cc = $(call say,CC,$@)$(newline)@mkdir -p $(@D)$(newline)$(at)$(CC) -I$(SRC) -D_GNU_SOURCE \
            -std=gnu11 -O2 $(WARNINGS) -fno-tree-vectorize -fno-strict-aliasing -fwrapv \
            -fno-stack-protector -fno-pie -pthread $1 -MMD -MP -MF $@.d -c -o $@ $<
$(vbench64_objects): %.o64: $(SRC)/%.c config-host.mak
	$(call vbench_cc,-m64)
$(vbench32_objects): %.o32: $(SRC)/%.c config-host.mak
	$(call vbench_cc,-m32 -mno-sse -ffreestanding -fno-asynchronous-unwind-tables)

# Without a static C library there is no vbench64: tests skip then.
tests/bench/vbench64: $(vbench64_objects)
	$(call say,LINK,$@)
	$(at)$(CC) -m64 -static -no-pie -pthread -o $@ $^ -lm || rm -f $@
tests/bench/vbench32: $(vbench32_objects)
	$(call say,LINK,$@)
	$(at)$(CC) -m32 -static -no-pie -nostdlib -Wl,--build-id=none -z noexecstack -o $@ $^

# Built with the guests, by whatever runs those
guests += $(vbench_programs)
-include $(addsuffix .d,$(vbench64_objects) $(vbench32_objects))
