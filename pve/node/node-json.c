// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Facts files, writing: everything that is known of a node, as JSON that may be handed to others.
 * Of guests' configs, the kernel's command line and args only what checks look at goes in.
 */
#include <errno.h>

#include "lib/base/json.h"
#include "pve/config/args.h"
#include "pve/config/hostpci.h"
#include "pve/node/node-json.h"

static struct json_object *add_array(struct json_object *json, const char *key)
{
	struct json_object *array = json_object_new_array();

	json_object_object_add(json, key, array);
	return array;
}

static struct json_object *append_object(struct json_object *array)
{
	struct json_object *json = json_object_new_object();

	json_object_array_add(array, json);
	return json;
}

/* Text of unknown making: JSON takes UTF-8 alone, and readers nothing that steers a terminal. Lines
 * stay lines. */
static void add_plain(struct json_object *json, const char *key, const char *text)
{
	PT_FREE char *copy = text ? pt_strdup(text) : NULL;

	for (char *at = copy; at && *at; at++) {
		if ((unsigned char)*at >= 0x7f ||
			((unsigned char)*at < ' ' && !strchr("\n\t", *at)))
			*at = '?';
	}
	pt_json_add_text(json, key, copy);
}

static void add_function(struct json_object *json, const struct pt_bdf *bdf)
{
	pt_json_add_text(json, "function", PT_BDF(bdf));
}

/*
 * The words of the kernel's command line that checks look at; others may be secret. The caller's.
 */
static char *keep_words(const char *cmdline)
{
	static const char *const kept[] = {"iommu", "vfio", "acs", "hugepages", "blacklist"};
	PT_FREE char *copy = cmdline ? pt_strdup(cmdline) : NULL;
	char *list = copy ? pt_strdup("") : NULL;
	char *word, *rest;

	for (word = copy ? strtok_r(copy, " \t", &rest) : NULL; word && list;
		word = strtok_r(NULL, " \t", &rest)) {
		bool wanted = false;

		/* the parameter's name counts, with any value */
		for (size_t i = 0; i < PT_ARRAY_SIZE(kept); i++) {
			const char *found = strstr(word, kept[i]);

			wanted |= found && found < word + strcspn(word, "=");
		}
		if (wanted)
			list = pt_list_add(list, " ", word);
	}
	return list;
}

/* Free pages by NUMA node. */
static void add_numa(struct json_object *json, const struct pt_hugepages *huge)
{
	struct json_object *nodes = add_array(json, "nodes");

	for (size_t i = 0; i < huge->nodes; i++)
		json_object_array_add(nodes, json_object_new_uint64(huge->node_free[i]));
}

static void add_memory(struct json_object *json, const struct pt_memory *memory)
{
	struct json_object *object = json_object_new_object();
	struct json_object *huge = add_array(object, "hugepages");

	json_object_object_add(object, "total", json_object_new_uint64(memory->total));
	json_object_object_add(object, "available", json_object_new_uint64(memory->available));
	json_object_object_add(object, "arc", json_object_new_uint64(memory->arc));
	for (size_t i = 0; i < memory->huge_count; i++) {
		struct json_object *size = append_object(huge);

		json_object_object_add(size, "size", json_object_new_uint64(memory->huge[i].size));
		json_object_object_add(size, "free", json_object_new_uint64(memory->huge[i].free));
		add_numa(size, &memory->huge[i]);
	}
	json_object_object_add(json, "memory", object);
}

const char *const pt_module_state_names[PT_MODULE_STATES] = {
	[PT_MODULE_PRESENT] = "present",
	[PT_MODULE_LOADABLE] = "loadable",
	[PT_MODULE_MISSING] = "missing",
	[PT_MODULE_BLOCKED] = "blocked",
	[PT_MODULE_CUSTOM] = "custom",
	[PT_MODULE_UNKNOWN] = "unknown",
};

const char *const pt_remapping_names[PT_REMAPPINGS] = {
	[PT_REMAPPING_UNKNOWN] = "unknown",
	[PT_REMAPPING_ON] = "on",
	[PT_REMAPPING_OFF] = "off",
};

const char *const pt_hook_state_names[PT_HOOK_STATES] = {
	[PT_HOOK_UNKNOWN] = "unknown",
	[PT_HOOK_NONE] = "none",
	[PT_HOOK_OTHER] = "other",
	[PT_HOOK_OURS] = "ours",
	[PT_HOOK_MISSING] = "missing",
	[PT_HOOK_NOT_EXECUTABLE] = "not-executable",
};

static struct json_object *traits_to_json(const struct pt_traits *traits)
{
	struct json_object *json = json_object_new_object();
	struct json_object *module = json_object_new_object();
	PT_FREE char *cmdline = keep_words(traits->cmdline);

	pt_json_add_flag(json, "dmar", traits->has_dmar);
	pt_json_add_flag(json, "ivrs", traits->has_ivrs);
	add_plain(json, "cmdline", cmdline);
	pt_json_add_number(json, "iova_width", traits->iova_width);
	pt_json_add_text(json, "interrupt_remapping", pt_remapping_names[traits->remapping]);
	pt_json_add_flag(json, "unsafe_interrupts", traits->unsafe_interrupts);
	add_plain(json, "vfio_options", traits->vfio_options);
	pt_json_add_text(module, "state", pt_module_state_names[traits->vfio.state]);
	pt_json_add_flag(module, "blacklisted", traits->vfio.blacklisted);
	add_plain(module, "command", traits->vfio.command);
	json_object_object_add(json, "vfio_pci", module);
	add_memory(json, &traits->memory);
	return json;
}

static void add_section(struct json_object *json, const struct pt_setting *setting)
{
	char text[64] = "defaults";

	if (setting->scope == PT_POLICY_GUEST)
		snprintf(text, sizeof(text), "guest %u", setting->vmid);
	else if (setting->scope != PT_POLICY_DEFAULTS)
		snprintf(text, sizeof(text), "device %s", PT_BDF(&setting->bdf));
	if (setting->scope == PT_POLICY_SLOT)
		text[strlen(text) - strlen(".0")] = '\0';
	pt_json_add_text(json, "section", text);
}

static struct json_object *policy_to_json(const struct pt_policy *policy)
{
	struct json_object *json = json_object_new_array();

	pt_foreach (setting, policy->setting, policy->count) {
		struct json_object *one = append_object(json);

		pt_json_add_number(one, "line", setting->line);
		add_section(one, setting);
		add_plain(one, "key", setting->key);
		add_plain(one, "value", setting->value);
	}
	return json;
}

static struct json_object *devices_to_json(struct pt_node *node)
{
	struct json_object *json = json_object_new_array();

	pt_foreach (device, node->device, node->device_count) {
		struct json_object *one = append_object(json);
		struct json_object *types = add_array(one, "mdev_types");

		add_function(one, &device->bdf);
		pt_json_add_flag(one, "dead", device->dead);
		add_plain(one, "blocked", device->blocked);
		pt_json_add_text(one, "serial", device->serial);
		add_plain(one, "net", device->net);
		pt_json_add_flag(one, "guest_disk", pt_node_has_guest_disk(node, &device->bdf));
		pt_foreach (type, device->mdev, device->mdev_count) {
			struct json_object *offered = append_object(types);

			add_plain(offered, "type", type->name);
			pt_json_add_number(offered, "available", type->available);
		}
	}
	return json;
}

static struct json_object *reservations_to_json(const struct pt_reservations *reservations)
{
	struct json_object *json = json_object_new_array();

	pt_foreach (reservation, reservations->reservation, reservations->count) {
		struct json_object *one = append_object(json);

		add_plain(one, "id", reservation->id);
		json_object_object_add(one, "vmid", json_object_new_uint64(reservation->vmid));
		if (reservation->has_pid)
			pt_json_add_number(one, "pid", reservation->pid);
		if (reservation->has_time)
			pt_json_add_number(one, "time", reservation->time);
	}
	return json;
}

static struct json_object *claims_to_json(const struct pt_node *node)
{
	struct json_object *json = json_object_new_array();

	pt_foreach (claim, node->claim, node->claim_count) {
		struct json_object *one = append_object(json);
		struct json_object *functions = add_array(one, "functions");

		pt_json_add_number(one, "vmid", claim->vmid);
		pt_json_add_flag(one, "alive", claim->alive);
		pt_json_add_flag(one, "returning", claim->returning);
		pt_foreach (claimed, claim->claimed, claim->count) {
			struct json_object *function = append_object(functions);

			add_function(function, &claimed->bdf);
			pt_json_add_flag(function, "spare", claimed->spare);
			add_plain(function, "error", claimed->error);
		}
	}
	return json;
}

static struct json_object *users_to_json(const struct pt_node *node)
{
	struct json_object *json = json_object_new_array();

	pt_foreach (user, node->user, node->user_count) {
		struct json_object *one = append_object(json);

		pt_json_add_number(one, "group", user->group);
		pt_json_add_number(one, "pid", user->pid);
		add_plain(one, "name", user->name);
		pt_json_add_number(one, "vmid", user->vmid);
	}
	return json;
}

static struct json_object *records_to_json(const struct pt_node *node)
{
	struct json_object *json = json_object_new_array();

	pt_foreach (record, node->record, node->record_count) {
		struct json_object *one;

		if (!record->identities.count)
			continue;
		one = append_object(json);
		pt_json_add_number(one, "vmid", record->vmid);
		json_object_object_add(
			one, "functions", pt_identities_to_json(&record->identities));
	}
	return json;
}

static struct json_object *roms_to_json(const struct pt_node *node)
{
	struct json_object *json = json_object_new_array();

	pt_foreach (rom, node->rom, node->rom_count) {
		struct json_object *one, *images;

		if (!rom->known)
			continue;
		one = append_object(json);
		images = add_array(one, "images");
		add_plain(one, "name", rom->name);
		pt_json_add_flag(one, "readable", rom->readable);
		for (size_t i = 0; i < rom->rom.count; i++) {
			struct json_object *image = append_object(images);

			pt_json_add_number(image, "vendor", rom->rom.image[i].vendor);
			pt_json_add_number(image, "device", rom->rom.image[i].device);
			pt_json_add_number(image, "code_type", rom->rom.image[i].code_type);
		}
	}
	return json;
}

static struct json_object *names_to_json(const struct pt_names *names)
{
	struct json_object *json = json_object_new_array();

	pt_foreach (name, names->name, names->count) {
		PT_FREE char *plain = pt_strdup(*name);

		pt_make_plain(plain);
		json_object_array_add(json, plain ? json_object_new_string(plain) : NULL);
	}
	return json;
}

static struct json_object *hooks_to_json(const struct pt_node *node)
{
	struct json_object *json = json_object_new_array();

	pt_foreach (hook, node->hook, node->hook_count) {
		struct json_object *one = append_object(json);

		add_plain(one, "volume", hook->volume);
		pt_json_add_text(one, "state", pt_hook_state_names[hook->state]);
		json_object_object_add(one, "nodes", names_to_json(&hook->nodes));
	}
	return json;
}

static void put_part(FILE *out, const char *key, const char *value)
{
	if (value)
		fprintf(out, ",%s=%s", key, value);
}

/* The mappings as in their file, without descriptions. The caller frees it. */
static char *mappings_text(const struct pt_mappings *mappings)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	for (size_t i = 0; out && i < mappings->count; i++) {
		const struct pt_mapping *mapping = &mappings->mapping[i];

		fprintf(out, "%s\n", mapping->id);
		pt_foreach (entry, mapping->entry, mapping->count) {
			fprintf(out, "\tmap id=%s,node=%s,path=%s", entry->id, entry->node,
				entry->path);
			put_part(out, "iommugroup", entry->iommugroup);
			put_part(out, "subsystem-id", entry->subsystem);
			fputc('\n', out);
		}
		if (mapping->has_mdev)
			fprintf(out, "\tmdev %d\n", mapping->mdev);
		if (mapping->has_live)
			fprintf(out, "\tlive-migration-capable %d\n", mapping->live);
		fputc('\n', out);
	}
	if (out && fclose(out) != 0)
		pt_free_char(&text);
	return text;
}

/* The parts of args about devices and about room for BARs. The caller frees it. */
static char *keep_args(const char *args)
{
	PT_FREE char *devices = pt_args_devices(args);
	char *list = pt_strdup(strstr(args, "X-PciMmio64Mb") ? "X-PciMmio64Mb" : "");
	char *name, *rest;

	for (name = devices ? strtok_r(devices, ";", &rest) : NULL; name && list;
		name = strtok_r(NULL, ";", &rest)) {
		PT_FREE char *device = pt_format("-device vfio-pci,host=%s", name);

		list = pt_list_add(list, " ", device ? device : "");
	}
	return list;
}

/* Whether checks look at the key. */
static bool is_of_use(const char *key)
{
	static const char *const keys[] = {"balloon", "bios", "cpu", "hookscript", "hotplug",
		"hugepages", "lock", "machine", "memory", "name", "numa", "onboot", "sockets",
		"template", "vga"};

	for (size_t i = 0; i < PT_ARRAY_SIZE(keys); i++) {
		if (pt_streq(key, keys[i]))
			return true;
	}
	return pt_hostpci_key(key) >= 0 ||
	       (pt_starts_with(key, "numa") && strlen(key) == strlen("numa0"));
}

static void add_config(struct json_object *json, const struct pt_guest *guest)
{
	struct json_object *config = json_object_new_object();

	pt_foreach (key, guest->key, guest->count) {
		PT_FREE char *args = pt_streq(key->key, "args") ? keep_args(key->value) : NULL;

		if (args && *args)
			add_plain(config, key->key, args);
		else if (is_of_use(key->key))
			add_plain(config, key->key, key->value);
	}
	json_object_object_add(json, "config", config);
}

static struct json_object *guests_to_json(const struct pt_node *node)
{
	struct json_object *json = json_object_new_array();

	pt_foreach (guest, node->guest, node->guest_count) {
		struct json_object *one = append_object(json);
		struct json_object *dropped = add_array(one, "dropped");

		pt_json_add_number(one, "vmid", (*guest)->vmid);
		add_config(one, *guest);
		/* lines that Proxmox VE passes over */
		for (size_t i = 0; i < (*guest)->dropped_count; i++) {
			struct json_object *line = append_object(dropped);

			pt_json_add_number(line, "index", (*guest)->dropped[i].index);
			add_plain(line, "value", (*guest)->dropped[i].value);
		}
	}
	return json;
}

static struct json_object *running_to_json(const struct pt_node *node)
{
	struct json_object *json = json_object_new_array();

	pt_foreach (guest, node->running, node->running_count) {
		struct json_object *one = append_object(json);

		pt_json_add_number(one, "vmid", guest->vmid);
		pt_json_add_number(one, "pid", guest->pid);
	}
	return json;
}

/* Of a bridge that a use speaks of. */
static bool is_bridge_of_use(const struct pt_node *node, const char *name)
{
	pt_foreach (use, node->uses.use, node->uses.count) {
		if (use->how == PT_USE_ONLY_PORT && pt_streq(use->place, name))
			return true;
	}
	return false;
}

static struct json_object *mentions_to_json(const struct pt_node *node)
{
	struct json_object *json = json_object_new_array();

	pt_foreach (mention, node->mention, node->mention_count) {
		struct json_object *one;

		if (!mention->bridge || !is_bridge_of_use(node, mention->bridge))
			continue;
		one = append_object(json);
		pt_json_add_number(one, "vmid", mention->vmid);
		add_plain(one, "bridge", mention->bridge);
		pt_json_add_flag(one, "onboot", mention->onboot);
	}
	return json;
}

static struct json_object *backups_to_json(const struct pt_backups *backups)
{
	struct json_object *json = json_object_new_array();

	pt_foreach (job, backups->job, backups->count) {
		struct json_object *one = append_object(json);

		add_plain(one, "id", job->id);
		pt_json_add_flag(one, "all", job->all);
		json_object_object_add(one, "guests", names_to_json(&job->guest));
		json_object_object_add(one, "except", names_to_json(&job->except));
	}
	return json;
}

static struct json_object *ha_to_json(const struct pt_ha *ha)
{
	struct json_object *json = json_object_new_array();

	pt_foreach (guest, ha->guest, ha->count) {
		struct json_object *one = append_object(json);

		pt_json_add_number(one, "vmid", guest->vmid);
		json_object_object_add(one, "nodes", names_to_json(&guest->node));
	}
	return json;
}

/* Facts that are otherwise asked when a guest's config leads to them. */
static void ask_the_rest(struct pt_node *node)
{
	const struct pt_mention *mention = NULL;
	size_t count = 0;

	pt_foreach (function, node->inventory.function, node->inventory.count)
		pt_node_device(node, &function->bdf);
	pt_foreach (guest, node->guest, node->guest_count) {
		const struct pt_guest *one = *guest;

		pt_node_record(node, one->vmid);
		pt_node_hook(node, pt_guest_get(one, "hookscript"));
		pt_foreach (key, one->key, one->count) {
			struct pt_hostpci entry;
			int index = pt_hostpci_key(key->key);

			if (index < 0 || pt_hostpci_parse(index, key->value, key->length,
						 one->encoding, &entry, NULL) < 0)
				continue;
			if (entry.romfile)
				pt_node_rom(node, entry.romfile);
			pt_hostpci_clear(&entry);
		}
	}
	pt_node_has_instance(node, "");
	pt_node_mentions(node, &mention, &count);
}

int pt_node_to_json(struct pt_node *node, struct json_object **ret, struct pt_err *err)
{
	PT_FREE char *mappings = NULL;
	struct json_object *json;

	if (!node->has_uses)
		return pt_err_set(err, -ETIME,
			"who uses the devices cannot be found out: a driver hangs (see the kernel log)");
	ask_the_rest(node);
	json = json_object_new_object();
	pt_json_add_text(json, "format", PT_FACTS_FORMAT);
	pt_json_add_number(json, "version", PT_FACTS_VERSION);
	pt_json_add_text(json, "node", node->name);
	pt_json_add_number(json, "time", node->time);
	json_object_object_add(json, "host", traits_to_json(&node->traits));
	json_object_object_add(json, "policy", policy_to_json(&node->traits.policy));
	add_plain(json, "policy_error",
		node->traits.policy_err.code ? node->traits.policy_err.text : NULL);
	json_object_object_add(json, "inventory", pt_inventory_to_json(&node->inventory));
	json_object_object_add(json, "devices", devices_to_json(node));
	mappings = mappings_text(&node->mappings);
	add_plain(json, "mappings", mappings);
	json_object_object_add(json, "reservations", reservations_to_json(&node->reservations));
	json_object_object_add(json, "claims", claims_to_json(node));
	add_plain(json, "claims_error", node->claims_err.code ? node->claims_err.text : NULL);
	json_object_object_add(json, "group_users", users_to_json(node));
	json_object_object_add(json, "uses", pt_uses_to_json(&node->uses));
	json_object_object_add(json, "records", records_to_json(node));
	json_object_object_add(json, "roms", roms_to_json(node));
	json_object_object_add(json, "hooks", hooks_to_json(node));
	json_object_object_add(json, "mdev_instances", names_to_json(&node->instances));
	json_object_object_add(json, "nodes", names_to_json(&node->cluster));
	json_object_object_add(json, "ha", ha_to_json(&node->ha));
	json_object_object_add(json, "backups", backups_to_json(&node->backups));
	json_object_object_add(json, "guests", guests_to_json(node));
	json_object_object_add(json, "running", running_to_json(node));
	json_object_object_add(json, "bridge_users", mentions_to_json(node));
	*ret = json;
	return 0;
}
