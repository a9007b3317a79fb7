// SPDX-License-Identifier: AGPL-3.0-or-later
/* The suites resolve and vm: a made host for each case. */
#include <errno.h>
#include <inttypes.h>

#include "lib/handover.h"
#include "pve/hostpci.h"
#include "pve/paths.h"
#include "pve/reservation.h"
#include "pve/rules.h"
#include "pve/runstate.h"
#include "tests/conformance/verdicts.h"
#include "tests/fake.h"

/* PVE's reasons and our tags that tell the same story. */
static const struct {
	const char *reason; /* a prefix */
	const char *tag;
} stories[] = {
	{"device-not-found", "device-missing"},
	{"mapping-path-not-found", "device-missing"},
	{"mapping-not-found", "mapping-missing"},
	{"mapping-not-found", "mapping-no-node"},
	{"mapping-mismatch-", "mapping-mismatch"},
	{"mapping-missing-", "mapping-mismatch"},
	{"mapping-unexpected-", "mapping-mismatch"},
	{"neither-host-nor-mapping", "hostpci-no-device"},
	{"host-and-mapping", "hostpci-host-and-mapping"},
	{"mdev-multifunction", "mdev-multifunction"},
	{"pcie-needs-q35", "pcie-needs-q35"},
	{"igd-twice", "legacy-igd-twice"},
	{"igd-vga-not-none", "legacy-igd-vga"},
	{"igd-rombar-off", "legacy-igd-rombar"},
	{"igd-x-vga", "legacy-igd-x-vga"},
	{"igd-mdev", "legacy-igd-mdev"},
	{"igd-q35", "legacy-igd-q35"},
	{"igd-multifunction", "legacy-igd-multifunction"},
	{"igd-alternatives", "legacy-igd-alternatives"},
	{"igd-not-02.0", "legacy-igd-address"},
	{"assigned-twice", "device-assigned-twice"},
	{"no-free-alternative", "mapping-nothing-free"},
};

/* Whether the tag is one for the reason; a reason without tags of ours agrees with none. */
static bool same_story(const char *reason, const char *tag)
{
	for (size_t i = 0; reason && tag && i < PT_ARRAY_SIZE(stories); i++) {
		if (pt_starts_with(reason, stories[i].reason) && pt_streq(tag, stories[i].tag))
			return true;
	}
	return false;
}

static bool make_host(
	const struct suite_context *context, struct json_object *input, struct fake *fake)
{
	struct json_object *tree = member(context->trees, member_text(input, "sysfs"));

	if (!tree)
		return false;
	fake_open(fake);
	fake_tree(fake, tree);
	return true;
}

static struct json_object *ids_to_json(const struct pt_alternative *alternative)
{
	struct json_object *json = json_object_new_array();

	pt_foreach (id, alternative->id, alternative->count)
		json_object_array_add(json, json_object_new_string(PT_BDF(id)));
	return json;
}

static struct json_object *alternatives_to_json(const struct pt_assignment *assignment)
{
	struct json_object *json = json_object_new_array();

	pt_foreach (alternative, assignment->alternative, assignment->count)
		json_object_array_add(json, ids_to_json(alternative));
	return json;
}

/* The chosen functions; a mediated device keeps the first of each alternative to try. */
static struct json_object *chosen_to_json(const struct pt_assignment *assignment)
{
	struct json_object *json;

	if (!pt_assignment_is_mdev(assignment))
		return ids_to_json(&assignment->alternative[assignment->chosen]);
	json = json_object_new_array();
	pt_foreach (alternative, assignment->alternative, assignment->count)
		json_object_array_add(json, json_object_new_string(PT_BDF(&alternative->id[0])));
	return json;
}

/* PVE's [{id: ...}] or [[{id: ...}]] as lists of ids. */
static struct json_object *only_ids(struct json_object *list)
{
	struct json_object *json = json_object_new_array();

	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *one = json_object_array_get_idx(list, i);

		if (json_object_is_type(one, json_type_array))
			json_object_array_add(json, only_ids(one));
		else if (json_object_is_type(one, json_type_string))
			json_object_array_add(json, json_object_get(one));
		else
			json_object_array_add(json, json_object_get(member(one, "id")));
	}
	return json;
}

static bool same_ids(struct json_object *ours, struct json_object *theirs)
{
	struct json_object *ids = only_ids(theirs);
	bool same = json_object_equal(ours, ids);

	json_object_put(ours);
	json_object_put(ids);
	return same;
}

static int compare_text(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* A sorted list without repetitions against PVE's. */
static bool same_set(char **name, size_t count, struct json_object *theirs)
{
	size_t at = 0;

	if (count)
		qsort(name, count, sizeof(*name), compare_text);
	for (size_t i = 0; i < count; i++) {
		const char *expected =
			json_object_get_string(json_object_array_get_idx(theirs, at));

		if (i && pt_streq(name[i], name[i - 1]))
			continue;
		if (!pt_streq(name[i], expected))
			return false;
		at++;
	}
	return at == json_object_array_length(theirs);
}

/* What is bound along with a function: the group's PCI members less bridges. */
static int list_touched(
	const struct fake *fake, const struct pt_group *group, struct pt_names *touched)
{
	pt_foreach (bdf, group->function, group->function_count) {
		struct pt_function function = {0};
		bool there = pt_function_read(fake->host, bdf, &function, NULL) == 0;
		char **slot;

		if (function.is_bridge) {
			pt_function_clear(&function);
			continue;
		}
		slot = pt_array_grow(&touched->name, &touched->count, sizeof(*slot));
		if (slot)
			*slot = strdup(there && function.info_ok ? PT_BDF(bdf) : "(undef)");
		pt_function_clear(&function);
		if (!slot || !*slot)
			return -ENOMEM;
	}
	return 0;
}

static bool group_agrees(const struct fake *fake, const char *device, struct json_object *expected)
{
	struct pt_names PT_NAMES touched = {0};
	struct pt_group PT_GROUP group = {0};
	int r = pt_group_read(fake->host, device, &group, NULL);

	if (r == 0)
		r = list_touched(fake, &group, &touched);
	return json_object_get_boolean(member(expected, "ok")) == (r == 0) &&
	       same_set(group.member.name, group.member.count, member(expected, "members")) &&
	       same_set(touched.name, touched.count, member(expected, "touched"));
}

static bool groups_agree(const struct fake *fake, struct json_object *expected)
{
	json_object_object_foreach(expected, device, group)
	{
		if (!group_agrees(fake, device, group))
			return false;
	}
	return true;
}

static bool resolved_agrees(
	const struct fake *fake, struct json_object *input, struct json_object *output)
{
	struct pt_inventory PT_INVENTORY inventory = {0};
	struct pt_mappings PT_MAPPINGS mappings = {0};
	struct pt_assignment assignment = {0};
	struct json_object *value = member(input, "value");
	const char *text = json_object_get_string(value);
	const char *cfg = member_text(input, "pci_cfg");
	bool expected = json_object_get_boolean(member(output, "ok"));
	bool ok, agrees;

	if (!pt_hostpci_is_set(text))
		return expected && !member(output, "result");
	ok = pt_mappings_parse(cfg ? cfg : "", &mappings) == 0 &&
	     pt_hostpci_parse(0, text, (size_t)json_object_get_string_len(value),
		     pt_streq(member_text(input, "encoding"), "chars") ? PT_TEXT_CHARS
								       : PT_TEXT_BYTES,
		     &assignment.entry, NULL) == 0 &&
	     pt_resolve(fake->host, &mappings, member_text(input, "node"), &inventory, &assignment,
		     NULL) == 0 &&
	     !assignment.problem.tag;
	agrees = ok == expected;
	/* a value that does not parse has no tag yet: its line is dropped from a config */
	if (!ok && agrees && !pt_streq(member_text(output, "reason"), "format"))
		agrees = same_story(member_text(output, "reason"), assignment.problem.tag);
	if (ok && agrees)
		agrees = same_ids(
			alternatives_to_json(&assignment), member(member(output, "result"), "ids"));
	pt_assignment_clear(&assignment);
	return agrees;
}

bool resolve_agrees(
	const struct suite_context *context, struct json_object *input, struct json_object *output)
{
	struct fake fake;
	bool agrees;

	if (!make_host(context, input, &fake))
		return false;
	agrees = resolved_agrees(&fake, input, output) &&
		 groups_agree(&fake, member(output, "group_bind"));
	fake_close(&fake);
	return agrees;
}

/* --- vm --- */

struct vm {
	struct fake fake;
	unsigned int vmid;
	int64_t now;
	char *reservations; /* the file's text; NULL: there is none */
	struct pt_guest *guest;
	struct pt_facts facts; /* assignments and inventory only */
	struct pt_mappings mappings;
	struct pt_names touched; /* by the op at hand */
	bool told;		 /* our findings tell PVE's reason */
};

static void set_reservations(struct vm *vm, const struct pt_reservations *list)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	pt_foreach (one, list->reservation, list->count) {
		if (one->has_pid)
			fprintf(out, "%s %llu pid:%" PRId64 "\n", one->id, one->vmid, one->pid);
		else if (one->has_time)
			fprintf(out, "%s %llu time:%" PRId64 "\n", one->id, one->vmid, one->time);
		else
			fprintf(out, "%s %llu time:\n", one->id, one->vmid);
	}
	fclose(out);
	free(vm->reservations);
	vm->reservations = text;
}

static int compare_reservations(const void *a, const void *b)
{
	const struct pt_reservation *x = a, *y = b;

	return strcmp(x->id, y->id);
}

/* One function for the guest vmid. 1: nothing at all is to be written. -EBUSY: refused. */
static int reserve_one(const struct vm *vm, struct pt_reservations *list, const char *id,
	unsigned int vmid, int64_t *timeout, const int64_t *pid)
{
	const struct pt_reservation *found = pt_reservation_find(list, id);
	struct pt_reservation *slot = found ? &list->reservation[found - list->reservation] : NULL;
	int running = slot ? pt_guest_pid(vm->fake.host, (unsigned int)slot->vmid) : 0;

	if (pt_reservation_judge(slot, vmid, vm->now, running) != PT_RESERVATION_FREE)
		return -EBUSY;
	if (slot && slot->vmid == vmid) {
		bool mine_runs = slot->has_pid && running && slot->pid == running;

		if (slot->has_time && timeout && slot->time - 5 - vm->now > *timeout)
			*timeout = slot->time - 5 - vm->now;
		if (mine_runs && pid)
			return -EBUSY;
		if (mine_runs && timeout)
			return 1;
	}
	if (!slot) {
		slot = pt_array_grow(&list->reservation, &list->count, sizeof(*slot));
		slot->id = strdup(id);
	}
	slot->vmid = vmid;
	slot->has_pid = pid;
	slot->pid = pid ? *pid : 0;
	slot->has_time = !pid && timeout;
	slot->time = slot->has_time ? vm->now + *timeout + 5 : 0;
	qsort(list->reservation, list->count, sizeof(*slot), compare_reservations);
	return 0;
}

static int reserve(struct vm *vm, struct json_object *ids, unsigned int vmid, int64_t *timeout,
	const int64_t *pid)
{
	struct pt_reservations PT_RESERVATIONS list = {0};
	size_t count = json_object_array_length(ids);
	int r = 0;

	if (!count)
		return 0;
	pt_reservations_parse(vm->reservations ? vm->reservations : "", &list);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = reserve_one(vm, &list,
			json_object_get_string(json_object_array_get_idx(ids, i)), vmid, timeout,
			pid);
	if (r == 0)
		set_reservations(vm, &list);
	return r < 0 ? r : 0;
}

static void remove_reservations(struct vm *vm, struct json_object *ids, unsigned long long vmid)
{
	struct pt_reservations PT_RESERVATIONS list = {0};
	size_t kept = 0;

	pt_reservations_parse(vm->reservations ? vm->reservations : "", &list);
	for (size_t i = 0; i < list.count; i++) {
		bool named = !ids;

		for (size_t j = 0; ids && j < json_object_array_length(ids); j++)
			named |= pt_streq(list.reservation[i].id,
				json_object_get_string(json_object_array_get_idx(ids, j)));
		if (named && list.reservation[i].vmid == vmid)
			free(list.reservation[i].id);
		else
			list.reservation[kept++] = list.reservation[i];
	}
	list.count = kept;
	if (!ids || json_object_array_length(ids))
		set_reservations(vm, &list);
}

/* What PVE does with an NVIDIA vGPU: the type must be one that the driver offers on the VF now. */
static bool vgpu_available(const struct vm *vm, const struct pt_bdf *bdf, const char *type)
{
	PT_FREE char *current = NULL, *creatable = NULL;
	char path[PT_PCI_PATH];
	char *line, *rest;

	if (pt_host_read_line(vm->fake.host, pt_pci_path(bdf, "nvidia/current_vgpu_type", path),
		    &current) < 0)
		return false;
	if (pt_streq(current, type))
		return true;
	if (pt_host_read(vm->fake.host, pt_pci_path(bdf, "nvidia/creatable_vgpu_types", path),
		    65536, &creatable, NULL) < 0)
		return false;
	for (line = strtok_r(creatable, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		size_t length = strcspn(line, " \t:");

		if (length == strlen(type) && strncmp(line, type, length) == 0)
			return true;
	}
	return false;
}

static bool reserve_alternative(void *data, const struct pt_assignment *assignment,
	const struct pt_alternative *alternative)
{
	struct vm *vm = data;
	struct json_object *ids;
	int64_t timeout = 10;
	bool ok;

	/* PVE stops at the first entry that finds nothing */
	for (size_t i = 0; i < vm->facts.count; i++) {
		if (vm->facts.assignment[i].problem.tag)
			return false;
	}
	ids = ids_to_json(alternative);
	ok = reserve(vm, ids, vm->vmid, &timeout, NULL) == 0;
	if (ok && assignment->vgpu && !vgpu_available(vm, &alternative->id[0], assignment->vgpu)) {
		remove_reservations(vm, ids, vm->vmid);
		ok = false;
	}
	json_object_put(ids);
	return ok;
}

/* The only alternative of a vGPU is reserved as well, and stays so when its type is not to be had. */
static bool reserve_only_vgpus(struct vm *vm)
{
	pt_foreach (one, vm->facts.assignment, vm->facts.count) {
		struct json_object *ids;
		int64_t timeout = 10;
		bool ok;

		if (!one->vgpu || one->count != 1)
			continue;
		ids = ids_to_json(&one->alternative[0]);
		ok = reserve(vm, ids, vm->vmid, &timeout, NULL) == 0 &&
		     vgpu_available(vm, &one->alternative[0].id[0], one->vgpu);
		json_object_put(ids);
		if (!ok)
			return false;
	}
	return true;
}

static void forget_choice(struct vm *vm)
{
	pt_foreach (one, vm->facts.assignment, vm->facts.count) {
		one->chosen = -1;
		free(one->problem.message);
		free(one->problem.hint);
		one->problem = (struct pt_problem){0};
	}
}

static bool choose(struct vm *vm, bool dry)
{
	forget_choice(vm);
	return pt_choose(vm->facts.assignment, vm->facts.count, dry ? NULL : reserve_alternative,
		       vm) &&
	       (dry || reserve_only_vgpus(vm));
}

/* Whether a choice that failed has the problem that PVE names. */
static bool choice_told(const struct vm *vm, const char *reason)
{
	pt_foreach (one, vm->facts.assignment, vm->facts.count) {
		if (same_story(reason, one->problem.tag))
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

/* Source: qemu-server, QemuServer/Helpers.pm, config_aware_timeout. */
static int64_t start_timeout(const struct vm *vm)
{
	const char *memory = pt_guest_get(vm->guest, "memory");
	long mib = memory ? strtol(memory, NULL, 10) : 512;
	int64_t timeout = (mib > 30720 ? mib / 1024 : 30) * 4;

	if (pt_guest_get(vm->guest, "hugepages") && timeout < 150)
		timeout = 150;
	pt_foreach (key, vm->guest->key, vm->guest->count) {
		if (pt_starts_with(key->key, "net"))
			timeout += 5;
	}
	return timeout;
}

static bool mdev_available(const struct vm *vm, const struct pt_assignment *assignment)
{
	pt_foreach (alternative, assignment->alternative, assignment->count) {
		PT_FREE char *free_text = NULL;
		char path[PT_PCI_PATH], file[96];

		snprintf(file, sizeof(file), "mdev_supported_types/%s/available_instances",
			assignment->entry.mdev);
		if (pt_host_read_line(vm->fake.host, pt_pci_path(&alternative->id[0], file, path),
			    &free_text) == 0 &&
			atoi(free_text) > 0)
			return true;
	}
	return false;
}

/* Moves what one function needs with our own handover; false where PVE dies. */
static bool bind_with_group(struct vm *vm, const char *device)
{
	struct pt_handover handover = {
		.host = vm->fake.host, .lock_fd = -1, .write_ms = 2000, .phase_ms = 5000};
	struct pt_claim PT_CLAIM *claim = NULL;
	struct pt_group PT_GROUP group = {0};
	struct pt_module vfio;
	int r;

	pt_module_look(vm->fake.host, PT_VFIO_PCI, &vfio);
	if (vfio.state != PT_MODULE_PRESENT || pt_claim_new(&claim, "100", NULL) < 0 ||
		pt_group_read(vm->fake.host, device, &group, NULL) < 0)
		return false;
	r = list_touched(&vm->fake, &group, &vm->touched);
	pt_foreach (bdf, group.function, group.function_count) {
		struct pt_function function = {0};

		if (r == 0 && pt_function_read(vm->fake.host, bdf, &function, NULL) == 0 &&
			function.info_ok && !function.is_bridge)
			r = pt_claim_add(claim, &function, "hostpci", false, NULL);
		pt_function_clear(&function);
	}
	return r == 0 && pt_handover_take(&handover, claim, NULL) == 0;
}

static bool prepare(struct vm *vm, const char *device)
{
	struct pt_function function = {0};
	struct pt_bdf bdf;
	bool ok = pt_bdf_parse(device, &bdf) &&
		  pt_function_read(vm->fake.host, &bdf, &function, NULL) == 0 && function.info_ok;

	pt_function_clear(&function);
	return ok && bind_with_group(vm, device);
}

static bool prepare_all(struct vm *vm)
{
	pt_foreach (one, vm->facts.assignment, vm->facts.count) {
		const struct pt_alternative *chosen = &one->alternative[one->chosen];

		if (!pt_iommu_active(vm->fake.host))
			return false;
		if (pt_assignment_is_mdev(one) && !mdev_available(vm, one))
			return false;
		if (!pt_assignment_is_bound(one))
			continue;
		pt_foreach (id, chosen->id, chosen->count) {
			if (!prepare(vm, PT_BDF(id)))
				return false;
		}
	}
	return true;
}

/* Every function that is reserved at a start: all but mediated devices'. */
static struct json_object *reserved_ids(const struct vm *vm)
{
	struct json_object *json = json_object_new_array();

	pt_foreach (one, vm->facts.assignment, vm->facts.count) {
		const struct pt_alternative *chosen = &one->alternative[one->chosen];

		if (pt_assignment_is_mdev(one))
			continue;
		pt_foreach (id, chosen->id, chosen->count)
			json_object_array_add(json, json_object_new_string(PT_BDF(id)));
	}
	return json;
}

static bool start(struct vm *vm, int64_t pid)
{
	struct json_object *ids;
	int64_t timeout = start_timeout(vm);
	bool ok;

	if (!choose(vm, false))
		return false;
	ids = reserved_ids(vm);
	ok = reserve(vm, ids, vm->vmid, &timeout, NULL) == 0 && prepare_all(vm) &&
	     reserve(vm, ids, vm->vmid, NULL, &pid) == 0;
	json_object_put(ids);
	return ok;
}

static bool touched_agrees(struct vm *vm, struct json_object *expected)
{
	return same_set(vm->touched.name, vm->touched.count, expected);
}

static bool op_reserve(struct vm *vm, struct json_object *op, unsigned int vmid)
{
	struct json_object *ids = member(op, "ids");
	struct json_object *timeout_json = member(op, "timeout"), *pid_json = member(op, "pid");
	int64_t timeout = json_object_get_int64(timeout_json);
	int64_t pid = json_object_get_int64(pid_json);
	bool ok;

	if (json_object_is_type(ids, json_type_string)) {
		struct json_object *list = json_object_new_array();

		json_object_array_add(list, json_object_get(ids));
		ids = list;
	} else {
		json_object_get(ids);
	}
	ok = reserve(vm, ids, vmid, timeout_json ? &timeout : NULL, pid_json ? &pid : NULL) == 0;
	json_object_put(ids);
	return ok;
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

/* Does one op. Whether it went well is *ok; false: what it gave is not what PVE gave. */
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

/* PVE's parse_hostpci_devices: resolving, and the rules that it applies right there. */
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
		if (pt_resolve(vm->fake.host, &vm->mappings, node, &vm->facts.inventory, slot,
			    NULL) < 0)
			return false;
	}
	pt_rules_run(&vm->facts, &findings);
	pt_foreach (finding, findings.finding, findings.count) {
		/* dropped lines and driver=keep do not stop PVE's parser */
		if (finding->severity != PT_ERROR ||
			pt_starts_with(finding->tag, "hostpci-syntax") ||
			pt_starts_with(finding->tag, "hostpci-unknown-key") ||
			pt_starts_with(finding->tag, "keep-without-vfio"))
			continue;
		ok = false;
		told |= same_story(reason, finding->tag);
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
	agrees = pt_mappings_parse(cfg ? cfg : "", &vm.mappings) == 0 &&
		 case_agrees(&vm, input, output);
	pt_mappings_clear(&vm.mappings);
	pt_facts_clear(&vm.facts);
	pt_guest_free(vm.guest);
	pt_names_free(&vm.touched);
	free(vm.reservations);
	fake_close(&vm.fake);
	return agrees;
}
