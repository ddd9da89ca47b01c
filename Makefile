# SPDX-License-Identifier: Apache-2.0
#
# The one Makefile. configure writes build/Makefile, which sets SRC and includes this file.
# Every .c or .S file below a module folder is part of the emulator, every .c file below
# tests/unit and tests/device is a test program: adding a file edits no list.

ifndef SRC
# Run in the source itself: forward to build/.
.DEFAULT_GOAL := all
.PHONY: Makefile
Makefile: ;
%:
	@test -f build/config-host.mak || { echo 'Run ./configure first.' >&2; exit 1; }
	@+$(MAKE) --no-print-directory -C build $@
all:
	@test -f build/config-host.mak || { echo 'Run ./configure first.' >&2; exit 1; }
	@+$(MAKE) --no-print-directory -C build all
.PHONY: all
else

.DEFAULT_GOAL := all
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules

include config-host.mak

# ---- flags ---------------------------------------------------------------------------------

CPPFLAGS := -D_GNU_SOURCE -I$(SRC) -I. -include config.h -fmacro-prefix-map=$(SRC)/=
# No strict aliasing: parts of guest registers are read and written through narrower types.
CFLAGS := -std=gnu11 $(WARNINGS) $(OPTIMIZE) $(SANITIZE) -fno-strict-aliasing -fPIE -fno-common \
          -pthread $(LIB_CFLAGS) $(EXTRA_CFLAGS)
LDFLAGS := -pie -pthread -Wl,--as-needed -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack \
           $(SANITIZE) $(EXTRA_LDFLAGS)
LDLIBS := $(LIBS) -lm

# Quiet unless V=1: $(call say,CC,file)
ifeq ($(V),1)
say :=
at :=
else
say = @printf '  %-6s %s\n' $1 $2
at := @
endif

# ---- files ---------------------------------------------------------------------------------

modules := accel block chardev hw memory migration monitor net system target ui util

# All files below folders, three levels deep: $(call files_in,folders,ending), from the root
depths := / /*/ /*/*/ /*/*/*/
files_in = $(sort $(patsubst $(SRC)/%,%,$(wildcard $(foreach d,$1,$(addprefix \
           $(SRC)/$d,$(addsuffix *.$2,$(depths)))))))
objects_of = $(addsuffix .o,$(basename $1))

off := $(patsubst $(SRC)/%,%,$(wildcard $(addprefix $(SRC)/,$(OFF_FILES))))
sources := $(filter-out $(off),$(call files_in,$(modules),c) $(call files_in,$(modules),S))
objects := $(call objects_of,$(sources))
main := system/main.o

# What the unit tests of a folder are linked with: util, the back-ends and memory only with
# what tests/lint/layers.txt lets them see, all others with everything but main().
layered := block chardev memory net ui util
$(foreach f,$(layered),$(eval layer_$f := $f \
    $(shell sed -n 's/^$f: *//p' $(SRC)/tests/lint/layers.txt)))
layer_objects = $(filter $(addsuffix /%,$(filter-out %.h,$1)) \
                $(patsubst %.h,%.o,$(filter %.h,$1)),$(objects))
program_folder = $(word 3,$(subst /, ,$1))
unit_objects = $(filter-out $(main),$(if $(filter $(layered),$(program_folder)),$(call \
               layer_objects,$(layer_$(program_folder))),$(objects)))

# tests/lib is linked with every test program and needs nothing but util.
test_lib := $(call objects_of,$(call files_in,tests/lib,c))
unit_tests := $(basename $(call files_in,tests/unit tests/insn,c))
device_tests := $(basename $(call files_in,tests/device,c))

# Tiny guests: NAME.S is a 32-bit multiboot ELF at 1 MiB, NAME64.S a 64-bit ELF there,
# NAME16.S a flat 16-bit image at 0x7c00. NAME.ld beside it replaces the default layout.
# Those in C have their rules in tests/guest/rules.mak.
guests_s := $(basename $(call files_in,tests/guest,S))
guests_c := $(basename $(call files_in,tests/guest,c))
guests := $(guests_s) $(guests_c)

tool_mains := $(filter-out $(off),$(call files_in,tools,c))
tools := $(notdir $(basename $(filter tools/vitro-%,$(tool_mains))))
tool_lib := $(call objects_of,$(filter-out tools/vitro-%,$(tool_mains)))

emulator :=
ifneq ($(filter $(main),$(objects)),)
emulator := vitro-system-x86_64
endif
programs := $(strip $(emulator) $(tools))

# Folders may bring rules of their own, such as generated files.
-include $(wildcard $(SRC)/tests/*/rules.mak $(addprefix $(SRC)/,$(addsuffix /rules.mak,\
    $(modules) $(addsuffix /*,$(modules)))))

# ---- building ------------------------------------------------------------------------------

all: $(programs) $(if $(emulator),vitro) ## build everything (default)
ifeq ($(emulator),)
all: $(objects)
	@echo 'system/main.c is not there: objects are compiled, no emulator is linked.'
endif

vpath %.c $(SRC)
vpath %.S $(SRC)

%.o: %.c config-host.mak config.h
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(at)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

%.o: %.S config-host.mak config.h
	$(call say,AS,$@)
	@mkdir -p $(@D)
	$(at)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# Objects are linked directly, never through archives: the linker sets need all of them.
link = $(call say,LINK,$@)$(newline)@mkdir -p $(@D)$(newline)$(at)$(CC) $(CFLAGS) $(LDFLAGS) \
       -o $@ $(filter %.o,$^) $(LDLIBS)
define newline


endef
$(emulator): $(objects)
	$(link)

vitro: $(emulator)
	$(at)ln -sf $< $@

$(tools): %: tools/%.o $(tool_lib) $(call layer_objects,block util)
	$(link)

.SECONDEXPANSION:
$(unit_tests): %: %.o $(test_lib) $$(call unit_objects,$$@)
	$(link)

$(device_tests): %: %.o $(test_lib) $(call layer_objects,util)
	$(link)

guest_ld = $(wildcard $(SRC)/$(basename $@).ld)
guest_link = $(call say,GUEST,$@)$(newline)$(at)ld $1 $(if $(guest_ld),-T $(guest_ld),$2) \
             -z noexecstack --build-id=none -nostdlib -static -o $@ $<
guest_as = $(call say,AS,$@)$(newline)@mkdir -p $(@D)$(newline)$(at)$(CC) -I$(SRC) $1 \
           -ffreestanding -fno-pic -MMD -MP -c -o $@ $<
guests16 := $(filter %16,$(guests_s))
guests64 := $(filter %64,$(guests_s))
guests32 := $(filter-out $(guests16) $(guests64),$(guests_s))
$(addsuffix .go,$(guests16) $(guests32)): %.go: $(SRC)/%.S config-host.mak
	$(call guest_as,-m32)
$(addsuffix .go,$(guests64)): %.go: $(SRC)/%.S config-host.mak
	$(call guest_as,-m64)
$(guests16): %: %.go $$(wildcard $(SRC)/$$*.ld)
	$(call guest_link,-m elf_i386 --oformat binary,-Ttext=0x7c00 -e 0x7c00)
$(guests32): %: %.go $$(wildcard $(SRC)/$$*.ld) $(SRC)/tests/guest/guest.ld
	$(call guest_link,-m elf_i386,-T $(SRC)/tests/guest/guest.ld)
$(guests64): %: %.go $$(wildcard $(SRC)/$$*.ld) $(SRC)/tests/guest/guest.ld
	$(call guest_link,-m elf_x86_64,-T $(SRC)/tests/guest/guest.ld)

-include $(patsubst %,%.d,$(basename $(objects) $(test_lib) $(tool_mains)) \
    $(unit_tests) $(device_tests) $(guests))

# ---- configuring again ---------------------------------------------------------------------

ifneq ($(wildcard $(addprefix $(SRC)/,$(ABSENT_FILES))),)
config.status: FORCE
endif
config.status: $(SRC)/configure $(SRC)/VERSION
	@echo '  CONFIG config.status'
	@./config.status >/dev/null
config-host.mak config.h: config.status ;
FORCE:

# ---- tests ---------------------------------------------------------------------------------

run_tests = +$(at)$(PYTHON) $(SRC)/tests/run --source $(SRC) --make '$(MAKE)' --cc '$(CC)'

test-programs: all $(unit_tests) $(device_tests) $(guests) ## build the tests, run none

check: test-programs ## run all tests but the long ones
	$(run_tests) unit insn device guest functional lint
check-full: test-programs ## run all tests, the long ones too
	$(run_tests) --full unit insn device guest functional lint
check-unit: all $(unit_tests) ## tests of functions, no machine
	$(run_tests) unit
check-device: all $(device_tests) ## tests of devices by qtest, no CPU
	$(run_tests) device
check-guest: all $(guests) ## tiny guests on every accelerator
	$(run_tests) guest
check-functional: all $(guests) ## the program as people use it
	$(run_tests) functional
check-lint: ## all of the following
	$(run_tests) lint
check-headers: ## every header compiles alone
check-layers: ## no folder includes what it may not see
check-size: ## no file and no function too long
check-format: ## clang-format agrees
check-map: ## every file says what it is
check-scripts: ## shellcheck agrees
check-headers check-layers check-size check-format check-map check-scripts: check-%:
	$(run_tests) lint:$*

percent := %
tests_below = $(filter tests/$1 tests/$1/$(percent),$(unit_tests) $(device_tests))
t/%: all $(guests) $$(call tests_below,$$*) FORCE ## run one test, or a folder: make t/unit/util/foo
	$(run_tests) --verbose $*

# Each benchmark is a program tests/bench/bench-* that prints its own lines.
benches := $(sort $(wildcard $(SRC)/tests/bench/bench-*))
bench: all $(guests) ## measure: ratios against the host and others
	$(at)$(if $(benches),,echo 'tests/bench has no benchmarks' >&2; exit 1)
	$(at)$(foreach f,$(benches),VITRO=$(CURDIR)/vitro-system-x86_64 SOURCE=$(abspath $(SRC)) \
	    BUILD=$(CURDIR) $f &&) :

# One stamp per header, so that only changed ones are compiled again
header_stamps := $(patsubst %.h,headers/%.h.ok,$(filter-out $(patsubst %.c,%.h,$(off)),\
                 $(call files_in,$(modules) tools tests,h)))
headers/%.h.ok: $(SRC)/%.h config-host.mak config.h
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) $(CFLAGS) -Wno-unused-function -MMD -MP -MF headers/$*.d -MT $@ \
	    -fsyntax-only -x c $<
	@touch $@
compile-headers: $(header_stamps)
-include $(patsubst %.h.ok,%.d,$(header_stamps))

# ---- for editors and readers ---------------------------------------------------------------

map: ## write docs/map.md from the first comment line of each file
	$(at)mkdir -p $(SRC)/docs
	$(at)$(SRC)/tests/lint/map $(SRC) >$(SRC)/docs/map.md

test_sources := $(addsuffix .c,$(unit_tests) $(device_tests)) $(patsubst %.o,%.c,$(test_lib))
json_string = "$(subst ",\",$(subst \,\\,$1))"
comma := ,
compdb: ## write compile_commands.json
	$(file >compile_commands.json.new,[)
	$(foreach f,$(sources) $(tool_mains) $(test_sources),$(file >>compile_commands.json.new,\
	    {"directory": $(call json_string,$(CURDIR))$(comma) "file": "$(SRC)/$f"$(comma) \
	    "output": "$(call objects_of,$f)"$(comma) "command": $(call json_string,$(CC) \
	    $(CPPFLAGS) $(CFLAGS) -c -o $(call objects_of,$f) $(SRC)/$f)}$(comma)))
	$(at)sed '$$s/,$$//' compile_commands.json.new >compile_commands.json
	$(at)echo ']' >>compile_commands.json
	$(at)rm -f compile_commands.json.new

help: ## print this list
	@echo 'Targets (V=1 shows the commands):'
	@sed -n 's/^\([a-zA-Z/%-]*\):[^#]*## \(.*\)/\1|\2/p' $(SRC)/Makefile | sed 's/%/.../' | \
	    while IFS='|' read -r name what; do printf '  %-18s %s\n' "$$name" "$$what"; done

# ---- installing ----------------------------------------------------------------------------

firmware := $(wildcard $(FIRMWARE_DIR)/*.bin)
man_pages := $(strip $(wildcard $(SRC)/docs/man/*.1) $(wildcard *.1))
completions := $(wildcard $(SRC)/scripts/completion/*)
keymaps := $(wildcard $(SRC)/ui/keymaps/*)

install: all ## install below DESTDIR and the prefix
	install -d $(DESTDIR)$(bindir) $(DESTDIR)$(datadir)/vitro
	$(if $(programs),install -m 755 $(programs) $(DESTDIR)$(bindir))
	$(if $(emulator),ln -sf $(emulator) $(DESTDIR)$(bindir)/vitro)
	$(foreach f,$(firmware),ln -sf $f $(DESTDIR)$(datadir)/vitro/$(notdir $f)$(newline))
	$(if $(man_pages),install -d $(DESTDIR)$(mandir)/man1)
	$(if $(man_pages),install -m 644 $(man_pages) $(DESTDIR)$(mandir)/man1)
	$(if $(completions),install -d $(DESTDIR)$(datadir)/bash-completion/completions)
	$(if $(completions),install -m 644 $(completions) \
	    $(DESTDIR)$(datadir)/bash-completion/completions)
	$(if $(keymaps),install -d $(DESTDIR)$(datadir)/vitro/keymaps)
	$(if $(keymaps),install -m 644 $(keymaps) $(DESTDIR)$(datadir)/vitro/keymaps)

uninstall: ## remove what install installed
	rm -f $(addprefix $(DESTDIR)$(bindir)/,$(programs) vitro)
	rm -f $(addprefix $(DESTDIR)$(mandir)/man1/,$(notdir $(man_pages)))
	rm -f $(addprefix $(DESTDIR)$(datadir)/bash-completion/completions/,$(notdir $(completions)))
	rm -f $(addprefix $(DESTDIR)$(datadir)/vitro/,$(notdir $(firmware)))
	rm -f $(addprefix $(DESTDIR)$(datadir)/vitro/keymaps/,$(notdir $(keymaps)))
	rmdir $(DESTDIR)$(datadir)/vitro/keymaps $(DESTDIR)$(datadir)/vitro 2>/dev/null || :

clean: ## remove what make made
	rm -rf $(modules) tools tests headers $(programs) vitro compile_commands.json*

distclean: clean ## remove what configure made, too
	rm -f config.h config-host.mak config.status config.log check.summary Makefile

.PHONY: all bench check check-device check-format check-full check-functional check-guest \
        check-headers check-layers check-lint check-map check-scripts check-size check-unit clean \
        compdb compile-headers distclean help install map test-programs uninstall FORCE
endif
