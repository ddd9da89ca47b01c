# SPDX-License-Identifier: Apache-2.0
#
# The manual page: its frame is docs/man/*.in, its options are what the program prints.

all: vitro-system-x86_64.1

vitro-system-x86_64.1: $(SRC)/docs/man/vitro-system-x86_64.1.in vitro-system-x86_64
	$(call say,GEN,$@)
	$(at)./vitro-system-x86_64 -print man >$@.options
	$(at)sed -e '/^@OPTIONS@$$/{r $@.options' -e 'd}' -e 's/@VERSION@/$(VERSION)/' \
	    -e "s/@DATE@/$$(date -u -r $(SRC)/system/options.def +%Y-%m-%d)/" $< >$@.new
	$(at)rm -f $@.options
	$(at)mv $@.new $@
