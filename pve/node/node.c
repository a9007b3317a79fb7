// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <time.h>

#include "pve/config/members.h"
#include "pve/node/node.h"
#include "pve/config/paths.h"

#define UNSAFE_INTERRUPTS "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"

struct pt_node *pt_node_open(const struct pt_host *host, const char *name,
	const struct pt_store *store, pt_allowing_of *allowing)
{
	struct pt_node *node = pt_calloc(1, sizeof(*node));

	node->host = host;
	node->store = store;
	node->allowing = allowing;
	node->time = time(NULL);
	snprintf(node->name, sizeof(node->name), "%s", name);
	return node;
}

void pt_node_close(struct pt_node *node)
{
	if (!node)
		return;
	free(node->traits.vfio_options);
	free(node->traits.cmdline);
	pt_versions_clear(&node->traits.versions);
	pt_cpu_clear(&node->traits.cpu);
	pt_boot_clear(&node->traits.boot);
	pt_policy_clear(&node->traits.policy);
	pt_inventory_clear(&node->inventory);
	pt_foreach (device, node->device, node->device_count) {
		pt_foreach (type, device->mdev, device->mdev_count)
			free(type->name);
		free(device->mdev);
	}
	free(node->device);
	pt_mappings_clear(&node->mappings);
	pt_reservations_clear(&node->reservations);
	pt_foreach (claim, node->claim, node->claim_count) {
		pt_foreach (claimed, claim->claimed, claim->count)
			free(claimed->error);
		free(claim->claimed);
	}
	free(node->claim);
	free(node->left);
	free(node->user);
	pt_uses_clear(&node->uses);
	pt_foreach (start, node->last_start, node->last_start_count)
		pt_identities_clear(&start->identities);
	free(node->last_start);
	pt_foreach (rom, node->rom, node->rom_count)
		free(rom->name);
	free(node->rom);
	pt_foreach (hook, node->hook, node->hook_count) {
		free(hook->volume);
		pt_names_free(&hook->nodes);
	}
	free(node->hook);
	pt_names_free(&node->instances);
	pt_foreach (guest, node->guest, node->guest_count)
		pt_guest_free(*guest);
	free(node->guest);
	free(node->vmid);
	pt_foreach (naming, node->naming, node->naming_count) {
		free(naming->mdev);
		free(naming->mapping);
		free(naming->name);
	}
	free(node->naming);
	pt_foreach (mention, node->mention, node->mention_count) {
		free(mention->bridge);
		free(mention->place);
	}
	free(node->mention);
	free(node->usb_user);
	free(node->named);
	pt_names_free(&node->cluster);
	pt_ha_clear(&node->ha);
	pt_backups_clear(&node->backups);
	free(node->running);
	free(node);
}

void pt_node_close_p(struct pt_node **node)
{
	pt_node_close(PT_STEAL(*node));
}

static bool allows_unsafe_interrupts(const struct pt_host *host)
{
	PT_FREE char *text = NULL;
	PT_FREE char *options = NULL;

	if (pt_host_read_line(host, UNSAFE_INTERRUPTS, &text) == 0)
		return pt_streq(text, "Y");
	/* it is loaded by a start only: then with these */
	options = pt_module_options(host, "vfio_iommu_type1");
	return options && pt_options_set(options, "allow_unsafe_interrupts");
}

const struct pt_traits *pt_node_traits(struct pt_node *node)
{
	const struct pt_host *host = node->host;
	struct pt_traits *traits = &node->traits;

	if (node->has_traits)
		return traits;
	node->has_traits = true;
	traits->iommu_active = node->inventory.iommu_active = pt_iommu_active(host);
	traits->has_dmar = pt_host_exists(host, PT_FIRMWARE_TABLES "/DMAR");
	traits->has_ivrs = pt_host_exists(host, PT_FIRMWARE_TABLES "/IVRS");
	pt_host_read_line(host, "/proc/cmdline", &traits->cmdline);
	traits->iova_width = pt_iommu_width(host);
	traits->remapping = pt_iommu_remapping(host);
	pt_memory_read(host, &traits->memory);
	pt_policy_read(host, node->allowing, &traits->policy, &traits->policy_err);
	return traits;
}

/* Removes "name" and "name=..." from options, in place. */
static void drop_option(char *options, const char *name)
{
	char *to = options;

	for (const char *word = options; *word;) {
		size_t length = strcspn(word, " ");
		bool is_it =
			strncmp(word, name, strlen(name)) == 0 && strchr("= ", word[strlen(name)]);

		if (!is_it) {
			if (to != options)
				*to++ = ' ';
			memmove(to, word, length);
			to += length;
		}
		word += length;
		word += strspn(word, " ");
	}
	*to = '\0';
}

/* Sets what is in force in the loaded vfio-pci, where its options say something else. */
static void learn_switch(const struct pt_host *host, const char *name, char **options)
{
	PT_FREE char *path = pt_format("/sys/module/vfio_pci/parameters/%s", name);
	PT_FREE char *text = NULL;
	bool is_set = *options && pt_options_set(*options, name);

	if (pt_host_read_line(host, path, &text) < 0 || pt_streq(text, "Y") == is_set)
		return;
	if (is_set) {
		drop_option(*options, name);
	} else {
		PT_FREE char *option = pt_format("%s=1", name);

		*options = pt_list_add(*options, " ", option);
	}
}

void pt_node_learn_modules(struct pt_node *node)
{
	struct pt_traits *traits = &node->traits;

	if (node->has_modules)
		return;
	node->has_modules = true;
	pt_module_look(node->host, PT_VFIO_PCI, &traits->vfio);
	traits->vfio_options = pt_module_options(node->host, PT_VFIO_PCI);
	learn_switch(node->host, "disable_idle_d3", &traits->vfio_options);
	learn_switch(node->host, "disable_denylist", &traits->vfio_options);
	traits->unsafe_interrupts = allows_unsafe_interrupts(node->host);
}

void pt_node_learn_versions(struct pt_node *node)
{
	if (node->has_versions)
		return;
	node->has_versions = true;
	pt_versions_read(node->host, &node->traits.versions);
	pt_cpu_read(node->host, &node->traits.cpu);
	pt_boot_read(node->host, &node->traits.boot);
}

int pt_node_learn(struct pt_node *node, const struct pt_bdf *bdf, struct pt_err *err)
{
	return pt_inventory_add(node->host, &node->inventory, bdf, err);
}

int pt_node_matching(struct pt_node *node, const char *filter, struct pt_bdf **ret,
	size_t *ret_count, struct pt_err *err)
{
	return pt_inventory_matching(node->host, &node->inventory, filter, ret, ret_count, err);
}

int pt_node_group(
	struct pt_node *node, const struct pt_bdf *bdf, struct pt_group *ret, struct pt_err *err)
{
	return pt_inventory_group(node->host, &node->inventory, bdf, ret, err);
}

int pt_node_mappings(struct pt_node *node, const struct pt_mappings **ret, struct pt_err *err)
{
	int r = node->has_mappings ? 0 : pt_mappings_read(node->host, &node->mappings, err);

	if (r < 0)
		return r;
	node->has_mappings = true;
	*ret = &node->mappings;
	return 0;
}

int pt_node_fits(const struct pt_node *node, const struct pt_mapping *mapping,
	const struct pt_map_entry *entry, struct pt_err *err)
{
	struct pt_names PT_NAMES paths = {0};

	pt_names_split(&paths, entry->path, ";");
	for (size_t i = 0; i < paths.count; i++) {
		const char *path = paths.name[i];
		PT_FREE char *zero = pt_format("%s%s", path, strchr(path, '.') ? "" : ".0");
		const struct pt_function *function = NULL;
		struct pt_bdf bdf;

		if (pt_bdf_parse(zero, &bdf))
			function = pt_inventory_find(&node->inventory, &bdf);
		if (!function)
			return pt_err_set(err, -ENODEV, "there is no %s", zero);
		if (pt_map_entry_check(mapping, entry, function, i == 0, err) < 0)
			return pt_err_wrap(err, "%s", zero);
	}
	return 0;
}

int pt_node_reservations(
	struct pt_node *node, const struct pt_reservations **ret, struct pt_err *err)
{
	if (!node->has_reservations) {
		int r = pt_reservations_read(node->host, &node->reservations, err);

		if (r < 0)
			return r;
	}
	node->has_reservations = true;
	*ret = &node->reservations;
	return 0;
}

/* Drops nodes that have left the cluster. */
static void keep_members(const struct pt_host *host, struct pt_names *names)
{
	struct pt_members PT_MEMBERS members = {0};
	size_t kept = 0;

	if (pt_members_read(host, &members, NULL) < 0 || !members.count)
		return;
	for (size_t i = 0; i < names->count; i++) {
		if (pt_member_find(&members, names->name[i]))
			names->name[kept++] = names->name[i];
		else
			free(names->name[i]);
	}
	names->count = kept;
}

const struct pt_names *pt_node_cluster(struct pt_node *node, const struct pt_ha **ret_ha)
{
	struct pt_err err = {0};

	if (!node->has_cluster) {
		pt_host_list(node->host, PT_PVE_NODES, &node->cluster);
		keep_members(node->host, &node->cluster);
		if (pt_ha_read(node->host, &node->ha, &err) < 0)
			pt_log(pt_host_log(node->host), PT_LOG_WARNING, "%s", err.text);
	}
	node->has_cluster = true;
	*ret_ha = &node->ha;
	return &node->cluster;
}

const struct pt_backups *pt_node_backups(struct pt_node *node)
{
	struct pt_err err = {0};

	if (!node->has_backups && node->host &&
		pt_backups_read(node->host, node->name, &node->backups, &err) < 0)
		pt_log(pt_host_log(node->host), PT_LOG_WARNING, "%s", err.text);
	node->has_backups = true;
	return &node->backups;
}

/* Every process that has a group open, and the host's uses of every function. */
static int learn_owners(struct pt_node *node, struct pt_err *err)
{
	const struct pt_inventory *inventory = &node->inventory;
	const struct pt_function **function = pt_calloc(inventory->count, sizeof(*function));
	struct pt_bdf *bdf = pt_calloc(inventory->count, sizeof(*bdf));
	bool hangs = false;
	int r;

	for (size_t i = 0; i < inventory->count; i++) {
		function[i] = &inventory->function[i];
		bdf[i] = function[i]->bdf;
	}
	r = pt_node_group_users(
		node, function, inventory->count, &node->user, &node->user_count, err);
	if (r == 0) {
		r = pt_node_uses(node, bdf, inventory->count, &node->uses, err);
		node->has_uses = r == 0;
		/* one driver hangs: asks for each function alone */
		hangs = r == -ETIME;
	}
	if (hangs) {
		pt_log(pt_host_log(node->host), PT_LOG_WARNING, "%s", err->text);
		*err = (struct pt_err){0};
		r = 0;
	}
	free(function);
	free(bdf);
	return r;
}

static void learn_running(struct pt_node *node, unsigned int vmid)
{
	int pid = pt_node_pid(node, vmid);
	struct pt_run_guest *slot;

	pt_foreach (known, node->running, node->running_count)
		pid = known->vmid == vmid ? 0 : pid;
	if (!pid)
		return;
	slot = pt_array_grow(&node->running, &node->running_count, sizeof(*slot));
	*slot = (struct pt_run_guest){vmid, pid};
}

/* Guests here and in reservations: an incoming one has no config here yet. */
static void learn_running_guests(struct pt_node *node)
{
	for (size_t i = 0; i < node->vmid_count; i++)
		learn_running(node, node->vmid[i]);
	for (size_t i = 0; i < node->reservations.count; i++) {
		unsigned long long vmid = node->reservations.reservation[i].vmid;

		if (vmid <= PT_VMID_MAX)
			learn_running(node, (unsigned int)vmid);
	}
}

int pt_node_learn_all(struct pt_node *node, struct pt_err *err)
{
	const struct pt_reservations *reservations;
	struct pt_guest *const *guests;
	const struct pt_node_claim *claims;
	const struct pt_mappings *mappings;
	const struct pt_ha *ha;
	struct pt_err none = {0};
	size_t count;
	int r;

	if (node->whole)
		return 0;
	err = err ? err : &none;
	pt_node_traits(node);
	pt_node_learn_modules(node);
	pt_node_learn_versions(node);
	pt_node_cluster(node, &ha);
	pt_node_backups(node);
	pt_inventory_clear(&node->inventory);
	r = pt_inventory_read_all(node->host, &node->inventory, err);
	if (r == 0)
		r = pt_node_mappings(node, &mappings, err);
	if (r == 0)
		r = pt_node_reservations(node, &reservations, err);
	if (r == 0)
		r = pt_node_guests(node, &guests, &count, err);
	/* a host that is no node has none; a request for its guests fails */
	if (r == -ENOENT) {
		r = 0;
		node->has_guests = true;
		*err = (struct pt_err){0};
	}
	if (r < 0)
		return r;
	pt_node_claims(node, &claims, &count);
	learn_running_guests(node);
	r = learn_owners(node, err);
	node->whole = r == 0;
	return r;
}

void pt_node_complete(struct pt_node *node)
{
	node->vmid_count = 0;
	pt_foreach (guest, node->guest, node->guest_count) {
		unsigned int *slot = pt_array_grow(&node->vmid, &node->vmid_count, sizeof(*slot));

		*slot = (*guest)->vmid;
	}
	node->whole = node->has_traits = node->has_modules = node->has_versions = true;
	node->has_mappings = node->has_reservations = true;
	node->has_claims = node->has_vmids = node->has_guests = node->has_instances = true;
	node->has_cluster = node->has_uses = true;
}
