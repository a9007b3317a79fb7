// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <time.h>

#include "lib/base/json.h"
#include "pve/node/node-api.h"

#define CLASS_BRIDGE 0x0604U
#define MOST_GUESTS  512 /* configs that are asked for at once */

/* The questions that are about all nodes; those about single ones come behind. */
enum question {
	ASK_MAPPINGS,
	ASK_GUESTS,
	ASK_HA,
	ASK_HA_GROUPS, /* Proxmox VE 8 */
	ASK_HA_RULES,  /* and 9 */
	QUESTIONS,
};

static const char *const question_path[QUESTIONS] = {
	[ASK_MAPPINGS] = "/cluster/mapping/pci",
	[ASK_GUESTS] = "/cluster/resources?type=vm",
	[ASK_HA] = "/cluster/ha/resources",
	[ASK_HA_GROUPS] = "/cluster/ha/groups",
	[ASK_HA_RULES] = "/cluster/ha/rules",
};

/* Questions that are asked side by side, and their replies, in the same order. */
struct round {
	char **path;
	struct pt_api_reply *reply;
	size_t count;
};

static void clear_round(struct round *round)
{
	for (size_t i = 0; round->path && i < round->count; i++)
		free(round->path[i]);
	free(round->path);
	if (round->reply)
		pt_api_replies_clear(round->reply, round->count);
	free(round->reply);
}
#define ROUND PT_CLEANUP(clear_round)

static void make_round(struct round *round, size_t count)
{
	round->count = count;
	round->path = pt_calloc(count, sizeof(*round->path));
	round->reply = pt_calloc(count, sizeof(*round->reply));
}

/* what: the subject in words, for errors. */
static int ask(const struct pt_api *api, struct round *round, const char *what, int budget_ms,
	struct pt_err *err)
{
	return !round->count ? 0
			     : pt_api_get(api, (const char *const *)round->path, round->count, what,
				       budget_ms, round->reply, err);
}

int pt_api_nodes(const struct pt_api *api, int budget_ms, struct pt_names *ret,
	struct pt_names *ret_offline, struct pt_err *err)
{
	static const char *const key[] = {"node", "status", NULL};
	struct json_object PT_JSON *whole = NULL;
	struct pt_api_reply reply = {0};
	struct json_object *list = NULL;
	int r = pt_api_get(
		api, (const char *const[]){"/nodes"}, 1, "the nodes", budget_ms, &reply, err);

	if (r == 0) {
		list = pt_api_list(&reply, key, &whole, err);
		r = list ? 0 : -EPROTO;
	}
	for (size_t i = 0; r == 0 && i < json_object_array_length(list); i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		const char *name = pt_api_member(one, "node");
		struct pt_names *names =
			pt_streq(pt_api_member(one, "status"), "offline") ? ret_offline : ret;

		if (name && pt_node_name_valid(name))
			pt_names_add(names, name);
	}
	pt_api_replies_clear(&reply, 1);
	return r;
}

/* "0x10de" without its 0x. */
static void take_id(struct json_object *object, const char *key, char ret[static PT_PCI_ID_TEXT])
{
	const char *text = pt_api_member(object, key);

	if (text && pt_starts_with(text, "0x") && strlen(text) < PT_PCI_ID_TEXT + 2)
		snprintf(ret, PT_PCI_ID_TEXT, "%s", text + 2);
}

/* Unknown facts get values that no check speaks of. */
static bool take_function(struct json_object *object, struct pt_function *ret)
{
	const char *id = pt_api_member(object, "id"), *class = pt_api_member(object, "class");
	const char *group = pt_api_member(object, "iommugroup");

	*ret = (struct pt_function){.info_ok = true,
		.group = group ? atoi(group) : PT_GROUP_NONE,
		.numa_node = -1,
		.boot_vga = -1,
		.vfs = -1,
		.vfs_max = -1,
		.has_reset = true,
		.has_vfio_dev = true,
		.has_mdev = pt_streq(pt_api_member(object, "mdev"), "1")};
	if (!id || !pt_bdf_parse(id, &ret->bdf))
		return false;
	ret->class = class ? (uint32_t)(strtoul(class, NULL, 16) & 0xffffff) : 0;
	ret->is_bridge = ret->class >> 8 == CLASS_BRIDGE;
	take_id(object, "vendor", ret->vendor);
	take_id(object, "device", ret->device);
	take_id(object, "subsystem_vendor", ret->subvendor);
	take_id(object, "subsystem_device", ret->subdevice);
	return true;
}

static int read_hardware(struct pt_node *node, const struct pt_api_reply *reply, struct pt_err *err)
{
	static const char *const key[] = {"id", "class", "iommugroup", "mdev", "vendor", "device",
		"subsystem_vendor", "subsystem_device", NULL};
	struct json_object PT_JSON *whole = NULL;
	struct json_object *list = pt_api_list(reply, key, &whole, err);
	struct pt_inventory *inventory = &node->inventory;

	if (!list)
		return -EPROTO;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct pt_function function;

		if (!take_function(json_object_array_get_idx(list, i), &function))
			continue;
		pt_inventory_put(inventory, &function);
		inventory->iommu_active |= function.group != PT_GROUP_NONE;
	}
	inventory->whole = true;
	node->traits.iommu_active = inventory->iommu_active;
	return 0;
}

struct asking {
	const struct pt_api *api;
	const char *const *name;
	size_t count;
	int budget_ms;
	struct pt_node **node;
	struct pt_err *why;
};

static int read_vmids(
	const struct asking *asking, const struct pt_api_reply *reply, struct pt_err *err)
{
	static const char *const key[] = {"vmid", "type", "node", NULL};
	struct json_object PT_JSON *whole = NULL;
	struct json_object *list = pt_api_list(reply, key, &whole, err);

	if (!list)
		return pt_err_wrap(err, "guests");
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		const char *number = pt_api_member(one, "vmid");
		unsigned int vmid, *slot;

		if (!pt_streq(pt_api_member(one, "type"), "qemu") || !number ||
			!pt_vmid_parse(number, &vmid))
			continue;
		for (size_t n = 0; n < asking->count; n++) {
			struct pt_node *node = asking->node[n];

			if (!node || !pt_streq(pt_api_member(one, "node"), node->name))
				continue;
			slot = pt_array_grow(&node->vmid, &node->vmid_count, sizeof(*slot));
			*slot = vmid;
		}
	}
	return 0;
}

/* Skips guests without passthrough; skips, with a warning, those that cannot be read. */
static void take_config(struct pt_node *node, unsigned int vmid, const struct pt_api_reply *reply,
	const struct pt_log *log)
{
	struct pt_guest_query query = {.vmid = vmid, .node = node->name, .view = PT_VIEW_NEXT};
	struct pt_guest PT_GUEST *guest = NULL;
	struct pt_err err = reply->err;
	struct pt_guest **slot;

	if (err.code ||
		pt_guest_parse_reply(reply->text, reply->length, &query, &guest, &err) < 0) {
		pt_log(log, PT_LOG_WARNING, "guest %u of node %s: %s", vmid, node->name, err.text);
		node->unread++;
		return;
	}
	if (!pt_guest_has_hostpci(guest))
		return;
	slot = pt_array_grow(&node->guest, &node->guest_count, sizeof(struct pt_guest *));
	*slot = PT_STEAL(guest);
}

struct wanted {
	struct pt_node *node;
	unsigned int vmid;
};

/* One of each node in turn: a node that hangs holds some of the connections, and not all. */
static void list_wanted(const struct asking *asking, struct wanted **ret, size_t *ret_count)
{
	bool more = true;

	for (size_t at = 0; more; at++) {
		more = false;
		for (size_t i = 0; i < asking->count; i++) {
			struct pt_node *node = asking->node[i];
			struct wanted *slot;

			if (!node || at >= node->vmid_count)
				continue;
			more = true;
			slot = pt_array_grow(ret, ret_count, sizeof(*slot));
			*slot = (struct wanted){node, node->vmid[at]};
		}
	}
}

static int read_some(const struct asking *asking, const struct wanted *wanted, size_t count,
	const struct pt_log *log, struct pt_err *err)
{
	struct round ROUND round = {0};
	int r;

	make_round(&round, count);
	for (size_t i = 0; i < count; i++)
		round.path[i] =
			pt_format("/nodes/%s/qemu/%u/config", wanted[i].node->name, wanted[i].vmid);
	r = ask(asking->api, &round, "the configs of guests", asking->budget_ms, err);
	for (size_t i = 0; r == 0 && i < count; i++)
		take_config(wanted[i].node, wanted[i].vmid, &round.reply[i], log);
	return r;
}

static int read_configs(const struct asking *asking, const struct pt_log *log, struct pt_err *err)
{
	struct wanted *wanted = NULL;
	size_t count = 0;
	int r = 0;

	list_wanted(asking, &wanted, &count);
	for (size_t i = 0; r == 0 && i < count; i += MOST_GUESTS)
		r = read_some(asking, &wanted[i], count - i < MOST_GUESTS ? count - i : MOST_GUESTS,
			log, err);
	free(wanted);
	return r;
}

static int open_node(const struct asking *asking, size_t which, const struct pt_api_files *files,
	const struct pt_api_reply *hardware)
{
	struct pt_node PT_NODE *node = pt_node_open(NULL, asking->name[which], NULL, NULL);
	int r = read_hardware(node, hardware, &asking->why[which]);

	if (r < 0)
		return r;
	pt_mappings_parse(files->mappings, &node->mappings);
	pt_ha_parse(files->ha, files->groups, files->rules, &node->ha);
	for (size_t i = 0; i < asking->count; i++)
		pt_names_add(&node->cluster, asking->name[i]);
	node->traits.vfio.state = PT_MODULE_UNKNOWN;
	node->partial = true;
	asking->node[which] = PT_STEAL(node);
	return 0;
}

/* From the first round's replies to nodes; then their guests are asked for. */
static int make_nodes(const struct asking *asking, const struct pt_api_reply *reply,
	const struct pt_log *log, struct pt_err *err)
{
	struct pt_api_files files PT_CLEANUP(pt_api_files_clear) = {0};
	int r = pt_api_files_read(&reply[ASK_MAPPINGS], &reply[ASK_HA], &reply[ASK_HA_GROUPS],
		&reply[ASK_HA_RULES], &files, err);

	for (size_t i = 0; r == 0 && i < asking->count; i++)
		open_node(asking, i, &files, &reply[QUESTIONS + i]);
	if (r == 0)
		r = read_vmids(asking, &reply[ASK_GUESTS], err);
	if (r == 0)
		r = read_configs(asking, log, err);
	for (size_t i = 0; r == 0 && i < asking->count; i++) {
		struct pt_node *node = asking->node[i];

		if (!node)
			continue;
		node->other = asking->node;
		node->other_count = asking->count;
		pt_node_complete(node);
	}
	return r;
}

int pt_api_read_nodes(const struct pt_api *api, const char *const *name, size_t count,
	int budget_ms, const struct pt_log *log, struct pt_node **ret, struct pt_err *why,
	struct pt_err *err)
{
	struct asking asking = {api, name, count, budget_ms, ret, why};
	struct round ROUND round = {0};
	int r;

	make_round(&round, QUESTIONS + count);
	for (size_t i = 0; i < QUESTIONS; i++)
		round.path[i] = pt_strdup(question_path[i]);
	for (size_t i = 0; i < count; i++)
		round.path[QUESTIONS + i] =
			pt_format("/nodes/%s/hardware/pci?pci-class-blacklist=&verbose=1", name[i]);
	r = ask(api, &round, "that", budget_ms, err);
	return r < 0 ? r : make_nodes(&asking, round.reply, log, err);
}
