// SPDX-License-Identifier: AGPL-3.0-or-later
/* PVE's part around our parsing and choosing: its reservations, its mediated devices, its
 * time-outs. This is test code; it measures our reader and judge of reservations, our choice, run
 * state and handover. */
#include <errno.h>
#include <inttypes.h>

#include "lib/claim/handover.h"
#include "pve/config/runstate.h"
#include "tests/conformance/compare.h"
#include "tests/conformance/vm.h"

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

void remove_reservations(struct vm *vm, struct json_object *ids, unsigned long long vmid)
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

/* Creates an NVIDIA vGPU as PVE does: the driver must offer the type on the VF now. */
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
		if (vm->facts.assignment[i].problem.kind)
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

/* The only alternative of a vGPU is reserved as well, and stays so when its type is not to be had.
 */
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
		free(one->problem.where);
		free(one->problem.why);
		one->problem = (struct pt_problem){0};
	}
}

bool choose(struct vm *vm, bool dry)
{
	forget_choice(vm);
	return pt_choose(vm->facts.assignment, vm->facts.count, dry ? NULL : reserve_alternative,
		       vm) &&
	       (dry || reserve_only_vgpus(vm));
}

/* Source: qemu-server, QemuServer/Helpers.pm, config_aware_timeout. */
static int64_t start_timeout(const struct vm *vm)
{
	const char *memory = pt_guest_get(vm->guest, "memory");
	long mib = memory ? strtol(memory, NULL, 10) : 512;
	int64_t timeout = (mib > 30720 ? mib / 1024 : 30) * 4;

	if (pt_guest_get(vm->guest, "hugepages") && timeout < 150)
		timeout = 150;
	pt_guest_foreach (key, vm->guest) {
		if (pt_starts_with(key.key, "net"))
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

static int claim_one(struct fake *fake, struct pt_claim *claim, const struct pt_bdf *bdf)
{
	struct pt_origin origin PT_CLEANUP(pt_origin_clear) = {0};
	int r = pt_origin_read(fake->host, bdf, &origin, NULL);

	/* PVE leaves the VFs of a PF to its driver, and the tree that it answered for has no such
	 * driver */
	origin.vfs = -1;
	if (r == 0)
		pt_claim_add(claim, bdf, "hostpci", &origin);
	return r;
}

/* Moves one function, and its group, with our own handover; false where PVE dies. */
static bool bind_with_group(struct vm *vm, const char *device)
{
	struct pt_handover handover = {.host = vm->fake.host, .write_ms = 2000, .phase_ms = 5000};
	struct pt_claim PT_CLAIM claim = {0};
	struct pt_group PT_GROUP group = {0};
	struct pt_module vfio;
	int r = 0;

	pt_module_look(vm->fake.host, PT_VFIO_PCI, &vfio);
	if (vfio.state != PT_MODULE_PRESENT ||
		pt_group_read(vm->fake.host, device, &group, NULL) < 0)
		return false;
	list_touched(&vm->fake, &group, &vm->touched);
	pt_foreach (bdf, group.function, group.function_count) {
		struct pt_function function = {0};

		if (r == 0 && pt_function_read(vm->fake.host, bdf, &function, NULL) == 0 &&
			function.info_ok && !function.is_bridge)
			r = claim_one(&vm->fake, &claim, bdf);
		pt_function_clear(&function);
	}
	if (r == 0)
		r = pt_handover_take(&handover, &claim, NULL);
	if (r < 0)
		pt_handover_give_back(&handover, &claim, NULL);
	return r == 0;
}

bool prepare(struct vm *vm, const char *device)
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

bool start(struct vm *vm, int64_t pid)
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

bool op_reserve(struct vm *vm, struct json_object *op, unsigned int vmid)
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
