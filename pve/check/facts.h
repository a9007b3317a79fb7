// SPDX-License-Identifier: AGPL-3.0-or-later
/* All facts that the checks judge a guest by, gathered at once: checks ask nobody. */
#ifndef PT_FACTS_H
#define PT_FACTS_H

#include "pve/config/permissions.h"
#include "pve/check/finding.h"
#include "pve/node/node.h"
#include "pve/node/resolve.h"

/* A function that is bound to a vfio driver for this guest: by us with driver=keep and in args,
 * else by Proxmox VE too. */
struct pt_taken {
	struct pt_bdf bdf;
	size_t assignment; /* index of the entry that it is taken for */
	bool companion;	   /* only because of the IOMMU group */
	/* the vfio driver that local policy wants, "": vfio-pci; and whether this host lacks it */
	char wish[PT_DRIVER_TEXT];
	bool lacking;
};

enum pt_owner_kind {
	PT_OWNER_CLAIM,	    /* has it claimed, and runs or is being started, stopped or moved */
	PT_OWNER_RETURNING, /* returns it now */
	PT_OWNER_STALE,	    /* has it claimed, but is dead: not an owner any more */
	PT_OWNER_RESERVED,  /* has reserved it for its start */
	PT_OWNER_USES,	    /* runs with it, says PVE's reservation */
	PT_OWNER_OPEN,	    /* a process has its vfio group open */
};

/* Somebody else who has a function. */
struct pt_owner {
	struct pt_bdf bdf;
	enum pt_owner_kind kind;
	unsigned long long vmid; /* 0: no guest that is known */
	int pid;		 /* PT_OWNER_OPEN and PT_OWNER_USES */
	char name[32];		 /* PT_OWNER_OPEN: the process */
};

/* A VF whose network interface is up. */
struct pt_busy_vf {
	struct pt_bdf bdf;
	char net[PT_NETDEV_TEXT];
};

/* A function of the host's that is in use, and another one of its model that is not. */
struct pt_twin {
	struct pt_bdf bdf, free;
};

/* The romfile of an entry; its name is borrowed from the node. */
struct pt_rom_fact {
	size_t assignment;
	struct pt_rom_file file;
};

/* The mediated device of an entry. */
struct pt_mdev_fact {
	size_t assignment;
	bool known;  /* a function of the entry offers the type */
	bool free;   /* an instance is left */
	bool exists; /* this guest's own instance is there already */
};

/* Another guest of this node whose config names a function that is taken. */
struct pt_elsewhere {
	struct pt_bdf bdf;
	struct pt_bdf named; /* itself, its PF or its VF: only one can be taken */
	unsigned int vmid;
	const char *guest; /* its name in a plan, NULL: none; borrowed */
	bool onboot;
};

/* A mapping that is named more often on this node than it has devices there. */
struct pt_crowd {
	size_t assignment;
	size_t wanted;
	char *guests; /* the others, "101, 102" */
};

/* Where a device of the ids is that a mapping stores for another address. */
struct pt_stray {
	size_t assignment;
	struct pt_bdf bdf;
};

/* A node that may run the guest, but lacks an entry's device or the hookscript's storage. */
struct pt_unfit {
	char node[PT_NODE_TEXT];
	bool no_hook;
	size_t assignment;
	char *stale; /* difference from the mapping's entry for that node, or NULL */
};

/* An address that an entry names and that this host does not have: a VF that could be there. */
struct pt_absent_vf {
	size_t assignment;
	struct pt_bdf bdf, pf;
	unsigned int number; /* among the VFs of its PF, from 1 */
	unsigned int last; /* the highest number that it names, in a list or a mapping, or others */
};

/* A USB device of another guest on a controller that is taken. */
struct pt_usb_elsewhere {
	struct pt_bdf bdf;
	unsigned int vmid;
	bool running;
	const char *port; /* borrowed */
};

/* Further facts about a taken function. */
struct pt_detail {
	struct pt_bdf bdf;
	char blocked[64]; /* module that would drive it, but is blacklisted; "" for none */
	char module[64];  /* of its driver: that of xhci_hcd is xhci_pci; "" for none */
	bool resettable;  /* by itself, or with all of its bus */
	bool has_bus_mate;
	struct pt_bdf bus_mate; /* somebody on its bus who is not taken */
	bool has_id_twin;
	struct pt_bdf id_twin; /* another function of the same ids that is not taken */
	bool framebuffer;      /* of the firmware, in a BAR of it */
	bool has_more_in_slot; /* of a function 0: its slot has more, or VFs */
	bool integrated; /* a part of an AMD processor: its security processor is in the slot */
};

/* A claim of which nothing is alive, or a function in one that could not be returned. */
struct pt_claim_note {
	unsigned int vmid;
	struct pt_bdf bdf;
	char *error; /* NULL: the claim is stale, and this is one of its functions */
};

/* How far gathering goes. */
enum pt_depth {
	PT_DEPTH_START, /* for a start: the functions of this guest only */
	PT_DEPTH_CHECK, /* and what other guests and other functions have to do with them */
	PT_DEPTH_HOST,	/* of the node itself: the guest is a made one without devices */
};

struct pt_facts {
	enum pt_depth depth;
	const struct pt_guest *guest;			     /* borrowed */
	struct pt_assignment assignment[PT_HOSTPCI_MAX + 1]; /* the last may be that of args */
	size_t count;
	const struct pt_traits *host;	    /* of the node; borrowed */
	const struct pt_mappings *mappings; /* of the cluster; borrowed */
	const struct pt_inventory
		*inventory;	/* every function that the guest has to do with; borrowed */
	struct pt_taken *taken; /* in order of entries, companions behind */
	size_t taken_count;
	/* functions of other alternatives, none of them in taken */
	struct pt_taken *spare;
	size_t spare_count;
	/* functions that QEMU opens as they are (driver=keep); for a check only */
	struct pt_taken *kept;
	size_t kept_count;
	/* members of the groups of kept functions whose host drivers keep QEMU from the group */
	struct pt_taken *hurdle;
	size_t hurdle_count;
	struct pt_owner *owner;
	size_t owner_count;
	struct pt_busy_vf *busy_vf;
	size_t busy_vf_count;
	/* of taken functions, spares and their VFs, if they would have to be moved */
	struct pt_uses uses;
	struct pt_twin *twin;
	size_t twin_count;
	struct pt_rom_fact *rom;
	size_t rom_count;
	struct pt_mdev_fact *mdev;
	size_t mdev_count;
	struct pt_detail *detail; /* of each function in taken */
	size_t detail_count;
	struct pt_elsewhere *elsewhere;
	size_t elsewhere_count;
	struct pt_crowd *crowd;
	size_t crowd_count;
	struct pt_stray *stray; /* for a check only; one for each entry */
	size_t stray_count;
	const struct pt_identities *recorded; /* of the last successful start; borrowed */
	struct pt_identities
		current; /* of the functions that entries mean now, in the order of taken */
	struct pt_identities
		moved; /* of recorded devices that are at another address now; for a check only */
	struct pt_unfit *unfit; /* for a check only */
	size_t unfit_count;
	const struct pt_bdf *left; /* left on vfio-pci; for a check only; borrowed */
	size_t left_count;
	/* the node's displays, if x-vga is set on something else; for a check only */
	struct pt_bdf *display;
	size_t display_count;
	struct pt_usb_elsewhere *usb;
	size_t usb_count;
	struct pt_absent_vf *absent_vf;
	size_t absent_vf_count;
	struct pt_claim_note *note;
	size_t note_count;
	enum pt_hook_state hook;
	bool hook_broken; /* another script, which is missing or not executable */
	bool hooked;	  /* whether pve-pthook handles the start, as far as known */
	const struct pt_permissions
		*writer;    /* who is to write the config; borrowed; NULL: nobody is named */
	const char *backup; /* a backup job that it is in, for a check only; borrowed; NULL: none */
	bool running;	    /* the guest, now */
	bool interrupted;   /* the guest ran, and its devices are held for its next start */
	struct pt_err claims_err; /* why not all claims could be read; code 0: they could */
};

/* Gathers the facts of a guest on the node, which must outlive them and asks the host as needed.
 * End with pt_facts_clear in any case. */
int pt_facts_gather(struct pt_node *node, const struct pt_guest *guest, enum pt_depth depth,
	struct pt_facts *ret, struct pt_err *err);
void pt_facts_clear(struct pt_facts *facts);

/* Returns the function at the address; NULL: it is not there, or the guest has nothing to do with
 * it. */
const struct pt_function *pt_facts_function(const struct pt_facts *facts, const struct pt_bdf *bdf);
#define PT_FACTS PT_CLEANUP(pt_facts_clear)

/* The VF that the entry names and that does not exist, or NULL. */
const struct pt_absent_vf *pt_absent_vf_of(
	const struct pt_facts *facts, const struct pt_assignment *assignment);

/* NULL when the function is not in the list. */
const struct pt_taken *pt_taken_find(
	const struct pt_taken *list, size_t count, const struct pt_bdf *bdf);

/* Whether QEMU opens any function of the host: then all memory of the guest is pinned. */
bool pt_facts_opens(const struct pt_facts *facts);

/* The driver that it is taken to. On loan. */
const char *pt_taken_driver(const struct pt_taken *taken);
/* Whether any taken function goes to vfio-pci, and not to a vfio driver of its own. */
bool pt_facts_need_vfio_pci(const struct pt_facts *facts);
/* Whether the function is on that driver already. */
bool pt_taken_stays(const struct pt_taken *taken, const struct pt_function *function);

/* Whether a function must be moved, or may have to. If all are on their vfio driver, as is most
 * common, only another live owner may refuse the start. */
bool pt_facts_moves(const struct pt_facts *facts);

/* The label of an entry; text on loan. */
#define PT_LABEL(assignment) pt_entry_label((assignment)->entry.index, (char[PT_LABEL_TEXT]){0})

#endif
