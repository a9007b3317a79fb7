# SPDX-License-Identifier: AGPL-3.0-or-later
# Two programs over one library; "make help" lists the targets.

prefix ?= /usr
sbindir ?= $(prefix)/sbin
libexecdir ?= $(prefix)/libexec
mandir ?= $(prefix)/share/man
sysconfdir ?= /etc
# of the storage "local"
snippetsdir ?= /var/lib/vz/snippets
DESTDIR ?=
BUILD ?= build
CC ?= gcc
WERROR ?=

PACKAGES := libcurl json-c libpci libkmod libnl-3.0 libnl-route-3.0 libsystemd inih
WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla \
	-Wformat=2 -Wno-missing-field-initializers $(if $(WERROR),-Werror)
HARDENING := -O2 -g -ffile-prefix-map=$(CURDIR)=. -Wformat -Werror=format-security \
	-fstack-protector-strong -fstack-clash-protection -fcf-protection \
	-Wdate-time -D_FORTIFY_SOURCE=2 -fPIE
CFLAGS ?= $(HARDENING)
LDFLAGS ?= -Wl,-z,relro -Wl,-z,now -Wl,--as-needed -pie
ALL_CFLAGS = -std=gnu17 -D_GNU_SOURCE -I. -MMD -MP $(WARNINGS) $(PACKAGE_CFLAGS) $(CFLAGS) $(CPPFLAGS)
# asked for when something is built: on a fresh machine pkg-config comes with the first target
PACKAGE_CFLAGS = $(eval PACKAGE_CFLAGS := $(shell pkg-config --cflags $(PACKAGES)))$(PACKAGE_CFLAGS)
# loaded when somebody wants them: lib/base/library.h
LOADED := libcurl libpci libkmod libnl-3.0 libnl-route-3.0 libsystemd inih
LIBS = $(eval LIBS := $(shell pkg-config --libs $(filter-out $(LOADED),$(PACKAGES))))$(LIBS)

LIB := $(wildcard lib/*/*.c)
PVE := $(filter-out pve/ptconf/%,$(wildcard pve/*/*.c))
HOOK := $(filter-out hook/main.c,$(wildcard hook/*.c))
PTCONF := $(wildcard pve/ptconf/*.c)
objects = $(patsubst %.c,$(BUILD)/%.o,$(1))
CORE := $(call objects,$(LIB) $(PVE))
# for targets that run many commands by themselves
PARALLEL = -j $(shell nproc)

PROGRAMS := $(BUILD)/pve-pthook $(BUILD)/pve-ptconf
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' $(1) $(2))

.PHONY: all examples demo check t unit conformance machines lab lab-model lab-full lab-matrix report bench stress fault lint asan coverage fuzz install deb clean help
.DELETE_ON_ERROR:

all: $(PROGRAMS) ## build both programs

$(BUILD)/pve-pthook: $(call objects,hook/main.c $(HOOK)) $(CORE)
$(BUILD)/pve-ptconf: $(call objects,$(PTCONF)) $(CORE)
$(PROGRAMS):
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/%.o: %.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

include tests/tests.mk

# the catalogue of findings, from the table of checks
FINDINGS = $< explain --list --output-format json | pve/ptconf/findings.py $(1) "$$($< --version | cut -d' ' -f 2)"
$(BUILD)/pve-ptconf-findings.7: $(BUILD)/pve-ptconf pve/ptconf/findings.py
	$(Q)$(call FINDINGS,man) >$@
FINDINGS.md: $(BUILD)/pve-ptconf pve/ptconf/findings.py
	$(Q)$(call FINDINGS,markdown) >$@

# the schemas, from the tables of fields
$(BUILD)/schema: $(BUILD)/tests/schema.o $(BUILD)/everything.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)
examples/%.schema.json: $(BUILD)/schema
	$(Q)$< $* >$@

install: all $(BUILD)/pve-ptconf-findings.7 ## install below DESTDIR
	install -D -m 0755 $(BUILD)/pve-pthook $(DESTDIR)$(libexecdir)/pve-ptconf/pve-pthook
	install -D -m 0755 $(BUILD)/pve-ptconf $(DESTDIR)$(sbindir)/pve-ptconf
	install -d -m 0755 $(DESTDIR)$(snippetsdir)
	ln -sf $(libexecdir)/pve-ptconf/pve-pthook $(DESTDIR)$(snippetsdir)/pve-pthook
	install -d -m 0700 $(DESTDIR)$(sysconfdir)/pve-ptconf
	install -D -m 0644 hook/pve-pthook.8 $(DESTDIR)$(mandir)/man8/pve-pthook.8
	install -D -m 0644 pve/ptconf/pve-ptconf.8 $(DESTDIR)$(mandir)/man8/pve-ptconf.8
	install -D -m 0644 $(BUILD)/pve-ptconf-findings.7 $(DESTDIR)$(mandir)/man7/pve-ptconf-findings.7
	install -D -m 0644 -t $(DESTDIR)$(prefix)/share/doc/pve-ptconf/examples examples/api.conf examples/ptconf.conf examples/check.schema.json examples/claims.schema.json \
		examples/facts.schema.json examples/list.schema.json
	install -D -m 0644 -t $(DESTDIR)$(prefix)/share/doc/pve-ptconf/examples/terraform examples/terraform/main.tf
	install -D -m 0755 -t $(DESTDIR)$(prefix)/share/doc/pve-ptconf/examples/terraform examples/terraform/passthrough-check
	install -D -m 0644 -t $(DESTDIR)$(prefix)/share/doc/pve-ptconf/examples/ci examples/ci/gitlab-ci.yml
	install -D -m 0644 FINDINGS.md $(DESTDIR)$(prefix)/share/doc/pve-ptconf/FINDINGS.md

deb: ## build the Debian package into build/deb
	$(Q)tests/ensure-packages $(BUILD_LIST) $(LINT_LIST)
	$(Q)tests/package/build $(BUILD)/deb

clean: ## remove what was built
	$(Q)rm -rf $(BUILD) $(BUILD)-*

help: ## this list
	@sed -n 's/^\([a-z][a-z-]*\):.*## /\1\t/p' Makefile tests/tests.mk | expand -t 14

-include $(shell find $(BUILD)/ -name '*.d' 2>/dev/null)
