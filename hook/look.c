// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "hook/look.h"
#include "lib/pci/group.h"
#include "lib/use/use-block.h"
#include "lib/use/use-devfile.h"
#include "lib/use/use-net.h"
#include "pve/config/args.h"
#include "pve/config/hostpci.h"
#include "pve/config/mapping.h"
#include "pve/config/paths.h"

#define LOG(run, level, ...) pt_log(pt_host_log((run)->host), level, __VA_ARGS__)

/* Functions that the start would move. */
struct wanted {
	const struct pt_run *run;
	struct pt_bdf *bdf;
	size_t count;
	struct pt_function *function; /* those that could be read */
	size_t functions;
	struct pt_err unseen; /* why there may be more; code 0: these are all */
};

static void clear_wanted(struct wanted *wanted)
{
	pt_foreach (function, wanted->function, wanted->functions)
		pt_function_clear(function);
	free(wanted->function);
	free(wanted->bdf);
}

static void add_addresses(struct wanted *wanted, const char *list)
{
	struct pt_names PT_NAMES addresses = {0};

	pt_names_split(&addresses, list, ";");
	pt_foreach (address, addresses.name, addresses.count) {
		struct pt_bdf *found = NULL;
		size_t count = 0;

		pt_functions_matching(wanted->run->host, *address, &found, &count, &wanted->unseen);
		pt_foreach (bdf, found, count)
			pt_bdfs_add(&wanted->bdf, &wanted->count, bdf);
		free(found);
	}
}

/* Adds all alternatives of a mapping: nobody knows the one that Proxmox VE will choose. */
static void add_mapping(struct wanted *wanted, const char *id)
{
	struct pt_mappings PT_MAPPINGS mappings = {0};
	const struct pt_mapping *mapping;

	if (pt_mappings_read(wanted->run->host, &mappings, &wanted->unseen) < 0)
		return;
	mapping = pt_mapping_find(&mappings, id);
	for (size_t i = 0; mapping && i < mapping->count; i++) {
		if (pt_streq(mapping->entry[i].node, wanted->run->node))
			add_addresses(wanted, mapping->entry[i].path);
	}
}

/* Adds the devices of an entry, unless nobody would move them. */
static void add_entry(struct wanted *wanted, const char *value)
{
	struct pt_names PT_NAMES parts = {0};

	pt_names_split(&parts, value, ",");
	pt_foreach (part, parts.name, parts.count) {
		if (pt_starts_with(*part, "mdev=") || pt_streq(*part, "driver=keep"))
			return;
	}
	pt_foreach (part, parts.name, parts.count) {
		if (pt_starts_with(*part, "mapping="))
			add_mapping(wanted, *part + strlen("mapping="));
		else if (pt_starts_with(*part, "host="))
			add_addresses(wanted, *part + strlen("host="));
		else if (!strchr(*part, '='))
			add_addresses(wanted, *part);
	}
}

static void add_line(struct wanted *wanted, const char *line, size_t length)
{
	size_t key = strcspn(line, ":");
	PT_FREE char *name = pt_strndup(line, key < length ? key : length);
	PT_FREE char *value = NULL;
	PT_FREE char *devices = NULL;

	if (key >= length)
		return;
	line += key + 1;
	length -= key + 1;
	for (; length && (*line == ' ' || *line == '\t'); length--)
		line++;
	while (length && (line[length - 1] == '\r' || line[length - 1] == ' '))
		length--;
	value = pt_strndup(line, length);
	if (pt_hostpci_key(name) >= 0)
		add_entry(wanted, value);
	if (!pt_streq(name, "args"))
		return;
	devices = pt_args_devices(value);
	if (devices)
		add_addresses(wanted, devices);
}

/* Adds the rest of each IOMMU group: it leaves the host, too. */
static void add_groups(struct wanted *wanted)
{
	const size_t named = wanted->count;
	struct pt_bdf *bdf = pt_calloc(named, sizeof(*bdf));

	if (named)
		memcpy(bdf, wanted->bdf, named * sizeof(*bdf));
	for (size_t i = 0; i < named; i++) {
		struct pt_group PT_GROUP group = {0};

		struct pt_err why = {0};
		int r = pt_group_read(wanted->run->host, PT_BDF(&bdf[i]), &group, &why);

		/* without a group it goes alone */
		if (r < 0 && r != -ENOENT)
			wanted->unseen = why;
		if (r < 0)
			continue;
		pt_foreach (function, group.function, group.function_count)
			pt_bdfs_add(&wanted->bdf, &wanted->count, function);
	}
	free(bdf);
}

static int list_wanted(struct wanted *wanted, struct pt_err *err)
{
	const struct pt_run *run = wanted->run;
	PT_FREE char *text = NULL;
	const char *at, *line;
	char path[128];
	size_t length;
	int r;

	snprintf(path, sizeof(path), PT_PVE_NODES "/%s/qemu-server/%u.conf", run->config_node,
		run->vmid);
	r = pt_host_read(run->host, path, PT_CONFIG_MAX, &text, NULL);
	if (r < 0)
		return pt_err_errno(err, r, "%s", path);
	for (at = text; (line = pt_config_line(&at, &length));)
		add_line(wanted, line, length);
	add_groups(wanted);
	return 0;
}

static const struct pt_use *find_use(const struct pt_run *run, const struct pt_uses *uses)
{
	pt_foreach (use, uses->use, uses->count) {
		if (!use->weak && (use->system || !run->advise))
			return use;
	}
	return NULL;
}

int pt_look_at_uses(const struct pt_host *host, const struct pt_function *const *function,
	size_t count, struct pt_uses *ret, struct pt_err *err)
{
	static int (*const looks[])(const struct pt_host *host, const struct pt_devfiles *devfiles,
		struct pt_uses *uses,
		struct pt_err *err) = {pt_use_blocks, pt_use_nets_plainly, pt_use_devfiles};
	struct pt_devfiles PT_DEVFILES devfiles = {0};
	int r = 0;

	for (size_t i = 0; i < count; i++)
		pt_devfiles_add(host, function[i], &devfiles);
	/* one that fails shows nothing, and the others may */
	for (size_t i = 0; i < PT_ARRAY_SIZE(looks) && r != -ETIME; i++) {
		struct pt_err why = {0};
		int one = looks[i](host, &devfiles, ret, &why);

		if (one == 0 || (r < 0 && one != -ETIME))
			continue;
		r = one;
		*err = why;
	}
	return r;
}

static int look_at_uses(const struct pt_run *run, const struct pt_function *const *function,
	size_t count, struct pt_err *err)
{
	struct pt_uses PT_USES uses = {0};
	struct pt_err why = {0};
	const struct pt_use *use;
	PT_FREE char *text = NULL;
	int r = count ? pt_look_at_uses(run->host, function, count, &uses, &why) : 0;

	use = find_use(run, &uses);
	if (use) {
		text = pt_use_text(use);
		return pt_err_set(
			err, -EBUSY, "%s: is in use on this host: %s", PT_BDF(&use->bdf), text);
	}
	if (r == 0 || (r == -ETIME && run->advise))
		return 0;
	/* a process that has too many files open may be somebody's who wants to hide */
	return pt_err_set(
		err, r == -ETIME ? -EBUSY : r, "%s: %s", PT_BDF(&function[0]->bdf), why.text);
}

static int look_at_groups(const struct pt_run *run, const struct pt_function *const *function,
	size_t count, struct pt_err *err)
{
	struct pt_vfio_user *user = NULL;
	struct pt_err why = {0};
	size_t users = 0, at = 0;
	int r;

	if (run->advise || !count)
		return 0;
	r = pt_vfio_users(run->host, function, count, &user, &users, &why);
	while (users && at + 1 < count && function[at]->group != user->group)
		at++;
	if (r < 0)
		r = pt_err_set(err, r == -ETIME ? -EBUSY : r, "%s: %s", PT_BDF(&function[0]->bdf),
			why.text);
	else if (users)
		r = pt_err_set(err, -EBUSY, "%s: process %d (%s) has its IOMMU group open",
			PT_BDF(&function[at]->bdf), user->pid, user->name);
	free(user);
	return r;
}

/* Reads the functions, and adds their VFs to the wanted: they vanish with them. */
static void read_wanted(struct wanted *wanted)
{
	/* the list grows meanwhile */
	for (size_t i = 0; i < wanted->count; i++) {
		const struct pt_bdf bdf = wanted->bdf[i];
		struct pt_function function, *slot;
		struct pt_err why = {0};
		int r = pt_function_read_plain(wanted->run->host, &bdf, &function, &why);

		if (r < 0 && r != -ENODEV)
			wanted->unseen = why;
		if (r < 0)
			continue;
		pt_foreach (vf, function.vf, function.vf_count)
			pt_bdfs_add(&wanted->bdf, &wanted->count, vf);
		slot = pt_array_grow(&wanted->function, &wanted->functions, sizeof(*slot));
		*slot = function;
	}
}

int pt_look_plainly(const struct pt_run *run, struct pt_err *err)
{
	struct wanted wanted PT_CLEANUP(clear_wanted) = {.run = run};
	const struct pt_function **at_home, **on_vfio;
	size_t home = 0, vfio = 0;
	int r = list_wanted(&wanted, err);

	if (r < 0)
		return r;
	read_wanted(&wanted);
	at_home = pt_calloc(wanted.functions + 1, sizeof(*at_home));
	on_vfio = pt_calloc(wanted.functions + 1, sizeof(*on_vfio));
	pt_foreach (function, wanted.function, wanted.functions) {
		if (pt_function_on_vfio(function))
			on_vfio[vfio++] = function;
		else if (!function->is_bridge)
			at_home[home++] = function;
	}
	/* a use decides, wherever nobody could look */
	r = look_at_uses(run, at_home, home, err);
	if (r < 0 && r != -EBUSY)
		wanted.unseen = *err;
	if (r != -EBUSY)
		r = look_at_groups(run, on_vfio, vfio, err);
	free(at_home);
	free(on_vfio);
	if (r < 0)
		return r;
	return wanted.unseen.code ? pt_err_set(err, wanted.unseen.code, "%s", wanted.unseen.text)
				  : 0;
}

int pt_phase_look(const struct pt_run *run)
{
	struct pt_err err = {0};
	int r = pt_look_plainly(run, &err);

	if (r == -EBUSY)
		LOG(run, PT_LOG_ERROR, "start refused: %s", err.text);
	else if (r < 0)
		LOG(run, PT_LOG_WARNING, PT_UNSEEN, run->vmid, err.text);
	else
		LOG(run, PT_LOG_WARNING, PT_UNPROTECTED, run->vmid);
	return r == -EBUSY;
}
