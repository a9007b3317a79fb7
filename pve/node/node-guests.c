// SPDX-License-Identifier: AGPL-3.0-or-later
/* The guests with configs on a node, their devices, and their other uses of the host. */
#include <errno.h>

#include "pve/config/args.h"
#include "pve/config/hostpci.h"
#include "pve/node/node.h"
#include "pve/config/paths.h"

static int compare_vmids(const void *a, const void *b)
{
	const unsigned int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static const char *configs_of(const struct pt_node *node, char path[static 128])
{
	snprintf(path, 128, PT_PVE_NODES "/%s/qemu-server", node->name);
	return path;
}

static int list_vmids(struct pt_node *node, struct pt_err *err)
{
	struct pt_names PT_NAMES names = {0};
	char path[128];
	int r;

	r = pt_host_list(node->host, configs_of(node, path), &names);
	if (r < 0)
		return pt_err_errno(err, r, "%s", path);
	pt_foreach (name, names.name, names.count) {
		unsigned int vmid, *slot;

		if (!pt_vmid_of_config(*name, &vmid))
			continue;
		slot = pt_array_grow(&node->vmid, &node->vmid_count, sizeof(*slot));
		*slot = vmid;
	}
	if (node->vmid_count)
		qsort(node->vmid, node->vmid_count, sizeof(*node->vmid), compare_vmids);
	return 0;
}

int pt_node_vmids(
	struct pt_node *node, const unsigned int **ret, size_t *ret_count, struct pt_err *err)
{
	int r = node->has_vmids ? 0 : list_vmids(node, err);

	if (r < 0)
		return r;
	node->has_vmids = true;
	*ret = node->vmid;
	*ret_count = node->vmid_count;
	return 0;
}

static void add_guest(struct pt_node *node, const struct pt_host *folder, unsigned int vmid)
{
	struct pt_guest_query query = {.vmid = vmid, .node = node->name, .view = PT_VIEW_NEXT};
	struct pt_guest PT_GUEST *guest = NULL;
	struct pt_guest **slot;
	int r = pt_guest_from_folder(folder, &query, &guest, NULL);

	/* its own check tells why; one without a file is gone since */
	node->unread += r < 0 && r != -ENOENT;
	if (r < 0 || !pt_guest_has_hostpci(guest))
		return;
	slot = pt_array_grow(&node->guest, &node->guest_count, sizeof(struct pt_guest *));
	*slot = PT_STEAL(guest);
}

int pt_node_guests(
	struct pt_node *node, struct pt_guest *const **ret, size_t *ret_count, struct pt_err *err)
{
	struct pt_host PT_HOST *folder = NULL;
	const unsigned int *vmid = NULL;
	size_t count = 0;
	char path[128];
	int r = 0;

	if (!node->has_guests)
		r = pt_node_vmids(node, &vmid, &count, err);
	if (r == 0 && count) {
		r = pt_host_open_folder(&folder, node->host, configs_of(node, path));
		if (r < 0)
			return pt_err_errno(err, r, "%s", path);
	}
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		add_guest(node, folder, vmid[i]);
	node->has_guests = true;
	*ret = node->guest;
	*ret_count = node->guest_count;
	return 0;
}

static void remove_guest(struct pt_node *node, unsigned int vmid)
{
	for (size_t at = 0; at < node->guest_count; at++) {
		if (node->guest[at]->vmid != vmid)
			continue;
		pt_guest_free(node->guest[at]);
		memmove(&node->guest[at], &node->guest[at + 1],
			(node->guest_count - at - 1) * sizeof(node->guest[at]));
		node->guest_count--;
		return;
	}
}

void pt_node_plan(struct pt_node *node, struct pt_guest *const *guest, size_t count,
	const unsigned int *gone, size_t gone_count)
{
	struct pt_guest *const *all = NULL;
	size_t known = 0;

	/* those that cannot be read are none to compare with */
	if (pt_node_guests(node, &all, &known, NULL) < 0)
		node->has_guests = true;
	for (size_t i = 0; i < gone_count; i++)
		remove_guest(node, gone[i]);
	for (size_t i = 0; i < count; i++) {
		struct pt_guest **slot = NULL;

		for (size_t at = 0; !slot && at < node->guest_count; at++) {
			if (node->guest[at]->vmid == guest[i]->vmid)
				slot = &node->guest[at];
		}
		/* one that is new, and has no device here */
		if (!slot &&
			(!pt_streq(guest[i]->node, node->name) || !pt_guest_has_hostpci(guest[i])))
			continue;
		if (slot)
			pt_guest_free(*slot);
		else
			slot = pt_array_grow(
				&node->guest, &node->guest_count, sizeof(struct pt_guest *));
		*slot = pt_guest_copy(guest[i]);
	}
}

/* name NULL: the entry's mapping. */
static void add_naming(struct pt_node *node, const struct pt_guest *guest,
	const struct pt_hostpci *entry, const char *name, size_t length)
{
	PT_FREE char *copy = name ? pt_strndup(name, length) : NULL;
	struct pt_naming *slot;

	slot = pt_array_grow(&node->naming, &node->naming_count, sizeof(*slot));
	pt_set_text(&slot->mdev, entry->mdev);
	pt_set_text(&slot->mapping, name ? NULL : entry->mapping);
	slot->vmid = guest->vmid;
	slot->guest = guest->name;
	slot->onboot = pt_streq(pt_guest_get(guest, "onboot"), "1");
	slot->is_one = copy && pt_bdf_of_filter(copy, &slot->one);
	slot->name = PT_STEAL(copy);
}

bool pt_naming_has(const struct pt_naming *naming, const struct pt_bdf *bdf)
{
	/* of a thousand guests most name one function: that is compared fast */
	if (naming->is_one)
		return pt_bdf_compare(&naming->one, bdf) == 0;
	return naming->name && pt_bdf_matches(bdf, naming->name);
}

static void add_entry(
	struct pt_node *node, const struct pt_guest *guest, const struct pt_hostpci *entry)
{
	if (entry->mapping) {
		add_naming(node, guest, entry, NULL, 0);
		return;
	}
	for (const char *name = entry->host; name && *name;) {
		size_t length = strcspn(name, ";");

		add_naming(node, guest, entry, name, length);
		name += length + (name[length] == ';');
	}
}

static void read_namings(struct pt_node *node, const struct pt_guest *guest)
{
	struct pt_hostpci by_args = {.host = pt_args_devices(pt_guest_get(guest, "args"))};

	add_entry(node, guest, &by_args);
	free(by_args.host);
	pt_guest_foreach (key, guest) {
		struct pt_hostpci entry;
		int index = pt_hostpci_key(key.key);

		if (index < 0 || pt_hostpci_parse(index, key.value, key.length, guest->encoding,
					 &entry, NULL) < 0)
			continue;
		add_entry(node, guest, &entry);
		pt_hostpci_clear(&entry);
	}
}

static int compare_addresses(const void *a, const void *b)
{
	return pt_bdf_compare(a, b);
}

static void list_named(struct pt_node *node)
{
	pt_foreach (naming, node->naming, node->naming_count) {
		if (naming->is_one)
			pt_bdfs_add(&node->named, &node->named_count, &naming->one);
	}
	if (node->named_count)
		qsort(node->named, node->named_count, sizeof(*node->named), compare_addresses);
}

bool pt_node_is_named(const struct pt_node *node, const struct pt_bdf *bdf)
{
	return node->named_count && bsearch(bdf, node->named, node->named_count,
					    sizeof(*node->named), compare_addresses);
}

int pt_node_namings(
	struct pt_node *node, const struct pt_naming **ret, size_t *ret_count, struct pt_err *err)
{
	struct pt_guest *const *guest = NULL;
	size_t count = 0;
	int r = node->has_namings ? 0 : pt_node_guests(node, &guest, &count, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		if (!pt_guest_is_template(guest[i]))
			read_namings(node, guest[i]);
	}
	if (!node->has_namings)
		list_named(node);
	node->has_namings = true;
	*ret = node->naming;
	*ret_count = node->naming_count;
	return 0;
}

/* Takes over the two texts, one of which is NULL. */
static void add_mention(
	struct pt_node *node, const struct pt_mention *like, char *bridge, char *place)
{
	struct pt_mention *slot =
		pt_array_grow(&node->mention, &node->mention_count, sizeof(*slot));

	*slot = (struct pt_mention){like->vmid, like->onboot, bridge, place};
}

/* Resolves the disk behind a path such as /dev/disk/by-id/nvme-x; other paths mention none. */
static void add_disk(struct pt_node *node, const struct pt_mention *like, const char *path)
{
	PT_FREE char *name = NULL;
	PT_FREE char *file = NULL;
	char *place = NULL;

	if (pt_host_link_name(node->host, path, &name) < 0)
		name = pt_strdup(strrchr(path, '/') + 1);
	file = pt_format("/sys/class/block/%s", name);
	if (pt_host_link(node->host, file, &place) == 0)
		add_mention(node, like, NULL, place);
}

/* "net0", "scsi12": one of the words, and a number. */
static bool is_numbered(const char *key, size_t length, const char *const *word)
{
	for (; *word; word++) {
		size_t at = strlen(*word);

		if (length > at && strncmp(key, *word, at) == 0 &&
			strspn(key + at, "0123456789") == length - at)
			return true;
	}
	return false;
}

static void read_mention(struct pt_node *node, const struct pt_mention *like, char *line)
{
	static const char *const nets[] = {"net", NULL};
	static const char *const disks[] = {"scsi", "virtio", "sata", "ide", NULL};
	static const char *const usb[] = {"usb", NULL};
	size_t key = strcspn(line, ":");
	char *value = line + key + strspn(line + key, ": \t");
	char *word, *rest;

	if (is_numbered(line, key, nets)) {
		for (word = strtok_r(value, ", \t\r", &rest); word;
			word = strtok_r(NULL, ", \t\r", &rest)) {
			if (!pt_starts_with(word, "bridge="))
				continue;
			add_mention(node, like, pt_strdup(word + strlen("bridge=")), NULL);
			return;
		}
	} else if (is_numbered(line, key, disks) && pt_starts_with(value, "/dev/")) {
		value[strcspn(value, ", \t\r")] = '\0';
		add_disk(node, like, value);
	} else if (is_numbered(line, key, usb)) {
		pt_node_add_usb(node, like->vmid, value);
	}
}

static bool has_line(const char *text, const char *wanted)
{
	size_t length = strlen(wanted), ignored;
	const char *line;

	while ((line = pt_config_line(&text, &ignored))) {
		if (strncmp(line, wanted, length) == 0 &&
			(!line[length] || strchr(" \t\r\n", line[length])))
			return true;
	}
	return false;
}

static void read_mentions_of(struct pt_node *node, const char *folder, const char *file)
{
	PT_FREE char *path = pt_format("%s/%s", folder, file);
	PT_FREE char *text = NULL;
	struct pt_mention like = {0};
	const char *at, *line;
	size_t length;

	if (!pt_vmid_of_config(file, &like.vmid) ||
		pt_host_read(node->host, path, PT_CONFIG_MAX, &text, NULL) < 0 ||
		has_line(text, "template: 1"))
		return;
	like.onboot = has_line(text, "onboot: 1");
	for (at = text; (line = pt_config_line(&at, &length));) {
		PT_FREE char *copy = pt_strndup(line, length);

		read_mention(node, &like, copy);
	}
}

void pt_node_mentions(struct pt_node *node, const struct pt_mention **ret, size_t *ret_count)
{
	static const char *const kinds[] = {"qemu-server", "lxc"};

	for (size_t i = 0; node->host && !node->has_mentions && i < PT_ARRAY_SIZE(kinds); i++) {
		struct pt_names PT_NAMES files = {0};
		char folder[128];

		snprintf(folder, sizeof(folder), PT_PVE_NODES "/%s/%s", node->name, kinds[i]);
		if (pt_host_list(node->host, folder, &files) < 0)
			continue;
		for (size_t j = 0; j < files.count; j++)
			read_mentions_of(node, folder, files.name[j]);
	}
	node->has_mentions = true;
	*ret = node->mention;
	*ret_count = node->mention_count;
}

void pt_node_usb_users(struct pt_node *node, const struct pt_usb_user **ret, size_t *ret_count)
{
	const struct pt_mention *mention = NULL;
	size_t count = 0;

	pt_node_mentions(node, &mention, &count);
	*ret = node->usb_user;
	*ret_count = node->usb_user_count;
}

bool pt_node_has_guest_disk(struct pt_node *node, const struct pt_bdf *bdf)
{
	PT_FREE char *part = pt_format("/%s/", PT_BDF(bdf));
	const struct pt_mention *mention = NULL;
	size_t count = 0;

	if (!node->host)
		return pt_node_device(node, bdf)->guest_disk;
	pt_node_mentions(node, &mention, &count);
	for (size_t i = 0; i < count; i++) {
		if (mention[i].place && strstr(mention[i].place, part))
			return true;
	}
	return false;
}
