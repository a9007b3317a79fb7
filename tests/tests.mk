# SPDX-License-Identifier: AGPL-3.0-or-later
# Building and running the tests.

FAKE := $(call objects,tests/fake.c)

$(BUILD)/conformance: $(call objects,$(wildcard tests/conformance/*.c)) $(FAKE) $(CORE)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) -lcrypto

conformance: $(BUILD)/conformance ## compare with what PVE's own code answered
	$(Q)$(BUILD)/conformance tests/conformance/data

LAB_PROGRAMS := $(BUILD)/lab/apid $(BUILD)/lab/state $(BUILD)/lab/kvm-id.so
.PHONY: lab-programs
lab-programs: $(LAB_PROGRAMS)

$(BUILD)/lab/apid: $(call objects,tests/apid/apid.c) $(CORE)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) -lmicrohttpd -lcrypto

$(BUILD)/lab/state: tests/lab/state.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu17 -O2 -Wall -Wextra -static -o $@ $<

$(BUILD)/lab/kvm-id.so: tests/lab/kvm-id.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -shared -fPIC -o $@ $<

lab: all lab-programs ## run every scenario on a real kernel under QEMU
	$(Q)tests/lab/run

UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test-*.c))

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(FAKE) $(call objects,$(HOOK)) \
		$(filter-out %/main.o,$(call objects,$(PTCONF))) $(CORE)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) -lcmocka -lmicrohttpd

unit: $(UNIT) all ## run the unit tests
	$(Q)tests/unit/run $(UNIT)
.SECONDARY:
