// SPDX-License-Identifier: AGPL-3.0-or-later
/* Functions that the host itself uses. */
#include "pve/check/check.h"
#include "pve/config/paths.h"

#define MOST		 3	 /* uses of one function that a message lists */
#define CLASS_USB	 0x0c03U /* class and subclass of a USB controller */
#define CLASS_MULTIMEDIA 0x04U

/* The checks of this file, by the kind of use that each reports. */
enum concern {
	CONCERN_BLOCK,
	CONCERN_NET,
	CONCERN_GPU,
	CONCERN_SOUND,
	CONCERN_USB,
	CONCERN_DEVFILE,
	CONCERN_CONSOLE,
	CONCERN_MODULE,
};

static enum concern concern_of(const struct pt_facts *facts, const struct pt_use *use)
{
	static const enum concern concern[] = {
		[PT_USE_BLOCK] = CONCERN_BLOCK,
		[PT_USE_NET] = CONCERN_NET,
		[PT_USE_GPU] = CONCERN_GPU,
		[PT_USE_SOUND] = CONCERN_SOUND,
		[PT_USE_INPUT] = CONCERN_USB,
		[PT_USE_DEVFILE] = CONCERN_DEVFILE,
		[PT_USE_CONSOLE] = CONCERN_CONSOLE,
		[PT_USE_MODULE] = CONCERN_MODULE,
	};
	const struct pt_function *function = pt_facts_function(facts, &use->bdf);

	if (use->kind == PT_USE_BLOCK && function && function->class >> 8 == CLASS_USB)
		return CONCERN_USB;
	/* the sockets of a sound card report by an input device that something is plugged in */
	if (use->kind == PT_USE_INPUT && function && function->class >> 16 == CLASS_MULTIMEDIA)
		return CONCERN_SOUND;
	return concern[use->kind];
}

enum weight {
	WEAK,
	STRONG,
	STOPPED, /* strong, but a start ends it first: local policy stops its unit */
};

static enum weight weigh(const struct pt_facts *facts, const struct pt_use *use)
{
	struct pt_names PT_NAMES units = {0};

	if (use->weak)
		return WEAK;
	/* without the hook nothing stops the unit; at a start it has been stopped, and yet there is
	 * a use */
	if (!facts->hooked || !use->unit[0] || facts->depth == PT_DEPTH_START)
		return STRONG;
	pt_policy_units(&facts->host->policy, facts->guest->vmid, &use->bdf, &units);
	return pt_names_hold(&units, use->unit) ? STOPPED : STRONG;
}

static void pick_uses(const struct pt_facts *facts, const struct pt_bdf *bdf, enum concern concern,
	enum weight weight, struct pt_uses *ret)
{
	pt_foreach (use, facts->uses.use, facts->uses.count) {
		if (pt_bdf_compare(&use->bdf, bdf) == 0 && concern_of(facts, use) == concern &&
			weigh(facts, use) == weight)
			pt_uses_add(ret, use);
	}
}

/* "nvme0n1p2 is mounted at /, nvme0n1p1 is mounted at /boot/efi", or NULL. The caller frees it. */
static char *list_uses(const struct pt_uses *uses)
{
	char *list = NULL;
	size_t count = 0;

	pt_foreach (use, uses->use, uses->count) {
		PT_FREE char *text = NULL;

		if (count++ >= MOST)
			continue;
		text = pt_use_text(use);
		list = pt_list_add(list, ", ", text);
	}
	if (count > MOST) {
		PT_FREE char *more = pt_format("and %zu more", count - MOST);

		list = pt_list_add(list, ", ", more);
	}
	return list;
}

/* The known steps that end the uses: "umount /mnt, vgchange -an data". The caller frees it. */
static char *list_ends(const struct pt_uses *uses)
{
	struct pt_names PT_NAMES listed = {0};
	char *list = NULL;
	bool more = false;

	pt_foreach (use, uses->use, uses->count) {
		PT_FREE char *end = pt_use_end(use);

		if (end && pt_names_hold(&listed, end))
			continue;
		if (!end || listed.count >= MOST) {
			more = true;
			continue;
		}
		pt_names_add(&listed, end);
		list = pt_list_add(list, ", ", end);
	}
	return list && more ? pt_list_add(list, ", ", "end the other uses") : list;
}

/* The cases of the checks in-use-*. */
enum {
	USED,		/* end the use */
	USED_TWIN,	/* another device of the model is free */
	USED_COMPANION, /* it only goes along */
	USED_WEAK,
	USED_SPARE,
	USED_STOPPED,
	USED_SYSTEM,	  /* the running system lies on it */
	USED_SYSTEM_TWIN, /* and another device of the model is free */
	USED_SYSTEM_COMPANION,
};

/* Only disks have these cases; a facts file may claim anything. */
static bool has_system(const struct pt_judging *judging, const struct pt_uses *uses)
{
	if (!judging->check->of[USED_SYSTEM].message)
		return false;
	pt_foreach (use, uses->use, uses->count) {
		if (use->system)
			return true;
	}
	return false;
}

static const struct pt_bdf *find_twin(const struct pt_facts *facts, const struct pt_bdf *bdf)
{
	pt_foreach (twin, facts->twin, facts->twin_count) {
		if (pt_bdf_compare(&twin->bdf, bdf) == 0)
			return &twin->free;
	}
	return NULL;
}

static size_t case_of(const struct pt_judging *judging, const struct pt_taken *taken,
	enum weight weight, const struct pt_uses *uses)
{
	bool system = has_system(judging, uses);

	if (!judging->check->remedy)
		return USED; /* never keeps a guest from starting: its one case */
	if (weight != STRONG)
		return weight == WEAK ? USED_WEAK : USED_STOPPED;
	if (taken->companion)
		return system ? USED_SYSTEM_COMPANION : USED_COMPANION;
	if (find_twin(judging->facts, &taken->bdf))
		return system ? USED_SYSTEM_TWIN : USED_TWIN;
	return system ? USED_SYSTEM : USED;
}

/* Reports the uses, if any; the finding takes them over. */
static void report_uses(const struct pt_judging *judging, size_t which,
	const struct pt_taken *taken, struct pt_uses *uses)
{
	struct pt_subject on = pt_on_function(judging->facts, taken);
	const struct pt_bdf *twin = find_twin(judging->facts, &taken->bdf);
	bool has_twin = which == USED_TWIN || which == USED_SYSTEM_TWIN;
	bool goes_along = which == USED_COMPANION || which == USED_SYSTEM_COMPANION;
	const char *remedy =
		which == USED || which == USED_COMPANION ? judging->check->remedy : NULL;
	PT_FREE char *list = list_uses(uses);
	PT_FREE char *ends = remedy ? list_ends(uses) : NULL;
	struct pt_finding *finding;
	char label[PT_LABEL_TEXT];

	if (!list)
		return;
	finding = pt_report(judging, which, on, "uses", list, "fix", ends ? ends : remedy, "twin",
		has_twin ? PT_BDF(twin) : NULL, "entry",
		goes_along ? pt_entry_label(on.entry, label) : NULL, "apart",
		goes_along && pt_slot_may_separate(judging->facts, taken)
			? "another slot may separate them"
			: NULL,
		NULL);
	finding->uses = *uses;
	*uses = (struct pt_uses){0};
}

/* Reports all uses of one kind: strong ones, weak ones, and those that 'stop-units' ends. */
static void report_in_use(const struct pt_judging *judging, enum concern concern)
{
	static const enum weight order[] = {STRONG, WEAK, STOPPED};
	const struct pt_facts *facts = judging->facts;

	pt_foreach (spare, facts->spare, judging->check->remedy ? facts->spare_count : 0) {
		struct pt_uses PT_USES uses = {0};

		pick_uses(facts, &spare->bdf, concern, STRONG, &uses);
		report_uses(judging, USED_SPARE, spare, &uses);
	}
	pt_foreach (taken, facts->taken, facts->taken_count) {
		/* its picture does not end: framebuffer-stays says so */
		if (concern == CONCERN_CONSOLE && pt_framebuffer_stays(facts, taken))
			continue;
		pt_foreach (weight, order, PT_ARRAY_SIZE(order)) {
			struct pt_uses PT_USES uses = {0};

			pick_uses(facts, &taken->bdf, concern, *weight, &uses);
			report_uses(judging, case_of(judging, taken, *weight, &uses), taken, &uses);
		}
	}
}

static void in_use_block(const struct pt_judging *judging)
{
	report_in_use(judging, CONCERN_BLOCK);
}

static void in_use_net(const struct pt_judging *judging)
{
	report_in_use(judging, CONCERN_NET);
}

static void in_use_gpu(const struct pt_judging *judging)
{
	report_in_use(judging, CONCERN_GPU);
}

static void in_use_sound(const struct pt_judging *judging)
{
	report_in_use(judging, CONCERN_SOUND);
}

static void in_use_usb(const struct pt_judging *judging)
{
	report_in_use(judging, CONCERN_USB);
}

static void in_use_node(const struct pt_judging *judging)
{
	report_in_use(judging, CONCERN_DEVFILE);
}

static void in_use_module(const struct pt_judging *judging)
{
	report_in_use(judging, CONCERN_MODULE);
}

static void console_on_device(const struct pt_judging *judging)
{
	report_in_use(judging, CONCERN_CONSOLE);
}

#define IN_USE	     "is in use on this host: {uses}"
#define TWIN_IS_FREE "{twin} is the same model, and nothing uses it"
#define IN_COMPANY   "; it shares the IOMMU group of {entry}[[, and {apart}]]"
#define SPARE                                                                                      \
	"it is another device of the mapping, which Proxmox VE takes if the first one is not free"
#define CONFIGURED "it is configured for a container that has not opened it"
#define SYSTEM	   "the running system lies on it: its root, its boot files, its swap space"
#define UNITS                                                                                                \
	"\nTo stop a service or a container (pve-container@CTID.service) for the guest, and start it again " \
	"afterwards: name it under 'stop-units' in " PT_POLICY_FILE "."

/* The cases of each check. twin: the hint if another device is free; weak: when a use only warns.
 */
#define CASES(twin, weak)                                                                          \
	[USED] = {PT_ERROR, PT_REFUSES, .message = IN_USE,                                         \
		.hint = "{fix}, or name another device"},                                          \
	[USED_TWIN] = {PT_ERROR, PT_REFUSES, .message = IN_USE, .hint = twin},                     \
	[USED_COMPANION] = {PT_ERROR, PT_REFUSES, .message = IN_USE, .hint = "{fix}" IN_COMPANY},  \
	[USED_WEAK] = {PT_WARNING, PT_WARNS, .when = weak, .message = "{uses}"},                   \
	[USED_SPARE] = {PT_WARNING, PT_WARNS, .message = IN_USE "; " SPARE,                        \
		.hint = "remove it from the mapping"},                                             \
	[USED_STOPPED] = {PT_INFO, PT_WARNS,                                                       \
		.when = "'stop-units' names the unit that uses it: a start stops that first",      \
		.message = IN_USE "; a start stops that first, and starts it again afterwards "    \
				  "('stop-units')"}
/* And of those that disks have: the running system lies on disks only. */
#define SYSTEM_CASES(twin)                                                                         \
	[USED_SYSTEM] = {PT_ERROR, PT_REFUSES_ALWAYS, .when = SYSTEM, .message = IN_USE,           \
		.hint = "the system runs from it: name another device"},                           \
	[USED_SYSTEM_TWIN] = {PT_ERROR, PT_REFUSES_ALWAYS, .message = IN_USE, .hint = twin},       \
	[USED_SYSTEM_COMPANION] = {PT_ERROR, PT_REFUSES_ALWAYS, .message = IN_USE,                 \
		.hint = "the system runs from it: remove {entry} from the guest, since they "      \
			"share the IOMMU group[[; {apart}]]"}

/* prose in lines as long as its sentences: no formatter breaks it well */
// clang-format off
static const struct pt_check checks[] = {
	{
		.tag = "console-on-device",
		.find = console_on_device,
		.meaning = "The device shows the text console or the firmware's picture.",
		.why = "Both end when the guest starts. The console returns with the host driver, the firmware's picture does not.",
		.steps = "Nothing, if you manage the host over the network.",
		.source = "kernel, Documentation/fb/fbcon.rst",
		.of = {{PT_WARNING, PT_WARNS, .message = "{uses}; that ends when the guest starts"}},
	},
	{
		.tag = "in-use-block",
		.find = in_use_block,
		.in_use = true,
		.remedy = "stop its user",
		.meaning = "One of its disks is mounted, swap, part of a volume, or open.",
		.why = "The host or another guest would lose that disk.",
		.steps = "A mount: 'umount', and remove its line from /etc/fstab. Swap: 'swapoff'."
			"\nLVM: 'vgchange -an VG'. MD: 'mdadm --stop'. ZFS: 'zpool export POOL'. A storage of Proxmox VE: disable it first (Datacenter, Storage), or it returns by itself."
			"\nAnother guest that has the disk: stop it, and remove the disk from its config."
			"\nOr name another device: the hint names a free one of the same model.",
		.source = "proc(5); kernel, Documentation/ABI/stable/sysfs-block",
		.of = {CASES(TWIN_IS_FREE " on this host; check its contents first", SPARE "\n" CONFIGURED),
			SYSTEM_CASES(TWIN_IS_FREE " on this host; check its contents first")},
	},
	{
		.tag = "in-use-net",
		.find = in_use_net,
		.in_use = true,
		.remedy = "move the host's network to another interface",
		.meaning = "One of its interfaces carries traffic of the host.",
		.why = "The host, or the guests on its bridge, would lose the network.",
		.steps = "Find the traffic: 'ip addr', 'bridge link', 'ip route show table all'."
			"\nA corosync link: first edit a copy of /etc/pve/corosync.conf, raise config_version in it, move it into place, check 'pvecm status'. The nodes of HA guests fence themselves when the cluster is lost."
			"\nMove the address and the bridge port to another card, in the node's panel (System, Network) or in /etc/network/interfaces, then 'ifreload -a'."
			"\nA container's interface: remove the line 'lxc.net' or the interface from its config, and restart it."
			"\nOr pass a virtual function through, if the card has some.",
		.source = "rtnetlink(7)",
		.of = {CASES(TWIN_IS_FREE, "its interface has only a link-local address\nit is the only port of a bridge that has neither an address nor a guest that starts at boot\nit may be in a hidden network namespace\n" SPARE "\n" CONFIGURED)},
	},
	{
		.tag = "in-use-gpu",
		.find = in_use_gpu,
		.in_use = true,
		.remedy = "end that program",
		.meaning = "A program has one of its graphics device files open.",
		.why = "Unbinding its driver hangs or crashes that program, sometimes the kernel.",
		.steps = "End it: a desktop session, nvidia-persistenced, a container with the GPU." UNITS,
		.source = "kernel, Documentation/gpu/drm-uapi.rst",
		.of = {CASES(TWIN_IS_FREE, SPARE "\n" CONFIGURED)},
	},
	{
		.tag = "in-use-sound",
		.find = in_use_sound,
		.in_use = true,
		.remedy = "end that program",
		.meaning = "A program has one of its sound device files open.",
		.why = "The program loses its sound device.",
		.steps = "End it (pipewire, pulseaudio)." UNITS,
		.source = "kernel, Documentation/sound",
		.of = {CASES(TWIN_IS_FREE, "only the device file that reports plugs is open\n" SPARE "\n" CONFIGURED)},
	},
	{
		.tag = "in-use-usb",
		.find = in_use_usb,
		.in_use = true,
		.remedy = "unmount the disk that is plugged in there",
		.meaning = "A device on the USB controller is in use.",
		.why = "A mounted disk would vanish. A keyboard goes to the guest.",
		.steps = "Unmount the disk, or plug it into another controller.",
		.source = "kernel, Documentation/driver-api/usb",
		.of = {CASES(TWIN_IS_FREE, "only keyboards and the like are plugged in\n" SPARE "\n" CONFIGURED),
			SYSTEM_CASES(TWIN_IS_FREE)},
	},
	{
		.tag = "in-use-node",
		.find = in_use_node,
		.in_use = true,
		.remedy = "end that program",
		.meaning = "A program has another device file of it open.",
		.why = "The program loses its device.",
		.steps = "Find it with 'fuser -v /dev/FILE', and end it." UNITS,
		.source = "proc(5), /proc/PID/fd",
		.of = {CASES(TWIN_IS_FREE, SPARE "\n" CONFIGURED)},
	},
	{
		.tag = "in-use-module",
		.find = in_use_module,
		.in_use = true,
		.meaning = "The use count of its driver is higher than the known uses.",
		.why = "A program uses the driver; the function is unknown.",
		.steps = "Find the program that uses the vendor's driver.",
		.source = "kernel, Documentation/core-api",
		.of = {{PT_WARNING, PT_WARNS, .message = "{uses}"}},
	},
};
// clang-format on
const struct pt_checks pt_use_checks = {checks, PT_ARRAY_SIZE(checks)};
