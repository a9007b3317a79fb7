# SPDX-License-Identifier: AGPL-3.0-or-later
# Building and running the tests.

FAKE := $(call objects,tests/fake.c)

$(BUILD)/conformance: $(call objects,$(wildcard tests/conformance/*.c)) $(FAKE) $(CORE)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) -lcrypto

conformance: $(BUILD)/conformance ## compare with what PVE's own code answered
	$(Q)$(BUILD)/conformance tests/conformance/data
