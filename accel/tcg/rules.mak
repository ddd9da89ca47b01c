# SPDX-License-Identifier: Apache-2.0
# Blocks may run into each other only where calls at a function's end become jumps.
ifneq ($(filter -O2 -O3,$(OPTIMIZE)),)
ifeq ($(strip $(SANITIZE)),)
accel/tcg/%.o: CPPFLAGS += -DTCG_CHAIN=1
endif
endif
