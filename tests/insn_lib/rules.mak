# tests/insn_lib is linked with the programs of tests/insn. Those of single instructions see the CPU, memory and util, but
# not how a CPU becomes a machine's thread, which would bring in everything else.
insn_lib := $(call objects_of,$(call files_in,tests/insn_lib,c))
insn_programs := $(filter-out blocks%,$(patsubst tests/insn/%,%,$(filter tests/insn/%,$(unit_tests))))
insn_target := $(filter-out target/i386/vcpu.o,$(filter target/%,$(objects)))
layered += $(insn_programs)
$(foreach p,$(insn_programs),$(eval layer_$p := $(insn_target:.o=.h) memory util))
$(filter tests/insn/%,$(unit_tests)): $(insn_lib)
-include $(insn_lib:.o=.d)
