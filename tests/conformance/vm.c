// SPDX-License-Identifier: AGPL-3.0-or-later
/* The suite vm: whole configs, and operations one after the other. */
#include "pve/config/hostpci.h"
#include "pve/config/paths.h"
#include "pve/check/check.h"
#include "pve/config/runstate.h"
#include "tests/conformance/compare.h"
#include "tests/conformance/vm.h"

/* Whether a choice that failed has the problem that PVE names. */
static bool choice_told(const struct vm *vm, const char *reason)
{
	pt_foreach (one, vm->facts.assignment, vm->facts.count) {
		if (same_story(reason, pt_problem_check(one->problem.kind)))
			return true;
	}
	return false;
}

static bool choice_agrees(const struct vm *vm, struct json_object *expected)
{
	size_t seen = 0;

	pt_foreach (one, vm->facts.assignment, vm->facts.count) {
		struct json_object *theirs = member(expected, PT_LABEL(one));

		if (!theirs || !same_ids(chosen_to_json(one), member(theirs, "ids")))
			return false;
		seen++;
	}
	return expected ? seen == (size_t)json_object_object_length(expected) : !seen;
}

static bool touched_agrees(struct vm *vm, struct json_object *expected)
{
	return same_set(vm->touched.name, vm->touched.count, expected);
}

static bool get_agrees(const struct vm *vm, unsigned int vmid, struct json_object *expected)
{
	struct pt_reservations PT_RESERVATIONS list = {0};
	struct json_object *ids = json_object_new_array();

	pt_reservations_parse(vm->reservations ? vm->reservations : "", &list);
	pt_foreach (one, list.reservation, list.count) {
		if (one->vmid == vmid)
			json_object_array_add(ids, json_object_new_string(one->id));
	}
	return same_ids(ids, expected);
}

static bool running_agrees(const struct vm *vm, unsigned int vmid, struct json_object *expected)
{
	return pt_guest_pid(vm->fake.host, vmid) == json_object_get_int(expected);
}

/* Does one op; *ok says whether it succeeded. False: its result differs from PVE's. */
static bool run_op(struct vm *vm, struct json_object *op, struct json_object *expected, bool *ok)
{
	const char *name = member_text(op, "op");
	unsigned int vmid = member(op, "vmid")
				    ? (unsigned int)strtoul(member_text(op, "vmid"), NULL, 10)
				    : vm->vmid;

	*ok = true;
	if (pt_streq(name, "set_now")) {
		vm->now = json_object_get_int64(member(op, "now"));
	} else if (pt_streq(name, "kill")) {
		PT_FREE char *path = pt_format("/proc/%s", member_text(op, "pid"));

		fake_remove(&vm->fake, path);
	} else if (pt_streq(name, "reserve")) {
		*ok = op_reserve(vm, op, vmid);
	} else if (pt_streq(name, "remove")) {
		remove_reservations(vm, member(op, "ids"), vmid);
	} else if (pt_streq(name, "get")) {
		return get_agrees(vm, vmid, member(expected, "result"));
	} else if (pt_streq(name, "running")) {
		return running_agrees(vm, vmid, member(expected, "result"));
	} else if (pt_streq(name, "choose")) {
		*ok = choose(vm, json_object_get_boolean(member(op, "dry_run")));
		return !*ok || choice_agrees(vm, member(expected, "result"));
	} else if (pt_streq(name, "prepare")) {
		*ok = prepare(vm, member_text(op, "id"));
		return touched_agrees(vm, member(expected, "touched"));
	} else if (pt_streq(name, "start")) {
		*ok = start(vm, json_object_get_int64(member(op, "pid")));
		return touched_agrees(vm, member(expected, "touched")) &&
		       (!*ok || choice_agrees(vm, member(expected, "result")));
	} else {
		return false;
	}
	return true;
}

static bool op_agrees(struct vm *vm, struct json_object *op, struct json_object *expected, bool *ok)
{
	bool is_start = pt_streq(member_text(op, "op"), "start");

	pt_names_free(&vm->touched);
	if (!run_op(vm, op, expected, ok) || *ok != json_object_get_boolean(member(expected, "ok")))
		return false;
	/* after a failed start PVE's clean-up drops this guest's lines */
	return (is_start && !*ok) ||
	       pt_streq(vm->reservations, member_text(expected, "reservations_after"));
}

static bool ops_agree(
	struct vm *vm, struct json_object *ops, struct json_object *expected, bool *all_ok)
{
	for (size_t i = 0; ops && i < json_object_array_length(ops); i++) {
		bool ok;

		if (!op_agrees(vm, json_object_array_get_idx(ops, i),
			    json_object_array_get_idx(expected, i), &ok))
			return false;
		*all_ok &= ok;
	}
	return true;
}

/* PVE's parse_hostpci_devices: resolving, and the checks that it applies right there. */
static bool parse_devices(struct vm *vm, const char *node, const char *reason)
{
	struct pt_findings PT_FINDINGS findings = {0};
	bool ok = true, told = false;

	for (int i = 0; i < PT_HOSTPCI_MAX; i++) {
		struct pt_assignment *slot = &vm->facts.assignment[vm->facts.count];
		char key[PT_LABEL_TEXT];
		const char *value = pt_guest_get(vm->guest, pt_entry_label(i, key));

		if (!value || !pt_hostpci_is_set(value))
			continue;
		if (pt_hostpci_parse(i, value, strlen(value), PT_TEXT_BYTES, &slot->entry, NULL) <
			0)
			return false;
		vm->facts.count++;
		if (pt_resolve(vm->fake.host, &vm->mappings, node, &vm->inventory, slot, NULL) < 0)
			return false;
	}
	pt_check_run(&vm->facts, &findings);
	pt_foreach (finding, findings.finding, findings.count) {
		/* dropped lines and driver=keep do not stop PVE's parser */
		if (finding->severity != PT_ERROR ||
			pt_streq(finding->check->tag, "hostpci-syntax") ||
			pt_streq(finding->check->tag, "hostpci-unknown-key") ||
			pt_streq(finding->check->tag, "keep-without-vfio"))
			continue;
		ok = false;
		told |= same_story(reason, finding->check);
	}
	vm->told = ok || told;
	return ok;
}

static bool parse_agrees(const struct vm *vm, bool ok, struct json_object *expected)
{
	struct json_object *devices = member(expected, "devices");

	if (ok != json_object_get_boolean(member(expected, "ok")))
		return false;
	pt_foreach (one, vm->facts.assignment, vm->facts.count) {
		if (ok && !same_ids(alternatives_to_json(one),
				  member(member(devices, PT_LABEL(one)), "ids")))
			return false;
	}
	return !ok || vm->facts.count == (size_t)json_object_object_length(devices);
}

static bool config_agrees(
	struct vm *vm, struct json_object *input, struct json_object *result, bool *all_ok)
{
	struct pt_guest_query query = {
		.vmid = vm->vmid, .node = member_text(input, "node"), .view = PT_VIEW_CURRENT};
	const char *text = member_text(input, "config");
	bool strict = json_object_get_boolean(member(input, "strict"));

	if (pt_guest_parse(text, strlen(text), &query, &vm->guest, NULL) < 0)
		return false;
	vm->facts.guest = vm->guest;
	vm->facts.host = &vm->traits;
	vm->facts.inventory = &vm->inventory;
	vm->facts.recorded = &vm->recorded;
	*all_ok = !strict || !vm->guest->dropped_count;
	if (*all_ok != json_object_get_boolean(member(member(result, "config"), "ok")))
		return false;
	if (!*all_ok)
		return true;
	*all_ok = parse_devices(vm, query.node, member_text(member(result, "parse"), "reason"));
	if (!vm->told || !parse_agrees(vm, *all_ok, member(result, "parse")))
		return false;
	if (!*all_ok)
		return true;
	*all_ok = choose(vm, true);
	if (*all_ok != json_object_get_boolean(member(member(result, "choose_dry"), "ok")))
		return false;
	if (!*all_ok)
		return choice_told(vm, member_text(member(result, "choose_dry"), "reason"));
	return choice_agrees(vm, member(member(result, "choose_dry"), "devices"));
}

static bool case_agrees(struct vm *vm, struct json_object *input, struct json_object *output)
{
	struct json_object *result = member(output, "result");
	bool ok = true;

	if (member(input, "config") && !config_agrees(vm, input, result, &ok))
		return false;
	if (ok && !ops_agree(vm, member(input, "ops"), member(result, "ops"), &ok))
		return false;
	return ok == json_object_get_boolean(member(output, "ok"));
}

static void make_processes(struct vm *vm, struct json_object *input)
{
	struct json_object *processes = member(input, "processes");

	for (size_t i = 0; processes && i < json_object_array_length(processes); i++) {
		struct json_object *process = json_object_array_get_idx(processes, i);
		struct json_object *argv = member(process, "argv");
		PT_FREE char *path = pt_format("/proc/%s/cmdline", member_text(process, "pid"));
		char text[4096];
		size_t length = 0;

		for (size_t j = 0; j < json_object_array_length(argv); j++) {
			const char *argument =
				json_object_get_string(json_object_array_get_idx(argv, j));

			memcpy(text + length, argument, strlen(argument) + 1);
			length += strlen(argument) + 1;
		}
		fake_bytes(&vm->fake, path, text, length);
	}
	if (!member(input, "pidfiles"))
		return;
	json_object_object_foreach(member(input, "pidfiles"), vmid, file)
	{
		PT_FREE char *path = pt_format(PT_PVE_RUN "/%s.pid", vmid);

		fake_file(&vm->fake, path, member_text(file, "content"));
	}
}

bool vm_agrees(
	const struct suite_context *context, struct json_object *input, struct json_object *output)
{
	const char *cfg = member_text(input, "pci_cfg");
	const char *reservations = member_text(input, "reservations");
	struct vm vm = {.vmid = (unsigned int)json_object_get_int(member(input, "vmid")),
		.now = json_object_get_int64(member(input, "now")),
		.reservations = reservations ? strdup(reservations) : NULL};
	bool agrees;

	if (!make_host(context, input, &vm.fake))
		return false;
	make_processes(&vm, input);
	pt_mappings_parse(cfg ? cfg : "", &vm.mappings);
	agrees = case_agrees(&vm, input, output);
	pt_mappings_clear(&vm.mappings);
	pt_facts_clear(&vm.facts);
	pt_inventory_clear(&vm.inventory);
	pt_guest_free(vm.guest);
	pt_names_free(&vm.touched);
	free(vm.reservations);
	fake_close(&vm.fake);
	return agrees;
}
