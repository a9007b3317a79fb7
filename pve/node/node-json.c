// SPDX-License-Identifier: AGPL-3.0-or-later
/* Facts files: each field of a node as JSON, to hand to others and to read back. The file may be
 * hostile, so every text with a parser goes through it. */
#include "pve/config/hostpci.h"
#include "pve/config/paths.h"
#include "pve/node/node-json.h"
#include "pve/node/node-parts.h"

static const char *const module_states[] = {
	[PT_MODULE_PRESENT] = "present",
	[PT_MODULE_LOADABLE] = "loadable",
	[PT_MODULE_MISSING] = "missing",
	[PT_MODULE_BLOCKED] = "blocked",
	[PT_MODULE_CUSTOM] = "custom",
	[PT_MODULE_UNKNOWN] = "unknown",
};

static const char *const remappings[] = {
	[PT_REMAPPING_UNKNOWN] = "unknown",
	[PT_REMAPPING_ON] = "on",
	[PT_REMAPPING_OFF] = "off",
};

static const char *const hook_states[] = {
	[PT_HOOK_UNKNOWN] = "unknown",
	[PT_HOOK_NONE] = "none",
	[PT_HOOK_OTHER] = "other",
	[PT_HOOK_OURS] = "ours",
	[PT_HOOK_MISSING] = "missing",
	[PT_HOOK_NOT_EXECUTABLE] = "not-executable",
};

#define NODE(key, kind, member) PT_FIELD(key, kind, struct pt_node, member)
#define COUNT(type, member)	.count = offsetof(type, member)
#define VMID(type, member)	PT_FIELD("vmid", UINT, type, member), .min = 100, .max = PT_VMID_MAX
#define NAMES(key, type, member)                                                                   \
	PT_FIELD(key, LIST, type, member.name), .count = offsetof(type, member.count),             \
						.of = &pt_text_record

static const struct pt_field hugepages_fields[] = {
	{PT_FIELD("size", UINT, struct pt_hugepages, size)},
	{PT_FIELD("free", UINT, struct pt_hugepages, free)},
	{PT_FIELD("nodes", ROW, struct pt_hugepages, node_free), PT_JSON_MAY_BE_MISSING,
		COUNT(struct pt_hugepages, nodes), .of = &pt_uint64_record,
		.about = "free pages of each NUMA node"},
};
static const struct pt_record hugepages_record = {PT_RECORD(struct pt_hugepages, hugepages_fields)};

static const struct pt_field memory_fields[] = {
	{PT_FIELD("hugepages", ROW, struct pt_memory, huge), COUNT(struct pt_memory, huge_count),
		.of = &hugepages_record},
	{PT_FIELD("total", UINT, struct pt_memory, total)},
	{PT_FIELD("available", UINT, struct pt_memory, available)},
	{PT_FIELD("arc", UINT, struct pt_memory, arc)},
};
static const struct pt_record memory_record = {PT_RECORD(struct pt_memory, memory_fields)};

static const struct pt_field module_fields[] = {
	{PT_FIELD("state", WORD, struct pt_module, state), PT_FIELD_WORDS(module_states)},
	{PT_FIELD("blacklisted", FLAG, struct pt_module, blacklisted)},
	{PT_FIELD("command", CHARS, struct pt_module, command)},
};
static const struct pt_record module_record = {PT_RECORD(struct pt_module, module_fields)};

static const char *const cpu_vendors[] = {
	[PT_CPU_UNKNOWN] = "unknown",
	[PT_CPU_INTEL] = "Intel",
	[PT_CPU_AMD] = "AMD",
};

static const struct pt_field cpu_fields[] = {
	{PT_FIELD("vendor", WORD, struct pt_cpu, vendor), PT_FIELD_WORDS(cpu_vendors)},
	{PT_FIELD("address_bits", INT, struct pt_cpu, address_bits),
		.about = "physical; 0: unknown"},
	{NAMES("nodes", struct pt_cpu, nodes), .need = PT_JSON_MAY_BE_MISSING,
		.about = "the processors of each NUMA node"},
};
static const struct pt_record cpu_record = {PT_RECORD(struct pt_cpu, cpu_fields)};

#define VERSION(key, member) PT_FIELD(key, TEXT, struct pt_versions, member), PT_JSON_MAY_BE_NULL

static const struct pt_field versions_fields[] = {
	{VERSION("kernel", kernel)},
	{VERSION("pve-manager", manager)},
	{VERSION("pve-qemu-kvm", qemu)},
	{VERSION("qemu-server", qemu_server)},
};
static const struct pt_record versions_record = {PT_RECORD(struct pt_versions, versions_fields)};

#define BOOT(key, member)                                                                          \
	PT_FIELD(key, TEXT, struct pt_boot, member), PT_JSON_MAY_BE_NULL, .part = pt_cmdline_part

static const struct pt_field boot_fields[] = {
	{BOOT("systemd-boot", systemd), .about = "the kernel's options in " PT_BOOT_SYSTEMD_FILE},
	{BOOT("grub", grub), .about = "the kernel's options in " PT_BOOT_GRUB_FILE},
};
static const struct pt_record boot_record = {PT_RECORD(struct pt_boot, boot_fields)};

#define TRAIT(key, kind, member) PT_FIELD(key, kind, struct pt_traits, member)

static const struct pt_field traits_fields[] = {
	{TRAIT("dmar", FLAG, has_dmar)},
	{TRAIT("ivrs", FLAG, has_ivrs)},
	{TRAIT("cmdline", TEXT, cmdline), PT_JSON_MAY_BE_NULL, .part = pt_cmdline_part},
	{TRAIT("iova_width", INT, iova_width)},
	{TRAIT("interrupt_remapping", WORD, remapping), PT_FIELD_WORDS(remappings)},
	{TRAIT("unsafe_interrupts", FLAG, unsafe_interrupts)},
	{TRAIT("vfio_options", TEXT, vfio_options), PT_JSON_MAY_BE_NULL},
	{TRAIT("vfio_pci", RECORD, vfio), .of = &module_record},
	{TRAIT("memory", RECORD, memory), .of = &memory_record},
	{TRAIT("cpu", RECORD, cpu), PT_JSON_MAY_BE_MISSING, .of = &cpu_record},
	{TRAIT("versions", RECORD, versions), PT_JSON_MAY_BE_MISSING, .of = &versions_record},
	{TRAIT("boot", RECORD, boot), PT_JSON_MAY_BE_MISSING, .of = &boot_record},
};
static const struct pt_record traits_record = {PT_RECORD(struct pt_traits, traits_fields)};

static const struct pt_field mdev_fields[] = {
	{PT_FIELD("type", TEXT, struct pt_mdev_type, name)},
	{PT_FIELD("available", INT, struct pt_mdev_type, available)},
};
static const struct pt_record mdev_record = {PT_RECORD(struct pt_mdev_type, mdev_fields)};

#define MSIX(key, member) PT_FIELD(key, UINT, struct pt_msix, member)

static const struct pt_field msix_fields[] = {
	{MSIX("vectors", vectors), .min = 1, .max = 2048},
	{MSIX("table_bar", table_bar), .max = 7},
	{MSIX("table", table), .about = "offset in the BAR, in bytes"},
	{MSIX("pba_bar", pba_bar), .max = 7},
	{MSIX("pba", pba), .about = "offset in the BAR, in bytes"},
};
static const struct pt_record msix_record = {PT_RECORD(struct pt_msix, msix_fields)};

#define DEVICE(key, kind, member) PT_FIELD(key, kind, struct pt_device, member)

static const struct pt_field device_fields[] = {
	{DEVICE("mdev_types", LIST, mdev), COUNT(struct pt_device, mdev_count), .of = &mdev_record},
	{DEVICE("function", FORM, bdf), .form = &pt_bdf_form},
	{DEVICE("unknown", FLAG, unknown), PT_JSON_MAY_BE_MISSING,
		.about = "its config space could not be read"},
	{DEVICE("dead", FLAG, dead)},
	{DEVICE("blocked", CHARS, blocked)},
	{DEVICE("serial", CHARS, serial)},
	{DEVICE("net", CHARS, net)},
	{DEVICE("guest_disk", FLAG, guest_disk), PT_JSON_MAY_BE_MISSING},
	{DEVICE("msix", RECORD, msix), PT_JSON_MAY_BE_MISSING,
		.has = offsetof(struct pt_device, msix.known), .of = &msix_record},
	{DEVICE("framebuffer", FLAG, framebuffer), PT_JSON_MAY_BE_MISSING,
		.about = "of the firmware, in a BAR"},
};
static const struct pt_record device_record = {PT_RECORD(struct pt_device, device_fields)};

#define RESERVATION(key, kind, member) PT_FIELD(key, kind, struct pt_reservation, member)

static const struct pt_field reservation_fields[] = {
	{RESERVATION("id", TEXT, id)},
	{RESERVATION("vmid", UINT, vmid)},
	{RESERVATION("pid", INT, pid), PT_JSON_MAY_BE_MISSING,
		.has = offsetof(struct pt_reservation, has_pid)},
	{RESERVATION("time", INT, time), PT_JSON_MAY_BE_MISSING, .max = INT64_MAX,
		.has = offsetof(struct pt_reservation, has_time)},
};
static const struct pt_record reservation_record = {
	PT_RECORD(struct pt_reservation, reservation_fields)};

static const struct pt_field claimed_fields[] = {
	{PT_FIELD("function", FORM, struct pt_claimed, bdf), .form = &pt_bdf_form},
	{PT_FIELD("spare", FLAG, struct pt_claimed, spare)},
	{PT_FIELD("error", TEXT, struct pt_claimed, error), PT_JSON_MAY_BE_NULL},
};
static const struct pt_record claimed_record = {PT_RECORD(struct pt_claimed, claimed_fields)};

static const struct pt_field claim_fields[] = {
	{PT_FIELD("functions", LIST, struct pt_node_claim, claimed),
		COUNT(struct pt_node_claim, count), .of = &claimed_record},
	{VMID(struct pt_node_claim, vmid)},
	{PT_FIELD("alive", FLAG, struct pt_node_claim, alive)},
	{PT_FIELD("returning", FLAG, struct pt_node_claim, returning)},
};
static const struct pt_record claim_record = {PT_RECORD(struct pt_node_claim, claim_fields)};

#define USER(key, kind, member) PT_FIELD(key, kind, struct pt_group_user, member)

static const struct pt_field user_fields[] = {
	{USER("group", INT, group)},
	{USER("pid", INT, pid)},
	{USER("name", CHARS, name)},
	{USER("vmid", UINT, vmid), .max = PT_VMID_MAX},
};
static const struct pt_record user_record = {PT_RECORD(struct pt_group_user, user_fields)};

static const struct pt_field start_fields[] = {
	{VMID(struct pt_last_start, vmid)},
	{PT_FIELD("functions", LIST, struct pt_last_start, identities.identity),
		COUNT(struct pt_last_start, identities.count), .of = &pt_identity_record},
};
static const struct pt_record start_record = {PT_RECORD(struct pt_last_start, start_fields)};

#define IMAGE(key, kind, member) PT_FIELD(key, kind, struct pt_rom_image, member)

static const struct pt_field image_fields[] = {
	{IMAGE("vendor", UINT, vendor)},
	{IMAGE("device", UINT, device)},
	{IMAGE("code_type", UINT, code_type)},
};
static const struct pt_record image_record = {PT_RECORD(struct pt_rom_image, image_fields)};

static const struct pt_field rom_fields[] = {
	{PT_FIELD("images", ROW, struct pt_rom_file, rom.image),
		COUNT(struct pt_rom_file, rom.count), .of = &image_record},
	{PT_FIELD("name", TEXT, struct pt_rom_file, name),
		.has = offsetof(struct pt_rom_file, known)},
	{PT_FIELD("readable", FLAG, struct pt_rom_file, readable)},
};
static const struct pt_record rom_record = {PT_RECORD(struct pt_rom_file, rom_fields)};

static const struct pt_field hook_fields[] = {
	{PT_FIELD("volume", TEXT, struct pt_hook_volume, volume)},
	{PT_FIELD("state", WORD, struct pt_hook_volume, state), PT_FIELD_WORDS(hook_states)},
	{PT_FIELD("broken", FLAG, struct pt_hook_volume, broken), PT_JSON_MAY_BE_MISSING,
		.about = "another script that is missing or not executable"},
	{NAMES("nodes", struct pt_hook_volume, nodes), .need = PT_JSON_MAY_BE_MISSING},
};
static const struct pt_record hook_record = {PT_RECORD(struct pt_hook_volume, hook_fields)};

static const struct pt_field ha_fields[] = {
	{VMID(struct pt_ha_guest, vmid)},
	{PT_FIELD("stopped", FLAG, struct pt_ha_guest, stopped), PT_JSON_MAY_BE_MISSING,
		.about = "HA does not start it"},
	{NAMES("nodes", struct pt_ha_guest, node)},
};
static const struct pt_record ha_record = {PT_RECORD(struct pt_ha_guest, ha_fields)};

static const struct pt_field backup_fields[] = {
	{PT_FIELD("id", TEXT, struct pt_backup_job, id)},
	{PT_FIELD("all", FLAG, struct pt_backup_job, all)},
	{NAMES("guests", struct pt_backup_job, guest)},
	{NAMES("except", struct pt_backup_job, except)},
};
static const struct pt_record backup_record = {PT_RECORD(struct pt_backup_job, backup_fields)};

static const struct pt_field running_fields[] = {
	{VMID(struct pt_run_guest, vmid)},
	{PT_FIELD("pid", INT, struct pt_run_guest, pid)},
};
static const struct pt_record running_record = {PT_RECORD(struct pt_run_guest, running_fields)};

static const struct pt_field mention_fields[] = {
	{VMID(struct pt_mention, vmid)},
	{PT_FIELD("bridge", TEXT, struct pt_mention, bridge)},
	{PT_FIELD("onboot", FLAG, struct pt_mention, onboot)},
};
static const struct pt_record mention_record = {PT_RECORD(struct pt_mention, mention_fields)};

static const struct pt_field usb_user_fields[] = {
	{VMID(struct pt_usb_user, vmid)},
	{PT_FIELD("controller", FORM, struct pt_usb_user, controller), .form = &pt_bdf_form},
	{PT_FIELD("port", CHARS, struct pt_usb_user, port)},
};
static const struct pt_record usb_user_record = {PT_RECORD(struct pt_usb_user, usb_user_fields)};

static bool skip_start(const void *node, const void *element)
{
	const struct pt_last_start *start = element;

	(void)node;
	return !start->identities.count;
}

static bool skip_rom(const void *node, const void *element)
{
	const struct pt_rom_file *rom = element;

	(void)node;
	return !rom->known;
}

/* Skips guests on bridges that no use names. */
static bool skip_mention(const void *record, const void *element)
{
	const struct pt_node *node = record;
	const struct pt_mention *mention = element;

	if (!mention->bridge)
		return true;
	pt_foreach (use, node->uses.use, node->uses.count) {
		if (use->how == PT_USE_ONLY_PORT && pt_streq(use->place, mention->bridge))
			return false;
	}
	return true;
}

const struct pt_form pt_node_name_form = {
	.pattern = "^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?$",
	.why = "cannot be a node's name",
	.valid = pt_node_name_valid,
};

static const struct pt_field node_fields[] = {
	{NODE("node", CHARS, name), .form = &pt_node_name_form},
	{NODE("time", INT, time), .max = INT64_MAX, .about = "of the look, in seconds since 1970"},
	{NODE("host", RECORD, traits), .of = &traits_record},
	{NODE("policy", LIST, traits.policy), .of = &pt_policy_line_record, .own = &pt_policy_own},
	{NODE("policy_error", CHARS, traits.policy_err.text), PT_JSON_MAY_BE_NULL},
	{NODE("inventory", RECORD, inventory), .of = &pt_inventory_record},
	{NODE("devices", LIST, device), COUNT(struct pt_node, device_count), .of = &device_record},
	{NODE("mappings", TEXT, mappings), PT_JSON_MAY_BE_NULL, .own = &pt_mappings_own},
	{NODE("reservations", LIST, reservations.reservation),
		COUNT(struct pt_node, reservations.count), .of = &reservation_record},
	{NODE("claims", LIST, claim), COUNT(struct pt_node, claim_count), .of = &claim_record},
	{NODE("claims_error", CHARS, claims_err.text), PT_JSON_MAY_BE_NULL},
	{NODE("group_users", LIST, user), COUNT(struct pt_node, user_count), .of = &user_record},
	{NODE("uses", LIST, uses.use), COUNT(struct pt_node, uses.count), .most = PT_USES_MOST,
		.of = &pt_use_record},
	{NODE("records", LIST, last_start), COUNT(struct pt_node, last_start_count),
		.of = &start_record, .skip = skip_start},
	{NODE("roms", LIST, rom), COUNT(struct pt_node, rom_count), .of = &rom_record,
		.skip = skip_rom},
	{NODE("hooks", LIST, hook), COUNT(struct pt_node, hook_count), .of = &hook_record},
	{NAMES("mdev_instances", struct pt_node, instances)},
	{NAMES("nodes", struct pt_node, cluster)},
	{NODE("ha", LIST, ha.guest), COUNT(struct pt_node, ha.count), .of = &ha_record},
	{NODE("backups", LIST, backups.job), PT_JSON_MAY_BE_MISSING,
		COUNT(struct pt_node, backups.count), .of = &backup_record},
	{NODE("guests", LIST, guest), .of = &pt_guest_record, .own = &pt_guests_own},
	{NODE("partial", FLAG, partial), PT_JSON_MAY_BE_MISSING,
		.about =
			"what the API knows of the node: other facts are as if nothing were wrong"},
	{NODE("unread", UINT, unread), PT_JSON_MAY_BE_MISSING,
		.about = "guests whose config could not be read"},
	{NODE("running", LIST, running), COUNT(struct pt_node, running_count),
		.of = &running_record},
	{NODE("bridge_users", LIST, mention), PT_JSON_MAY_BE_MISSING,
		COUNT(struct pt_node, mention_count), .of = &mention_record, .skip = skip_mention},
	{NODE("usb_users", LIST, usb_user), PT_JSON_MAY_BE_MISSING,
		COUNT(struct pt_node, usb_user_count), .of = &usb_user_record,
		.about = "USB devices that guests name"},
};

/* What devices know of config spaces. */
static void complete_spaces(struct pt_node *node)
{
	pt_foreach (device, node->device, node->device_count) {
		struct pt_inventory *all = &node->inventory;
		const struct pt_function *found = pt_inventory_find(all, &device->bdf);

		if (!found)
			continue;
		all->function[found - all->function].space.ones |= device->dead;
		all->function[found - all->function].space.msix = device->msix;
	}
}

static int complete_node(void *record, struct pt_err *err)
{
	struct pt_node *node = record;
	struct pt_uses uses = node->uses;

	(void)err;
	/* drops duplicates, and applies the limits of gathering */
	node->uses = (struct pt_uses){0};
	pt_foreach (use, uses.use, uses.count)
		pt_uses_add(&node->uses, use);
	pt_uses_clear(&uses);
	complete_spaces(node);
	node->traits.iommu_active = node->inventory.iommu_active;
	if (node->traits.policy_err.text[0])
		node->traits.policy_err.code = -EIO;
	if (node->claims_err.text[0])
		node->claims_err.code = -EIO;
	pt_node_complete(node);
	return 0;
}

const struct pt_record pt_node_record = {
	PT_RECORD(struct pt_node, node_fields),
	.format = "pve-ptconf facts",
	.version = 2, /* 2: the key how of a use is a word, no longer a sentence */
	.oldest = 1,
	.complete = complete_node,
	.about = "Facts about a node: the output of pve-ptconf facts, the input of --facts",
};

/* Facts that are otherwise asked when a guest's config leads to them. */
static void ask_the_rest(struct pt_node *node)
{
	const struct pt_mention *mention = NULL;
	size_t count = 0;

	pt_foreach (function, node->inventory.function, node->inventory.count)
		pt_node_device(node, &function->bdf);
	pt_node_hook(node, PT_HOOK_VOLUME);
	pt_foreach (guest, node->guest, node->guest_count) {
		const struct pt_guest *one = *guest;

		pt_node_last_start(node, one->vmid);
		pt_node_hook(node, pt_guest_get(one, "hookscript"));
		pt_guest_foreach (key, one) {
			struct pt_hostpci entry;
			int index = pt_hostpci_key(key.key);

			if (index < 0 || pt_hostpci_parse(index, key.value, key.length,
						 one->encoding, &entry, NULL) < 0)
				continue;
			if (entry.romfile)
				pt_node_rom(node, entry.romfile);
			pt_hostpci_clear(&entry);
		}
	}
	pt_node_has_instance(node, "");
	pt_node_mentions(node, &mention, &count);
	pt_foreach (device, node->device, node->device_count)
		device->guest_disk = pt_node_has_guest_disk(node, &device->bdf);
}

int pt_node_is_writable(const struct pt_node *node, struct pt_err *err)
{
	return node->has_uses
		       ? 0
		       : pt_err_set(err, -ETIME,
				 "the uses of the devices are unknown: a driver hangs (see the "
				 "kernel log)");
}

int pt_node_to_json(struct pt_node *node, struct json_object **ret, struct pt_err *err)
{
	int r = pt_node_is_writable(node, err);

	if (r < 0)
		return r;
	ask_the_rest(node);
	*ret = pt_record_to_json(&pt_node_record, node);
	return 0;
}

int pt_node_from_json(struct json_object *json, pt_allowing_of *allowing, struct pt_node **ret,
	struct pt_err *err)
{
	struct pt_node PT_NODE *node = pt_node_open(NULL, "", NULL, allowing);
	int r = pt_record_from_json(&pt_node_record, json, node, err);

	if (r == 0)
		*ret = PT_STEAL(node);
	return r;
}
