# tests/insn_lib is linked with the programs of tests/insn. These see the CPU, memory and util, but
# not how a CPU becomes a machine's thread, which would bring in everything else.
insn_lib := $(call objects_of,$(call files_in,tests/insn_lib,c))
insn_programs := $(patsubst tests/insn/%,%,$(filter tests/insn/%,$(unit_tests)))
insn_target := $(filter-out target/i386/vcpu.o,$(filter target/%,$(objects)))
layered += $(insn_programs)
$(foreach p,$(insn_programs),$(eval layer_$p := $(insn_target:.o=.h) memory util))
$(addprefix tests/insn/,$(insn_programs)): $(insn_lib)
-include $(insn_lib:.o=.d)
