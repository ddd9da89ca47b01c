# SPDX-License-Identifier: Apache-2.0
# tests/insn_blocks is linked with the programs tests/insn/blocks*, which see everything.
insn_blocks := $(call objects_of,$(call files_in,tests/insn_blocks,c))
$(filter tests/insn/blocks%,$(unit_tests)): $(insn_blocks)
-include $(insn_blocks:.o=.d)
