// SPDX-License-Identifier: AGPL-3.0-or-later
/* Virtual functions and the functions that they hang on. */
#include "lib/base/template.h"
#include "lib/linux/modules.h"
#include "pve/check/check.h"

enum { PARENT_PF, PARENT_PF_OF_GUEST, PARENT_VMD, PARENT_VMD_OF_GUEST };

static size_t why_parent_goes(const struct pt_function *function, const struct pt_taken *parent)
{
	if (pt_function_is_vf(function))
		return parent->companion ? PARENT_PF : PARENT_PF_OF_GUEST;
	return parent->companion ? PARENT_VMD : PARENT_VMD_OF_GUEST;
}

/* The set that is taken holds a function that another one of it hangs on. */
static void parent_taken(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *function = pt_facts_function(facts, &taken->bdf);
		const struct pt_function *parent = NULL;
		const struct pt_taken *with;

		if (!taken->companion && pt_has_obstacle(facts, function, PT_OBSTACLE_PARENT_TAKEN))
			parent = pt_parent_in_group(facts->inventory, function);
		with = parent ? pt_taken_find(facts->taken, facts->taken_count, &parent->bdf)
			      : NULL;
		/* pf-with-vfs reports a PF and its VF in one entry */
		if (with && !with->companion && with->assignment == taken->assignment &&
			pt_function_is_vf(function))
			continue;
		if (with && !pt_taken_stays(with, parent))
			pt_report(judging, why_parent_goes(function, with),
				pt_on_function(facts, taken), "parent", PT_BDF(&parent->bdf), NULL);
	}
}

enum {
	NOT_MADE_ANY,
	NOT_MADE_ENOUGH,
	NOT_MADE_ON_VFIO,
	NOT_MADE_BY_IDS,
	NOT_MADE_UNBOUND,
	NOT_MADE_DISALLOWED,
	NOT_MADE_BESIDE_PF,
	NOT_MADE_OF_OTHER
};

/* Another guest that has the function, 0: none is known. */
static unsigned long long guest_with(const struct pt_facts *facts, const struct pt_bdf *bdf)
{
	pt_foreach (owner, facts->owner, facts->owner_count) {
		if (owner->vmid && owner->kind != PT_OWNER_STALE &&
			pt_bdf_compare(&owner->bdf, bdf) == 0)
			return owner->vmid;
	}
	return 0;
}

static size_t why_absent(const struct pt_facts *facts, const struct pt_function *pf)
{
	const struct pt_taken *taken = pt_taken_find(facts->taken, facts->taken_count, &pf->bdf);

	if (taken && !taken->companion)
		return NOT_MADE_BESIDE_PF;
	if (guest_with(facts, &pf->bdf))
		return NOT_MADE_OF_OTHER;
	if (!pf->driver)
		return NOT_MADE_UNBOUND;
	if (pt_function_on_vfio(pf))
		return pt_ids_mean(facts->host->vfio_options, pf) ? NOT_MADE_BY_IDS
								  : NOT_MADE_ON_VFIO;
	if (pf->vfs_max == 0)
		return NOT_MADE_DISALLOWED;
	return pf->vfs > 0 ? NOT_MADE_ENOUGH : NOT_MADE_ANY;
}

/* The number of VFs that all of the guest's entries need of the PF. */
static unsigned int count_needed(const struct pt_facts *facts, const struct pt_bdf *pf)
{
	unsigned int most = 0;

	pt_foreach (vf, facts->absent_vf, facts->absent_vf_count) {
		if (pt_bdf_compare(&vf->pf, pf) == 0 && vf->last > most)
			most = vf->last;
	}
	return most;
}

static void vf_not_created(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (assignment, facts->assignment, facts->count) {
		const struct pt_absent_vf *vf = pt_absent_vf_of(facts, assignment);
		const struct pt_function *pf = vf ? pt_facts_function(facts, &vf->pf) : NULL;
		bool certain;

		if (!pf)
			continue;
		/* offset and stride may change with the number of VFs */
		certain = pf->vfs > 0 || pt_identities_find(facts->recorded, &vf->bdf);
		pt_report(judging, why_absent(facts, pf), pt_on_entry(assignment), "where",
			PT_BDF(&vf->bdf), "is", certain ? "is" : "is expected to be", "number",
			PT_NUMBER(vf->number), "pf", PT_BDF(&pf->bdf), "count",
			PT_NUMBER((unsigned int)pf->vfs), "max",
			PT_NUMBER((unsigned int)pf->vfs_max), "needed",
			PT_NUMBER(count_needed(facts, &pf->bdf)), "by", pf->driver, "guest",
			PT_NUMBER(guest_with(facts, &pf->bdf)), NULL);
	}
}

/* A VF of a PF that the same alternative holds, in the same slot, or NULL. */
static const struct pt_function *caught_vf(
	const struct pt_facts *facts, const struct pt_alternative *alternative)
{
	pt_foreach (id, alternative->id, alternative->count) {
		const struct pt_function *function = pt_facts_function(facts, id);

		if (function && pt_function_is_vf(function) &&
			pt_bdf_same_slot(&function->physfn, id) &&
			pt_bdfs_have(alternative->id, alternative->count, &function->physfn))
			return function;
	}
	return NULL;
}

/* Whether the ";" list has a name without a function. */
static bool names_whole_slot(const char *name)
{
	while (name && *name) {
		size_t length = strcspn(name, ";");

		if (!memchr(name, '.', length))
			return true;
		name += length + (name[length] == ';');
	}
	return false;
}

static void slot_includes_vfs(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (assignment, facts->assignment, facts->count) {
		const struct pt_alternative *chosen = pt_chosen(assignment);
		const struct pt_function *vf = NULL;

		if (chosen && chosen->count &&
			pt_taken_find(facts->taken, facts->taken_count, &chosen->id[0]) &&
			names_whole_slot(chosen->path))
			vf = caught_vf(facts, chosen);
		if (vf)
			pt_report(judging, 0, pt_on_entry(assignment), "vf", PT_BDF(&vf->bdf), "pf",
				PT_BDF(&vf->physfn), NULL);
	}
}

enum {
	VFS_IN_SAME_GUEST,
	VFS_IN_SAME_ENTRY,
	VFS_UP,
	VFS_USED,
	VFS_OF_GUEST,
	VFS_OPEN,
	VFS_RESTORED,
	VFS_LOST,
	VFS_CASES
};

/* The use of a VF; which is VFS_CASES when nothing uses it. */
struct vf_use {
	size_t which;
	const struct pt_bdf *vf;
	struct pt_owner owner; /* of a guest or a process; its texts are borrowed */
	const struct pt_busy_vf *busy;
	const struct pt_use *use;
};

static struct vf_use use_of_vf(
	const struct pt_facts *facts, const struct pt_taken *pf, const struct pt_bdf *vf)
{
	const struct pt_taken *taken = pt_taken_find(facts->taken, facts->taken_count, vf);
	struct vf_use ret = {.which = VFS_CASES, .vf = vf};

	if (taken && !taken->companion) {
		ret.which =
			taken->assignment == pf->assignment ? VFS_IN_SAME_ENTRY : VFS_IN_SAME_GUEST;
		return ret;
	}
	pt_foreach (owner, facts->owner, facts->owner_count) {
		if (pt_bdf_compare(&owner->bdf, vf) != 0 || owner->kind == PT_OWNER_STALE)
			continue;
		ret.which = owner->vmid ? VFS_OF_GUEST : VFS_OPEN;
		ret.owner = *owner;
		return ret;
	}
	pt_foreach (busy, facts->busy_vf, facts->busy_vf_count) {
		if (pt_bdf_compare(&busy->bdf, vf) != 0)
			continue;
		ret.which = VFS_UP;
		ret.busy = busy;
		return ret;
	}
	ret.use = pt_uses_strong(&facts->uses, vf);
	if (ret.use)
		ret.which = VFS_USED;
	return ret;
}

/* The use that counts: a guest or process that has a VF comes before a use of the host. */
static struct vf_use worst_use(
	const struct pt_facts *facts, const struct pt_taken *taken, const struct pt_function *pf)
{
	struct vf_use worst = {.which = VFS_CASES};

	pt_foreach (vf, pf->vf, pf->vf_count) {
		struct vf_use use = use_of_vf(facts, taken, vf);

		if (use.which == VFS_OF_GUEST || use.which == VFS_OPEN)
			return use;
		if (worst.which == VFS_CASES)
			worst = use;
	}
	return worst;
}

static bool shares_group(
	const struct pt_facts *facts, const struct pt_bdf *vf, const struct pt_function *pf)
{
	const struct pt_function *function = pt_facts_function(facts, vf);

	return function && pt_parent_in_group(facts->inventory, function) == pf;
}

static void report_pf(const struct pt_judging *judging, const struct pt_taken *taken,
	const struct pt_function *pf)
{
	struct pt_subject on = pt_on_function(judging->facts, taken);
	const struct vf_use use = worst_use(judging->facts, taken, pf);
	PT_FREE char *vfs = pt_format("%zu VF%s", pf->vf_count, pf->vf_count == 1 ? "" : "s");
	PT_FREE char *text = NULL;

	/* parent-taken reports one that shares its group */
	if (use.which == VFS_IN_SAME_GUEST && shares_group(judging->facts, use.vf, pf))
		return;
	switch (use.which) {
	case VFS_OF_GUEST:
		pt_report(judging, use.which, on, "vfs", vfs, "vf", PT_BDF(use.vf), "guest",
			PT_NUMBER(use.owner.vmid), NULL);
		break;
	case VFS_OPEN:
		pt_report(judging, use.which, on, "vfs", vfs, "vf", PT_BDF(use.vf), "pid",
			PT_NUMBER((unsigned int)use.owner.pid), "process", use.owner.name, NULL);
		break;
	case VFS_USED:
		text = pt_use_text(use.use);
		pt_report(judging, use.which, on, "vfs", vfs, "vf", PT_BDF(use.vf), "use", text,
			NULL);
		break;
	case VFS_CASES:
		pt_report(judging, judging->facts->hooked ? VFS_RESTORED : VFS_LOST, on, "vfs", vfs,
			NULL);
		break;
	case VFS_UP:
		/* a container that has it names it */
		text = pt_shell_word(use.busy->net);
		pt_report(judging, use.which, on, "vfs", vfs, "vf", PT_BDF(use.vf), "net",
			use.busy->net, "link", text, NULL);
		break;
	default:
		/* parent-taken reports a VF that takes its own PF along */
		if (taken->companion && shares_group(judging->facts, use.vf, pf))
			return;
		pt_report(judging, use.which, on, "vfs", vfs, "vf", PT_BDF(use.vf), NULL);
	}
}

static void pf_with_vfs(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *function = pt_facts_function(facts, &taken->bdf);

		if (function && function->vf_count && !pt_taken_stays(taken, function))
			report_pf(judging, taken, function);
	}
}

enum { ABSENT_PF_NO_DRIVER, ABSENT_PF_ON_VFIO };

static void vf_of_absent_pf(const struct pt_judging *judging)
{
	const struct pt_facts *facts = judging->facts;

	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *function = pt_facts_function(facts, &taken->bdf);
		const struct pt_function *pf = function && pt_function_is_vf(function)
						       ? pt_facts_function(facts, &function->physfn)
						       : NULL;

		if (!pf || taken->companion || (pf->driver && !pt_function_on_vfio(pf)))
			continue;
		pt_report(judging, pf->driver ? ABSENT_PF_ON_VFIO : ABSENT_PF_NO_DRIVER,
			pt_on_function(facts, taken), "pf", PT_BDF(&pf->bdf), "driver", pf->driver,
			NULL);
	}
}

#define PF_DESTROYS "has {vfs}, which taking it destroys"

/* prose in lines as long as its sentences: no formatter breaks it well */
// clang-format off
static const struct pt_check checks[] = {
	{
		.tag = "vf-not-created",
		.find = vf_not_created,
		.problem = PT_PROBLEM_DEVICE_MISSING,
		.meaning = "The address is that of a virtual function (VF) that its physical function (PF) has not made.",
		.why = "Proxmox VE refuses the start: VFs do not outlive a boot, and nothing makes them by itself.",
		.steps = "Let the PF keep its host driver, and make the VFs before the guests start, for example in a unit before pve-guests.service: 'echo NUMBER > /sys/bus/pci/devices/PF/sriov_numvfs'. Only from 0 can the number be raised: who uses its VFs has to stop first."
			"\nIf the PF allows none, or writing fails: enable SR-IOV in the firmware setup; see whether the host driver makes VFs at all, and with which parameters (i915 of Proxmox VE's kernel does not; out-of-tree drivers of that name do, with i915.max_vfs and i915.enable_guc=3)."
			"\nWhere VFs exist 'pve-ptconf list' shows them: a device may place them elsewhere once their number is set.",
		.source = "kernel, Documentation/PCI/pci-iov-howto.rst; drivers/pci/iov.c, pci_iov_virtfn_devfn",
		.of = {
			[NOT_MADE_ANY] = {PT_ERROR, PT_REFUSES, .message = "{where} does not exist yet: it {is} virtual function {number} of {pf}, which has 0 of {max}",
				.hint = "before the guest starts, at each boot: 'echo {needed} > /sys/bus/pci/devices/{pf}/sriov_numvfs'"},
			[NOT_MADE_ENOUGH] = {PT_ERROR, PT_REFUSES, .message = "{where} does not exist yet: it {is} virtual function {number} of {pf}, which has {count} of {max}",
				.hint = "stop who uses the others, then write 0 and {needed} to /sys/bus/pci/devices/{pf}/sriov_numvfs"},
			[NOT_MADE_ON_VFIO] = {PT_ERROR, PT_REFUSES, .when = "the PF is on vfio-pci, which makes none",
				.message = "{where} does not exist yet: it {is} virtual function {number} of {pf}, which is on {by} and makes none there",
				.hint = "leave {pf} to its host driver, then 'echo {needed} > /sys/bus/pci/devices/{pf}/sriov_numvfs'"},
			[NOT_MADE_BY_IDS] = {PT_ERROR, PT_REFUSES, .when = "an option ids= of vfio-pci names the PF",
				.message = "{where} does not exist yet: it {is} virtual function {number} of {pf}, which is on {by} by an option ids=, and makes none there",
				.hint = "remove it from ids= ('grep -r vfio-pci /etc/modprobe.d', or the kernel command line) and reboot; then, at each boot, 'echo {needed} > /sys/bus/pci/devices/{pf}/sriov_numvfs'"},
			[NOT_MADE_UNBOUND] = {PT_ERROR, PT_REFUSES, .message = "{where} does not exist yet: it {is} virtual function {number} of {pf}, which has no driver to make it",
				.hint = "bind {pf} to its host driver, then 'echo {needed} > /sys/bus/pci/devices/{pf}/sriov_numvfs'"},
			[NOT_MADE_DISALLOWED] = {PT_ERROR, PT_REFUSES, .when = "sriov_totalvfs is 0",
				.message = "{where} does not exist: it {is} virtual function {number} of {pf}, whose driver {by} allows none (sriov_totalvfs is 0)",
				.hint = "enable SR-IOV in the firmware setup, or with a parameter of {by}"},
			[NOT_MADE_BESIDE_PF] = {PT_ERROR, PT_REFUSES, .when = "the guest has the PF as well",
				.message = "{where} does not exist: it {is} virtual function {number} of {pf}, which the guest gets too, and makes none then",
				.hint = "remove one of the two from the guest"},
			[NOT_MADE_OF_OTHER] = {PT_ERROR, PT_REFUSES, .when = "another guest has the PF",
				.message = "{where} does not exist: it {is} virtual function {number} of {pf}, which guest {guest} has, and makes none then",
				.hint = "remove {pf} from guest {guest}; then, at each boot, 'echo {needed} > /sys/bus/pci/devices/{pf}/sriov_numvfs'"},
		},
	},
	{
		.tag = "parent-taken",
		.find = parent_taken,
		.meaning = "The IOMMU group holds the function that the device hangs on: the physical function of a VF, or the VMD controller of a disk.",
		.why = "Proxmox VE takes the whole group: the parent leaves its driver, and the device vanishes before QEMU opens it.",
		.steps = "A VF: a slot or a kernel that gives it a group of its own, or pass the physical function through."
			"\nA disk behind VMD: switch VMD off in the firmware setup (the disk gets another address), or pass the VMD controller through with all of its disks.",
		.source = "kernel, drivers/pci/iov.c; drivers/pci/controller/vmd.c; " PT_SOURCE_PCI_PM ", prepare_pci_device",
		.of = {
			[PARENT_PF] = {PT_ERROR, PT_REFUSES, .message = "shares its IOMMU group with its physical function {parent}: taking the group destroys it",
				.hint = "use a slot that gives VFs groups of their own, or pass {parent} through"},
			[PARENT_PF_OF_GUEST] = {PT_ERROR, PT_REFUSES, .when = "the guest has the PF as well",
				.message = "is a virtual function of {parent}, which the guest gets too: taking that destroys it",
				.hint = "remove one of the two from the guest"},
			[PARENT_VMD_OF_GUEST] = {PT_ERROR, PT_REFUSES, .when = "the guest has the VMD controller as well",
				.message = "lies behind the VMD controller {parent}, which the guest gets too: taking that removes it",
				.hint = "remove this entry: the disk goes to the guest with {parent}"},
			[PARENT_VMD] = {PT_ERROR, PT_REFUSES, .when = "a disk behind Intel's VMD controller",
				.message = "lies behind the VMD controller {parent}, which is in its IOMMU group: taking the group removes it",
				.hint = "switch VMD off in the firmware setup, or pass {parent} through with all of its disks"},
		},
	},
	{
		.tag = "slot-includes-vfs",
		.find = slot_includes_vfs,
		.meaning = "An address without a function includes the slot's virtual functions.",
		.why = "They vanish when the physical function leaves its driver.",
		.steps = "Name functions with their numbers.",
		.source = "kernel, Documentation/PCI/pci-iov-howto.rst",
		.of = {{PT_WARNING, PT_WARNS, .message = "the whole device includes {vf}, a virtual function of {pf}: it vanishes when {pf} leaves its driver",
			.hint = "name the physical function with its number, or virtual functions only"}},
	},
	{
		.tag = "pf-with-vfs",
		.find = pf_with_vfs,
		.meaning = "The physical function has virtual functions (VFs).",
		.why = "Taking it destroys them. If one is in use, its user loses the device.",
		.steps = "Stop its user, or pass a virtual function through. pve-pthook restores unused ones when the guest stops.",
		.source = "kernel, drivers/pci/iov.c",
		.of = {
			[VFS_OF_GUEST] = {PT_ERROR, PT_REFUSES_ALWAYS, .when = "another guest or a process has a virtual function of it",
				.message = PF_DESTROYS ", but guest {guest} has {vf}",
				.hint = "stop guest {guest} first, or pass a virtual function through"},
			[VFS_OPEN] = {PT_ERROR, PT_REFUSES_ALWAYS, .message = PF_DESTROYS ", but process {pid} ({process}) has {vf} open",
				.hint = "end that process first, or pass a virtual function through"},
			[VFS_IN_SAME_GUEST] = {PT_ERROR, PT_REFUSES, .message = PF_DESTROYS ", but {vf} is assigned to the same guest",
				.hint = "remove one of the two from the guest"},
			[VFS_IN_SAME_ENTRY] = {PT_ERROR, PT_REFUSES, .message = PF_DESTROYS ", but {vf} is assigned to the same guest, by the same entry",
				.hint = "name the physical function with its number, or virtual functions only"},
			[VFS_UP] = {PT_ERROR, PT_REFUSES, .message = PF_DESTROYS ", but {vf} is up as {net}",
				.hint = "[['ip link set {link} down', or ]]pass a virtual function through"},
			[VFS_USED] = {PT_ERROR, PT_REFUSES, .message = PF_DESTROYS ", but {vf} is in use: {use}",
				.hint = "stop its user first, or pass a virtual function through"},
			[VFS_RESTORED] = {PT_WARNING, PT_WARNS, .when = "nothing uses the virtual functions: pve-pthook restores their number",
				.message = PF_DESTROYS "; nothing uses them",
				.hint = "their number is restored when the guest stops"},
			[VFS_LOST] = {PT_WARNING, PT_WARNS, .message = PF_DESTROYS "; nothing uses them",
				.hint = "without the hookscript nothing restores their number"},
		},
	},
	{
		.tag = "vf-of-absent-pf",
		.find = vf_of_absent_pf,
		.meaning = "The physical function of a virtual function has no host driver.",
		.why = "Nothing sets its MAC address or brings up its link; often it does not work.",
		.steps = "Bind the physical function to its host driver.",
		.source = "kernel, Documentation/PCI/pci-iov-howto.rst",
		.of = {
			[ABSENT_PF_NO_DRIVER] = {PT_WARNING, PT_WARNS, .message = "is a virtual function of {pf}, which has no driver: nothing manages it",
				.hint = "bind {pf} to its host driver"},
			[ABSENT_PF_ON_VFIO] = {PT_WARNING, PT_WARNS, .message = "is a virtual function of {pf}, which is itself on {driver}: nothing manages it",
				.hint = "bind {pf} to its host driver"},
		},
	},
};
// clang-format on
const struct pt_checks pt_vf_checks = {checks, PT_ARRAY_SIZE(checks)};
