# SPDX-License-Identifier: Apache-2.0
#
# Fuzzers: each tests/fuzz/fuzz_*.c is a program, with everything but the emulator's main().
#
#   make fuzz                 build them, to be run on random bytes: tests/fuzz/fuzz_devices SEED N
#   make fuzz LIBFUZZER=1     for libFuzzer: configured with clang, --enable-asan and
#                             EXTRA_CFLAGS=-fsanitize=fuzzer-no-link

fuzzers := $(filter tests/fuzz/fuzz_%,$(basename $(call files_in,tests/fuzz,c)))
fuzz_driver := $(if $(LIBFUZZER),,tests/fuzz/driver.o)
fuzz_flags := $(if $(LIBFUZZER),-fsanitize=fuzzer)

fuzz: $(fuzzers) ## build the fuzzers
.PHONY: fuzz

$(fuzzers): LDFLAGS += $(fuzz_flags)
$(fuzzers): %: %.o $(fuzz_driver) $(filter-out $(main),$(objects))
	$(link)

-include $(addsuffix .d,$(fuzzers)) tests/fuzz/driver.d
