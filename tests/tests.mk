# SPDX-License-Identifier: AGPL-3.0-or-later
# Building and running the tests.

FAKE := $(call objects,$(wildcard tests/fake*.c))
IDENTITY := $(call objects,tests/identity.c)
BUILD_LIST := debian/control
LAB_LIST := tests/lab/packages
LINT_LIST := tests/lint/packages

demo: ## install what is missing, build, and watch a guest take a card and give it back
	$(Q)tests/ensure-packages $(BUILD_LIST) $(LAB_LIST)
	$(Q)$(MAKE) -s $(PARALLEL) all lab-programs lab-module
	$(Q)tests/lab/run --release here --show tests/lab/demo

check: ## install what is missing, build, and run the unit, conformance and lab tests
	$(Q)tests/ensure-packages $(BUILD_LIST) $(LAB_LIST)
	$(Q)$(MAKE) -s $(PARALLEL) all lab-programs lab-module $(BUILD)/conformance
	$(Q)tests/check $(BUILD)

$(BUILD)/conformance: $(call objects,$(wildcard tests/conformance/*.c)) $(FAKE) $(CORE)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) -lcrypto

conformance: $(BUILD)/conformance ## compare with what PVE's own code answered
	$(Q)$(BUILD)/conformance tests/conformance/data

LAB_PROGRAMS := $(addprefix $(BUILD)/lab/,apid state hold kill-at measure floor model pthook-fault kvm-id.so)
.PHONY: lab-programs lab-stress
lab-programs: $(LAB_PROGRAMS)

$(BUILD)/lab/apid: $(call objects,$(wildcard tests/apid/*.c)) $(IDENTITY) $(CORE)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS) -lmicrohttpd -lcrypto

$(BUILD)/lab/model: $(call objects,tests/model/model.c) $(FAKE) $(CORE)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

# small ones that share nothing with the project
vpath %.c tests/lab tests/bench
$(addprefix $(BUILD)/lab/,state hold kill-at measure floor): $(BUILD)/lab/%: %.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra $(if $(WERROR),-Werror) -static -o $@ $<

$(BUILD)/lab/pthook-fault: $(call objects,tests/lab/hook-fault.c hook/main.c $(HOOK)) $(CORE)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -Wl,--wrap=pt_phase_pre_start,--wrap=pt_supervise -o $@ $^ $(LIBS)

$(BUILD)/lab/kvm-id.so: tests/lab/kvm-id.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra $(if $(WERROR),-Werror) -shared -fPIC -o $@ $<

# drivers for the lab machine's kernel
LAB_MODULES := stubborn edu-vfio-pci
KERNEL = $(eval KERNEL := $(shell tests/lab/kernel))$(KERNEL)
.PHONY: lab-module
lab-module:
	$(Q)$(MAKE) -s $(BUILD)/lab/$(KERNEL)/modules
$(BUILD)/lab/%/modules: $(LAB_MODULES:%=tests/lab/%.c)
	$(call say,MODULES,$(@D))
	$(Q)mkdir -p $(@D)
	$(Q)cp $^ $(@D)/
	$(Q)echo 'obj-m := $(LAB_MODULES:%=%.o)' >$(@D)/Makefile
	$(Q)$(MAKE) -s -C /lib/modules/$*/build M=$(abspath $(@D)) CC=gcc CFLAGS= LDFLAGS= modules >$(@D)/log 2>&1 || { cat $(@D)/log; exit 1; }
	$(Q)touch $@

# the lab's packages, before anything of it is built
.PHONY: lab-packages
lab-packages:
	$(Q)tests/ensure-packages $(BUILD_LIST) $(LAB_LIST)

lab: lab-packages ## run every scenario on a real kernel under QEMU
	$(Q)tests/lab/run

# hours: STEP=20 kills before every 20th call, RELEASE=trixie runs one release, FAMILIES="take watch" some of the phases and verbs
lab-full: lab-packages ## kill each phase and verb before every call that can change something
	$(Q)LAB_STEP=$(STEP) LAB_FAMILIES="$(FAMILIES)" LAB_SPLIT=4 LAB_PROCESSORS=1 tests/lab/run --show $(if $(RELEASE),--release $(RELEASE)) $(foreach machine,1 2 3 4,tests/lab/full)

lab-stress: lab-packages ## the same as stress with real guests on the real kernel: SEED=1 SECONDS=120
	$(Q)LAB_SEED=$(SEED) LAB_SECONDS=$(SECONDS) tests/lab/run --show $(if $(RELEASE),--release $(RELEASE)) tests/lab/stress

lab-matrix: lab-packages all ## for each finding that refuses a start: what happens without us
	$(Q)tests/lab/run --release here --show tests/lab/matrix
	$(Q)LAB_KERNEL=intel_iommu=off tests/lab/run --release here --show tests/lab/matrix
	$(Q)LAB_KERNEL=intremap=off tests/lab/run --release here --show tests/lab/matrix
	$(Q)tests/lab/refusals $(BUILD)/pve-ptconf

# SEEDS="1 2 3" repeats the seeds that another run printed
lab-model: lab-packages ## the unit tests' made kernel against the real one, 200 steps each from three seeds
	$(Q)LAB_SEEDS="$(SEEDS)" tests/lab/run --show tests/model/scenario

UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test-*.c))
# those that wait begin first
SLOW_UNIT := $(filter %/test-check-use %/test-phases-waits %/test-handover %/test-phases,$(UNIT))
UNIT := $(SLOW_UNIT) $(filter-out $(SLOW_UNIT),$(UNIT))

# a test program takes from here the objects that it calls
$(BUILD)/everything.a: $(FAKE) $(IDENTITY) $(call objects,$(HOOK)) $(filter-out %/main.o,$(call objects,$(PTCONF))) $(CORE)
	$(call say,AR,$@)
	$(Q)rm -f $@
	$(Q)ar rcs $@ $^

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(if $(NEEDED),$(call objects,$(NEEDED)),$(BUILD)/everything.a)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(WRAP) -o $@ $^ $(LIBS) -lcmocka -lssl -lcrypto

# the test's own manager
$(BUILD)/unit/test-systemd: private WRAP := -Wl,--no-as-needed -lsystemd -Wl,--as-needed

# a simulated host cannot have a group that is held without a descriptor
$(BUILD)/unit/test-phases-waits $(BUILD)/unit/test-phases-races: private WRAP := -Wl,--wrap=pt_vfio_group_free
# nor a process whose command line hangs
$(BUILD)/unit/test-runstate $(BUILD)/unit/test-hangs: private WRAP := -Wl,--wrap=pt_host_read_guarded
# nor units of systemd
$(BUILD)/unit/test-units $(BUILD)/unit/test-phases-policy: private WRAP := -Wl,--wrap=pt_unit_order
# nor is memory that runs out
comma := ,
space := $() $()
ALLOCATIONS := calloc realloc reallocarray strdup strndup vasprintf __vasprintf_chk json_object_new_object json_object_new_array \
	json_object_new_string json_object_new_int64 json_object_new_uint64 json_object_new_boolean json_object_object_add \
	json_object_array_add
wrap = -Wl,$(subst $(space),$(comma),$(addprefix --wrap=,$(1)))
$(BUILD)/unit/test-supervisor: private WRAP := $(call wrap,$(ALLOCATIONS))
# nor a system log that hangs
$(BUILD)/unit/test-log: private WRAP := -Wl,--wrap=syslog,--wrap=__syslog_chk
# nor is a libcurl that is not there
$(BUILD)/unit/test-api: private WRAP := -Wl,--wrap=dlopen,--wrap=dlsym

.PHONY: test-programs
test-programs: $(UNIT) $(BUILD)/conformance lab-programs

# "make t T=claim": without optimization, since it serves quick changes
SINGLE := BUILD=$(BUILD)-t CFLAGS="-O0 -g" LDFLAGS=
t: ## run one unit test, T=NAME; builds what it needs alone
	$(Q)test -f "tests/unit/test-$(T).c" || { echo "T=NAME names a tests/unit/test-NAME.c, such as T=claim" >&2; exit 2; }
	$(Q)$(MAKE) -s $(PARALLEL) $(SINGLE) NEEDED="$$(tests/unit/needs "$(T)")" $(BUILD)-t/unit/test-$(T) \
		$(if $(shell grep -l 'tests/unit/ran[.]h' tests/unit/test-$(T).c 2>/dev/null),all)
	$(Q)$(BUILD)-t/unit/test-$(T)

unit: $(UNIT) all ## run the unit tests; each finding must have been met and missed
	$(Q)tests/unit/run $(BUILD)/unit/printed $(UNIT)
	$(Q)tests/tags $(BUILD)

$(BUILD)/stress: $(BUILD)/tests/stress/stress.o $(BUILD)/everything.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/curve: $(BUILD)/tests/bench/curve.o $(BUILD)/everything.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

# calls that can fail
$(BUILD)/fault: private WRAP := $(call wrap,$(ALLOCATIONS) fork pipe2 socketpair fopen open openat syscall)
$(BUILD)/fault: $(BUILD)/tests/fault/fault.o $(BUILD)/everything.a
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(WRAP) -o $@ $^ $(LIBS) -lcmocka

STEP ?= 1
fault: $(BUILD)/fault ## fail every call of each phase that can fail, or every STEP-th
	$(Q)$(BUILD)/fault $(STEP)

SEED ?= 1
SECONDS ?= 60
stress: $(BUILD)/stress ## guests that share devices start, stop, fail and are killed: SEED=1 SECONDS=60
	$(Q)$(BUILD)/stress $(SEED) $(SECONDS)

clients: all ## hand to check what programs and people hand to it, against the answers that are expected
	$(Q)tests/clients/run $(BUILD)/pve-ptconf

examples: all ## run the examples for Terraform and for a CI job
	$(Q)tests/examples/run $(BUILD)/pve-ptconf

machines: all ## check the facts of machines that people have against the findings that are expected
	$(Q)tests/machines/run $(BUILD)/pve-ptconf

bench: ## measure speed beside other tools: on large simulated hosts, and on the real kernel
	$(Q)tests/ensure-packages $(BUILD_LIST) $(LAB_LIST) tests/bench/packages
	$(Q)$(MAKE) -s $(PARALLEL) all lab-programs $(BUILD)/curve
	$(Q)tests/bench/run $(BUILD)/pve-ptconf
	$(Q)tests/bench/plot $(BUILD)/curve $(BUILD)/bench
	$(Q)LAB_BENCH=1 tests/lab/run --release here --show tests/bench/lab

report: all ## look at the page of 'pve-ptconf report' in headless Chromium; screenshots go to build/report
	$(Q)tests/ensure-packages tests/report/packages
	$(Q)tests/report/check $(BUILD)/pve-ptconf tests/fuzz/seeds/facts/node.json $(BUILD)/report

lint: ## format, static analysis, rules of the house
	$(Q)tests/ensure-packages $(BUILD_LIST) $(LAB_LIST) $(LINT_LIST)
	$(Q)tests/lint/run

SANITIZE := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
asan: ## unit tests, conformance and short fuzzing under the sanitizers
	$(Q)tests/ensure-packages $(BUILD_LIST) $(LAB_LIST) $(LINT_LIST)
	$(Q)$(MAKE) -s $(PARALLEL) BUILD=build-asan CFLAGS="$(SANITIZE)" LDFLAGS="$(SANITIZE)" test-programs
	$(Q)$(MAKE) -s BUILD=build-asan CFLAGS="$(SANITIZE)" LDFLAGS="$(SANITIZE)" unit conformance
	$(Q)$(MAKE) -s fuzz

COVERAGE := BUILD=build-coverage CFLAGS="-O0 -g --coverage -D_exit=pt_covered_exit" \
	LDFLAGS="--coverage build-coverage/tests/coverage.o"
coverage: ## lines of lib, pve and hook that the unit tests and conformance reach; 90 % at least
	$(Q)tests/ensure-packages $(BUILD_LIST) $(LAB_LIST) $(LINT_LIST)
	$(Q)find build-coverage -name '*.gcda' -delete 2>/dev/null || :
	$(Q)$(MAKE) -s $(COVERAGE) build-coverage/tests/coverage.o
	$(Q)$(MAKE) -s $(PARALLEL) $(COVERAGE) test-programs
	$(Q)$(MAKE) -s $(COVERAGE) unit conformance
	$(Q)gcovr --root . --object-directory build-coverage --exclude-throw-branches \
		--filter 'lib/' --filter 'pve/' --filter 'hook/' --json build-coverage/lines.json
	$(Q)for folder in lib pve hook; do \
		echo "coverage of $$folder/:"; \
		gcovr --root . --add-tracefile build-coverage/lines.json --filter "$$folder/" --fail-under-line 90 || exit 1; \
	done

FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/*.c))
FUZZ_SECONDS ?= 10
FUZZED := -O1 -g -fno-sanitize=pointer-overflow
.PHONY: fuzzers
fuzzers: $(FUZZERS)
$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/everything.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(WRAP) -o $@ $^ $(LIBS)
# the API's answers come from the fuzzer
$(BUILD)/fuzz/reply: private WRAP := -Wl,--wrap=pt_api_get

fuzz: ## fuzz every parser for FUZZ_SECONDS each
	$(Q)$(MAKE) -s $(PARALLEL) BUILD=build-fuzz CC=clang CFLAGS="$(FUZZED) -fsanitize=fuzzer-no-link,address,undefined" \
		LDFLAGS="-fsanitize=fuzzer,address,undefined" fuzzers
	$(Q)tests/fuzz/run $(FUZZ_SECONDS) $(FUZZERS:$(BUILD)/%=build-fuzz/%)
.SECONDARY:
