// SPDX-License-Identifier: AGPL-3.0-or-later
/* Facts files, reading. The file may be hostile: every key is read with its type, and every text
 * with a parser goes through it. */
#include <errno.h>

#include "lib/base/json.h"
#include "pve/config/hostpci.h"
#include "pve/node/node-json.h"

#define UNKNOWN_WORD "is a word that is not known"
#define LINES_MAX    10000 /* of a policy */

/* Reads one object of a list. */
typedef int read_object(struct pt_node *node, struct pt_json_reader *reader);

/* Whether what is wrong with one of a list is told with its place, or with that of what the list is
 * part of. */
enum place {
	PLACE_OF_ITS_OWN,
	PLACE_OF_THE_WHOLE,
};

/* Calls read for each object of the array. */
static int for_each(struct pt_node *node, struct pt_json_reader *reader, const char *key,
	read_object *read, enum place place)
{
	struct json_object *array = pt_json_array(reader, key);
	int r = reader->result;

	for (size_t i = 0; r == 0 && i < json_object_array_length(array); i++) {
		struct pt_json_reader one = {json_object_array_get_idx(array, i), reader->err, 0};

		r = read(node, &one);
		if (r < 0 && place == PLACE_OF_ITS_OWN)
			return pt_err_wrap(reader->err, "%s[%zu]", key, i);
	}
	return r;
}

static struct pt_json_reader object_of(struct pt_json_reader *reader, const char *key)
{
	struct json_object *object = NULL;

	if (!json_object_object_get_ex(reader->object, key, &object) ||
		!json_object_is_type(object, json_type_object))
		pt_json_refuse(reader, key, "is no object");
	return (struct pt_json_reader){object, reader->err, reader->result};
}

static unsigned int read_vmid(struct pt_json_reader *reader, bool may_be_none)
{
	int vmid = pt_json_int(reader, "vmid");

	if (vmid < (may_be_none ? 0 : 100) || (unsigned int)vmid > PT_VMID_MAX)
		pt_json_refuse(reader, "vmid", "is no VMID");
	return (unsigned int)vmid;
}

/* A text for a buffer of that size. */
static void copy_short(struct pt_json_reader *reader, const char *key, char *ret, size_t size)
{
	const char *text = pt_json_text(reader, key, PT_JSON_NEEDED);

	if (text && strlen(text) >= size)
		pt_json_refuse(reader, key, "is too long");
	else if (text)
		snprintf(ret, size, "%s", text);
}

static void read_error(struct pt_json_reader *reader, const char *key, struct pt_err *ret)
{
	const char *text = pt_json_text(reader, key, PT_JSON_MAY_BE_NULL);

	if (text)
		pt_err_set(ret, -EIO, "%s", text);
}

/* Free pages by NUMA node; files of before that was told have none. */
static void read_numa(struct pt_json_reader *reader, struct pt_hugepages *ret)
{
	struct json_object *nodes =
		pt_json_has(reader, "nodes") ? pt_json_array(reader, "nodes") : NULL;

	if (nodes && json_object_array_length(nodes) > PT_NUMA_NODES)
		pt_json_refuse(reader, "nodes", "are more than there can be");
	for (size_t i = 0; reader->result == 0 && nodes && i < json_object_array_length(nodes);
		i++) {
		struct json_object *free = json_object_array_get_idx(nodes, i);

		if (!json_object_is_type(free, json_type_int))
			pt_json_refuse(reader, "nodes", "are no whole numbers");
		ret->node_free[ret->nodes++] = json_object_get_uint64(free);
	}
}

static int read_hugepages(struct pt_node *node, struct pt_json_reader *reader)
{
	struct pt_memory *memory = &node->traits.memory;
	struct pt_hugepages size = {
		.size = pt_json_uint64(reader, "size"), .free = pt_json_uint64(reader, "free")};

	read_numa(reader, &size);
	if (memory->huge_count < PT_ARRAY_SIZE(memory->huge))
		memory->huge[memory->huge_count++] = size;
	else
		pt_json_refuse(reader, "size", "is one more than there can be");
	return reader->result;
}

static int read_traits(struct pt_node *node, struct pt_json_reader *file)
{
	struct pt_traits *traits = &node->traits;
	struct pt_json_reader reader = object_of(file, "host");
	struct pt_json_reader module, memory;

	traits->has_dmar = pt_json_flag(&reader, "dmar");
	traits->has_ivrs = pt_json_flag(&reader, "ivrs");
	pt_json_copy_text(&reader, "cmdline", PT_JSON_MAY_BE_NULL, &traits->cmdline);
	traits->iova_width = pt_json_int(&reader, "iova_width");
	traits->remapping = (enum pt_remapping)pt_json_word(
		&reader, "interrupt_remapping", pt_remapping_names, PT_REMAPPINGS, UNKNOWN_WORD);
	traits->unsafe_interrupts = pt_json_flag(&reader, "unsafe_interrupts");
	pt_json_copy_text(&reader, "vfio_options", PT_JSON_MAY_BE_NULL, &traits->vfio_options);
	module = object_of(&reader, "vfio_pci");
	traits->vfio.state = (enum pt_module_state)pt_json_word(
		&module, "state", pt_module_state_names, PT_MODULE_STATES, UNKNOWN_WORD);
	traits->vfio.blacklisted = pt_json_flag(&module, "blacklisted");
	copy_short(&module, "command", traits->vfio.command, sizeof(traits->vfio.command));
	memory = object_of(&reader, "memory");
	traits->memory.total = pt_json_uint64(&memory, "total");
	traits->memory.available = pt_json_uint64(&memory, "available");
	traits->memory.arc = pt_json_uint64(&memory, "arc");
	if (reader.result < 0 || module.result < 0 || memory.result < 0)
		return pt_err_wrap(file->err, "host");
	return for_each(node, &memory, "hugepages", read_hugepages, PLACE_OF_ITS_OWN);
}

/*
 * The settings as the text that they came from, so that its own parser judges them: each on the
 * line that findings name, with its section above where that changes.
 */
static char *policy_text(struct json_object *settings, struct pt_err *err)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	PT_FREE char *section = NULL;
	int at = 1;
	int r = 0;

	if (!out)
		pt_out_of_memory();
	for (size_t i = 0; r == 0 && i < json_object_array_length(settings); i++) {
		struct pt_json_reader reader = {json_object_array_get_idx(settings, i), err, 0};
		const char *now = pt_json_text(&reader, "section", PT_JSON_NEEDED);
		const char *key = pt_json_text(&reader, "key", PT_JSON_NEEDED);
		const char *value = pt_json_text(&reader, "value", PT_JSON_NEEDED);
		int line = pt_json_int(&reader, "line");
		bool enter = !pt_streq(now, section);

		if (line < at + enter || line > LINES_MAX)
			pt_json_refuse(&reader, "line", "is not behind the one before");
		r = reader.result;
		for (; r == 0 && at < line - enter; at++)
			fputc('\n', out);
		if (r == 0 && enter)
			fprintf(out, "[%s]\n", now);
		if (r == 0)
			fprintf(out, "%s = %s\n", key, value);
		pt_set_text(&section, now);
		at = line + 1;
	}
	fclose(out);
	if (r < 0) {
		free(text);
		return NULL;
	}
	return text;
}

struct told {
	struct pt_err *err;
	bool any;
};

static void tell(void *data, unsigned int line, const char *message)
{
	struct told *told = data;

	if (!told->any)
		pt_err_set(told->err, -EINVAL, "policy: line %u: %s", line, message);
	told->any = true;
}

static int read_policy(struct pt_node *node, struct pt_json_reader *reader)
{
	struct json_object *settings = pt_json_array(reader, "policy");
	struct told told = {.err = reader->err};
	PT_FREE char *text = NULL;

	read_error(reader, "policy_error", &node->traits.policy_err);
	if (reader->result < 0)
		return reader->result;
	text = policy_text(settings, reader->err);
	if (!text)
		return pt_err_wrap(reader->err, "policy");
	return pt_policy_parse(text, strlen(text), tell, &told, &node->traits.policy);
}

static int read_inventory(struct pt_node *node, struct pt_json_reader *reader)
{
	struct json_object *json = NULL;
	int r;

	json_object_object_get_ex(reader->object, "inventory", &json);
	r = pt_inventory_from_json(json, &node->inventory, reader->err);
	node->traits.iommu_active = node->inventory.iommu_active;
	return r < 0 ? pt_err_wrap(reader->err, "inventory") : 0;
}

static int read_mdev_type(struct pt_node *node, struct pt_json_reader *reader)
{
	struct pt_device *device = &node->device[node->device_count - 1];
	struct pt_mdev_type *slot =
		pt_array_grow(&device->mdev, &device->mdev_count, sizeof(*slot));

	pt_json_copy_text(reader, "type", PT_JSON_NEEDED, &slot->name);
	slot->available = pt_json_int(reader, "available");
	return reader->result;
}

static int read_device(struct pt_node *node, struct pt_json_reader *reader)
{
	struct pt_device *slot = pt_array_grow(&node->device, &node->device_count, sizeof(*slot));

	pt_json_bdf(reader, "function", PT_JSON_NEEDED, &slot->bdf);
	slot->dead = pt_json_flag(reader, "dead");
	copy_short(reader, "blocked", slot->blocked, sizeof(slot->blocked));
	copy_short(reader, "serial", slot->serial, sizeof(slot->serial));
	copy_short(reader, "net", slot->net, sizeof(slot->net));
	/* files of before that was told have none */
	if (pt_json_has(reader, "guest_disk"))
		slot->guest_disk = pt_json_flag(reader, "guest_disk");
	return for_each(node, reader, "mdev_types", read_mdev_type, PLACE_OF_THE_WHOLE);
}

static int read_reservation(struct pt_node *node, struct pt_json_reader *reader)
{
	struct pt_reservations *all = &node->reservations;
	struct pt_reservation *slot = pt_array_grow(&all->reservation, &all->count, sizeof(*slot));

	pt_json_copy_text(reader, "id", PT_JSON_NEEDED, &slot->id);
	slot->vmid = pt_json_uint64(reader, "vmid");
	slot->has_pid = pt_json_has(reader, "pid");
	slot->pid = slot->has_pid ? pt_json_int(reader, "pid") : 0;
	slot->has_time = pt_json_has(reader, "time");
	slot->time = slot->has_time ? (int64_t)pt_json_uint64(reader, "time") : 0;
	return reader->result;
}

static int read_claimed(struct pt_node *node, struct pt_json_reader *reader)
{
	struct pt_node_claim *claim = &node->claim[node->claim_count - 1];
	struct pt_claimed *slot = pt_array_grow(&claim->claimed, &claim->count, sizeof(*slot));

	pt_json_bdf(reader, "function", PT_JSON_NEEDED, &slot->bdf);
	slot->spare = pt_json_flag(reader, "spare");
	pt_json_copy_text(reader, "error", PT_JSON_MAY_BE_NULL, &slot->error);
	return reader->result;
}

static int read_claim(struct pt_node *node, struct pt_json_reader *reader)
{
	struct pt_node_claim *slot = pt_array_grow(&node->claim, &node->claim_count, sizeof(*slot));

	slot->vmid = read_vmid(reader, false);
	slot->alive = pt_json_flag(reader, "alive");
	slot->returning = pt_json_flag(reader, "returning");
	return for_each(node, reader, "functions", read_claimed, PLACE_OF_THE_WHOLE);
}

static int read_user(struct pt_node *node, struct pt_json_reader *reader)
{
	struct pt_group_user *slot = pt_array_grow(&node->user, &node->user_count, sizeof(*slot));

	slot->group = pt_json_int(reader, "group");
	slot->pid = pt_json_int(reader, "pid");
	slot->vmid = read_vmid(reader, true);
	copy_short(reader, "name", slot->name, sizeof(slot->name));
	return reader->result;
}

static int read_record(struct pt_node *node, struct pt_json_reader *reader)
{
	struct pt_record *slot = pt_array_grow(&node->record, &node->record_count, sizeof(*slot));
	struct json_object *functions = pt_json_array(reader, "functions");

	slot->vmid = read_vmid(reader, false);
	return reader->result < 0
		       ? reader->result
		       : pt_identities_from_json(functions, &slot->identities, reader->err);
}

static int read_image(struct pt_node *node, struct pt_json_reader *reader)
{
	struct pt_rom *rom = &node->rom[node->rom_count - 1].rom;
	int vendor = pt_json_int(reader, "vendor"), device = pt_json_int(reader, "device");
	int code_type = pt_json_int(reader, "code_type");

	if (vendor < 0 || vendor > UINT16_MAX || device < 0 || device > UINT16_MAX ||
		code_type < 0 || code_type > UINT8_MAX || rom->count == PT_ROM_IMAGES)
		pt_json_refuse(reader, "code_type", "and its ids are of no image that can be");
	if (reader->result == 0)
		rom->image[rom->count++] = (struct pt_rom_image){
			(uint16_t)vendor, (uint16_t)device, (uint8_t)code_type};
	return reader->result;
}

static int read_rom(struct pt_node *node, struct pt_json_reader *reader)
{
	struct pt_rom_file *slot = pt_array_grow(&node->rom, &node->rom_count, sizeof(*slot));

	pt_json_copy_text(reader, "name", PT_JSON_NEEDED, &slot->name);
	slot->known = true;
	slot->readable = pt_json_flag(reader, "readable");
	return for_each(node, reader, "images", read_image, PLACE_OF_THE_WHOLE);
}

static int read_names(struct pt_json_reader *reader, const char *key, struct pt_names *names)
{
	struct json_object *array = pt_json_array(reader, key);

	for (size_t i = 0; array && i < json_object_array_length(array); i++) {
		struct json_object *name = json_object_array_get_idx(array, i);

		if (!json_object_is_type(name, json_type_string)) {
			pt_json_refuse(reader, key, "holds something that is no text");
			break;
		}
		pt_names_add(names, json_object_get_string(name));
	}
	return reader->result;
}

static int read_hook(struct pt_node *node, struct pt_json_reader *reader)
{
	struct pt_hook_volume *slot = pt_array_grow(&node->hook, &node->hook_count, sizeof(*slot));

	pt_json_copy_text(reader, "volume", PT_JSON_NEEDED, &slot->volume);
	slot->state = (enum pt_hook_state)pt_json_word(
		reader, "state", pt_hook_state_names, PT_HOOK_STATES, UNKNOWN_WORD);
	if (reader->result < 0)
		return reader->result;
	return pt_json_has(reader, "nodes") ? read_names(reader, "nodes", &slot->nodes) : 0;
}

static int read_lists(struct pt_node *node, struct pt_json_reader *reader)
{
	int r = read_names(reader, "mdev_instances", &node->instances);

	return r < 0 ? r : read_names(reader, "nodes", &node->cluster);
}

static int read_ha(struct pt_node *node, struct pt_json_reader *reader)
{
	struct pt_ha_guest *slot = pt_array_grow(&node->ha.guest, &node->ha.count, sizeof(*slot));

	slot->vmid = read_vmid(reader, false);
	return reader->result < 0 ? reader->result : read_names(reader, "nodes", &slot->node);
}

static int read_backup(struct pt_node *node, struct pt_json_reader *reader)
{
	struct pt_backup_job *slot =
		pt_array_grow(&node->backups.job, &node->backups.count, sizeof(*slot));
	int r;

	pt_json_copy_text(reader, "id", PT_JSON_NEEDED, &slot->id);
	slot->all = pt_json_flag(reader, "all");
	r = reader->result < 0 ? reader->result : read_names(reader, "guests", &slot->guest);
	return r < 0 ? r : read_names(reader, "except", &slot->except);
}

static int read_dropped(struct pt_node *node, struct pt_json_reader *reader)
{
	struct pt_guest *guest = node->guest[node->guest_count - 1];
	const char *value = pt_json_text(reader, "value", PT_JSON_NEEDED);
	int index = pt_json_int(reader, "index");
	char key[16];

	if (index < 0 || index >= PT_HOSTPCI_MAX)
		pt_json_refuse(reader, "index", "is none of an entry");
	if (reader->result < 0)
		return reader->result;
	/* judged anew, and dropped again */
	snprintf(key, sizeof(key), "hostpci%d", index);
	pt_guest_set(guest, key, value, strlen(value));
	return 0;
}

static int read_guest(struct pt_node *node, struct pt_json_reader *reader)
{
	struct pt_guest_query query = {.node = node->name, .view = PT_VIEW_NEXT};
	struct pt_json_reader config = object_of(reader, "config");
	struct pt_guest **slot;
	struct pt_guest *guest = NULL;
	int r;

	query.vmid = read_vmid(reader, false);
	if (node->guest_count && query.vmid <= node->guest[node->guest_count - 1]->vmid)
		pt_json_refuse(reader, "vmid", "is not behind the one before");
	if (reader->result < 0 || config.result < 0)
		return -EINVAL;
	slot = pt_array_grow(&node->guest, &node->guest_count, sizeof(struct pt_guest *));
	guest = pt_guest_new(&query, PT_TEXT_BYTES);
	*slot = guest;
	r = pt_guest_set_all(guest, config.object, reader->err);
	return r < 0 ? r : for_each(node, reader, "dropped", read_dropped, PLACE_OF_THE_WHOLE);
}

static int read_running(struct pt_node *node, struct pt_json_reader *reader)
{
	struct pt_run_guest *slot =
		pt_array_grow(&node->running, &node->running_count, sizeof(*slot));

	*slot = (struct pt_run_guest){read_vmid(reader, false), pt_json_int(reader, "pid")};
	return reader->result;
}

static int read_mention(struct pt_node *node, struct pt_json_reader *reader)
{
	struct pt_mention *slot =
		pt_array_grow(&node->mention, &node->mention_count, sizeof(*slot));

	slot->vmid = read_vmid(reader, false);
	pt_json_copy_text(reader, "bridge", PT_JSON_NEEDED, &slot->bridge);
	slot->onboot = pt_json_flag(reader, "onboot");
	return reader->result;
}

static int read_mappings(struct pt_node *node, struct pt_json_reader *reader)
{
	const char *text = pt_json_text(reader, "mappings", PT_JSON_MAY_BE_NULL);

	if (reader->result < 0 || !text)
		return reader->result;
	pt_mappings_parse(text, &node->mappings);
	return 0;
}

static int read_head(struct pt_node *node, struct pt_json_reader *reader)
{
	const char *format = pt_json_text(reader, "format", PT_JSON_NEEDED);
	const char *name;
	int version;

	if (format && !pt_streq(format, PT_FACTS_FORMAT))
		pt_json_refuse(reader, "format", "is not '" PT_FACTS_FORMAT "'");
	version = pt_json_int(reader, "version");
	if (version < 1 || version > PT_FACTS_VERSION)
		pt_json_refuse(reader, "version", "is none that this version knows");
	name = pt_json_text(reader, "node", PT_JSON_NEEDED);
	if (name && !pt_node_name_valid(name))
		pt_json_refuse(reader, "node", "cannot be a node's name");
	else if (name)
		snprintf(node->name, sizeof(node->name), "%s", name);
	node->time = (int64_t)pt_json_uint64(reader, "time");
	read_error(reader, "claims_error", &node->claims_err);
	return reader->result;
}

int pt_node_from_json(struct json_object *json, struct pt_node **ret, struct pt_err *err)
{
	static int (*const steps[])(struct pt_node * node, struct pt_json_reader * reader) = {
		read_head, read_traits, read_policy, read_inventory, read_mappings, read_lists};
	static const struct {
		const char *key;
		read_object *read;
	} lists[] = {
		{"devices", read_device},
		{"reservations", read_reservation},
		{"claims", read_claim},
		{"group_users", read_user},
		{"records", read_record},
		{"roms", read_rom},
		{"hooks", read_hook},
		{"ha", read_ha},
		{"guests", read_guest},
		{"running", read_running},
	};
	struct pt_json_reader reader = {json, err, 0};
	struct json_object *uses = NULL;
	struct pt_node PT_NODE *node = pt_node_open(NULL, "", NULL);
	int r = 0;

	for (size_t i = 0; r == 0 && i < PT_ARRAY_SIZE(steps); i++)
		r = steps[i](node, &reader);
	for (size_t i = 0; r == 0 && i < PT_ARRAY_SIZE(lists); i++)
		r = for_each(node, &reader, lists[i].key, lists[i].read, PLACE_OF_ITS_OWN);
	/* files of before they were told have none */
	if (r == 0 && pt_json_has(&reader, "backups"))
		r = for_each(node, &reader, "backups", read_backup, PLACE_OF_ITS_OWN);
	if (r == 0 && pt_json_has(&reader, "bridge_users"))
		r = for_each(node, &reader, "bridge_users", read_mention, PLACE_OF_ITS_OWN);
	json_object_object_get_ex(json, "uses", &uses);
	if (r == 0)
		r = pt_uses_from_json(uses, &node->uses, err);
	if (r < 0)
		return r;
	pt_node_complete(node);
	*ret = PT_STEAL(node);
	return 0;
}
