// SPDX-License-Identifier: AGPL-3.0-or-later
/* All facts about a node: functions, guests, owners. Each is read from the host once, on demand; or
 * all at once, for many guests or for a facts file (node-json.h). A node from a facts file has no
 * host. */
#ifndef PT_NODE_H
#define PT_NODE_H

#include "lib/claim/store.h"
#include "lib/pci/inventory.h"
#include "lib/linux/cpu.h"
#include "lib/linux/memory.h"
#include "lib/linux/modules.h"
#include "lib/pci/rom.h"
#include "lib/use/use-net.h"
#include "lib/use/use-devfile.h"
#include "lib/use/use.h"
#include "pve/config/backup.h"
#include "pve/config/boot.h"
#include "pve/config/guest.h"
#include "pve/config/ha.h"
#include "pve/config/identity.h"
#include "pve/config/mapping.h"
#include "pve/config/policy.h"
#include "pve/config/reservation.h"
#include "pve/config/versions.h"

/* The host itself. */
struct pt_traits {
	struct pt_memory memory;
	int iova_width; /* bits, 0: unknown */
	enum pt_remapping remapping;
	bool unsafe_interrupts; /* allowed */
	char *vfio_options;	/* of the module vfio-pci; NULL: none are known */
	bool iommu_active;
	bool has_dmar, has_ivrs; /* the firmware's tables of Intel and AMD */
	char *cmdline;		 /* of the kernel; NULL: unknown */
	struct pt_module vfio;
	struct pt_versions versions;
	struct pt_cpu cpu;
	struct pt_boot boot;
	struct pt_policy policy;  /* of this node; empty when it cannot be read, */
	struct pt_err policy_err; /* and why not; code 0: it could */
};

/* A type of mediated devices that a function offers. */
#define PT_VGPU_NONE "nvidia-0" /* type of a VF that has no vGPU */

struct pt_mdev_type {
	char *name;
	int available; /* instances left */
};

/* Facts about a function beyond the inventory. */
struct pt_device {
	struct pt_bdf bdf;
	bool guest_disk;  /* of a facts file: as pt_node_has_guest_disk */
	bool unknown;	  /* its config space could not be read: it is being reset, say */
	bool dead;	  /* as pt_function_is_dead */
	bool framebuffer; /* of the firmware, in a BAR of it */
	char blocked[64]; /* module that would drive it, but is blacklisted; "" for none */
	char serial[PT_SERIAL_TEXT]; /* as in struct pt_identity */
	struct pt_msix msix;
	char net[PT_NETDEV_TEXT]; /* an interface of it that is up; "" for none */
	struct pt_mdev_type *mdev;
	size_t mdev_count;
};

/* Returns the type among those that the function offers, or NULL. */
const struct pt_mdev_type *pt_mdev_type_find(const struct pt_device *device, const char *type);

/* A process that has a vfio group open. */
struct pt_group_user {
	int group;
	int pid;
	char name[PT_PROCESS_TEXT];
	unsigned int vmid; /* of the guest that it runs, 0: none */
};

struct pt_claimed {
	struct pt_bdf bdf;
	bool spare;  /* recorded, not taken */
	char *error; /* why it could not be returned; NULL: all is well */
};

/* What a guest wants; or functions that it wanted, and that are not back. */
struct pt_node_claim {
	unsigned int vmid;
	bool alive; /* the guest runs, or somebody works on it or on its functions, or it is on hold
		     */
	bool returning; /* its functions are on their way back */
	struct pt_claimed *claimed;
	size_t count;
};

/* Which devices a guest started with last. */
struct pt_last_start {
	unsigned int vmid;
	struct pt_identities identities;
};

/* A ROM file, by the name that entries give. */
struct pt_rom_file {
	char *name;
	bool known; /* whether it could be looked for: */
	bool readable;
	struct pt_rom rom;
};

/* The state of a hookscript. */
enum pt_hook_state {
	PT_HOOK_UNKNOWN, /* a storage that we do not know */
	PT_HOOK_NONE,
	PT_HOOK_OTHER, /* another script */
	PT_HOOK_OURS,
	PT_HOOK_MISSING,
	PT_HOOK_NOT_EXECUTABLE,
};

struct pt_hook_volume {
	char *volume;
	enum pt_hook_state state;
	bool broken;	       /* another script, which is missing or not executable */
	struct pt_names nodes; /* that its storage is limited to; none: it is on any */
};

/* A use of the host by a guest (no template) or container: a bridge, or a disk by its path. */
struct pt_mention {
	unsigned int vmid;
	bool onboot;
	char *bridge; /* "vmbr1"; NULL: a disk */
	char *place;  /* where the disk lies in sysfs, as its link says */
};

/* A USB device that a guest's config names, and the controller that it hangs on. */
struct pt_usb_user {
	unsigned int vmid;
	struct pt_bdf controller;
	char port[32]; /* "1-2.3" */
};

/* A device that a guest's config names: a mapping, or the beginning of an address. */
struct pt_naming {
	unsigned int vmid;
	const char *guest; /* the name of a planned one, NULL: none; borrowed */
	bool onboot;
	char *mdev;    /* type of the mediated device that is made of it; NULL: the whole device */
	char *mapping; /* NULL: name counts */
	char *name;
	bool is_one; /* name is a whole address: */
	struct pt_bdf one;
};

/* Whether it names the function by an address. */
bool pt_naming_has(const struct pt_naming *naming, const struct pt_bdf *bdf);

/* A guest that runs. */
struct pt_run_guest {
	unsigned int vmid;
	int pid;
};

/* For the files node*.c; others ask by the functions below. */
struct pt_node {
	const struct pt_host *host;   /* borrowed; NULL: nobody can be asked */
	const struct pt_store *store; /* borrowed; NULL: there are no records */
	pt_allowing_of *allowing;     /* for the policy, as in pt_policy_parse */
	char name[PT_NODE_TEXT];
	int64_t time;  /* when it was looked at, seconds since 1970 */
	bool whole;    /* everything was asked */
	size_t unread; /* guests of it whose config could not be read */
	bool partial;  /* of another node, by the API: unknown facts are as if nothing were wrong */
	bool has_traits, has_modules, has_versions, has_mappings, has_reservations, has_claims,
		has_vmids, has_guests, has_namings, has_cluster, has_backups, has_left, has_uses;
	struct pt_traits traits;
	struct pt_inventory inventory;
	struct pt_device *device;
	size_t device_count;
	struct pt_mappings mappings;
	struct pt_reservations reservations;
	struct pt_node_claim *claim;
	size_t claim_count;
	struct pt_err claims_err; /* why not all claims could be read; code 0: they could */
	struct pt_bdf *left;	  /* left on vfio-pci */
	size_t left_count;
	struct pt_group_user *user; /* when whole */
	size_t user_count;
	struct pt_uses uses; /* when has_uses */
	struct pt_last_start *last_start;
	size_t last_start_count;
	struct pt_rom_file *rom;
	size_t rom_count;
	struct pt_hook_volume *hook;
	size_t hook_count;
	struct pt_names instances; /* of mediated devices, by UUID */
	bool has_instances;
	unsigned int *vmid; /* of the guests with their config here */
	size_t vmid_count;
	struct pt_guest **guest; /* those that could be read, and have passthrough */
	size_t guest_count;
	struct pt_naming *naming; /* devices that guests (no templates) name */
	size_t naming_count;
	struct pt_mention *mention;
	size_t mention_count;
	bool has_mentions;
	struct pt_usb_user *usb_user; /* with the mentions */
	size_t usb_user_count;
	struct pt_bdf *named; /* of those that name one function by its address, in order */
	size_t named_count;
	struct pt_names cluster; /* every node's name */
	struct pt_node *const
		*other; /* those that were asked by the API together with it; borrowed */
	size_t other_count;
	struct pt_ha ha;
	struct pt_backups backups;
	struct pt_run_guest *running; /* when whole */
	size_t running_count;
};

/* Asks nothing yet. host and store (or NULL) must outlive it. End with pt_node_close. */
struct pt_node *pt_node_open(const struct pt_host *host, const char *name,
	const struct pt_store *store, pt_allowing_of *allowing);
void pt_node_close(struct pt_node *node);
void pt_node_close_p(struct pt_node **node);
#define PT_NODE PT_CLEANUP(pt_node_close_p)

/* Asks everything. */
int pt_node_learn_all(struct pt_node *node, struct pt_err *err);

/* Completes a node without host: its contents are all facts, its guests all guests. */
void pt_node_complete(struct pt_node *node);

/* Without the members about modules, versions and processors. */
const struct pt_traits *pt_node_traits(struct pt_node *node);
/* Reads the last two as well: few starts need them. */
void pt_node_learn_versions(struct pt_node *node);
/* Reads these as well: libkmod takes its time. */
void pt_node_learn_modules(struct pt_node *node);

/* As pt_inventory_add and kin, of this node. */
int pt_node_learn(struct pt_node *node, const struct pt_bdf *bdf, struct pt_err *err);
int pt_node_matching(struct pt_node *node, const char *filter, struct pt_bdf **ret,
	size_t *ret_count, struct pt_err *err);
int pt_node_group(
	struct pt_node *node, const struct pt_bdf *bdf, struct pt_group *ret, struct pt_err *err);

/* Of a function in the inventory. The pointer is good until the next call. */
const struct pt_device *pt_node_device(struct pt_node *node, const struct pt_bdf *bdf);
/* As the member net of struct pt_device, without a look for the others. */
bool pt_node_net_is_up(struct pt_node *node, const struct pt_bdf *bdf);

/* Reads the identity of the function now, for comparing with a record. */
void pt_node_identity(
	struct pt_node *node, const struct pt_function *function, struct pt_identity *ret);

int pt_node_mappings(struct pt_node *node, const struct pt_mappings **ret, struct pt_err *err);
/* Whether the functions of a mapping's entry are on the node, which is whole, and what the entry
 * says of them is true. Negative: err has the reason. */
int pt_node_fits(const struct pt_node *node, const struct pt_mapping *mapping,
	const struct pt_map_entry *entry, struct pt_err *err);
int pt_node_reservations(
	struct pt_node *node, const struct pt_reservations **ret, struct pt_err *err);

/* Every guest's claim. Those that cannot be read are missing, and node->claims_err says why. */
void pt_node_claims(struct pt_node *node, const struct pt_node_claim **ret, size_t *ret_count);

/* Of the guest's QEMU; 0: it does not run. */
int pt_node_pid(struct pt_node *node, unsigned int vmid);

/* Functions on vfio-pci without claim, open group, or guest that names their group. Borrowed. */
void pt_node_left_on_vfio(struct pt_node *node, const struct pt_bdf **ret, size_t *ret_count);

/* Processes that have the group of one of the functions open. The caller frees ret. */
int pt_node_group_users(struct pt_node *node, const struct pt_function *const *function,
	size_t count, struct pt_group_user **ret, size_t *ret_count, struct pt_err *err);

/* A look for uses, under way. */
struct pt_node_asking {
	struct pt_uses_asking uses;
	long long deadline_ms;
};

/* Adds the host's uses of the functions that are no bridges and not on vfio-pci. Asks each time,
 * unless pt_node_learn_all has read all uses, which a hanging driver prevents. */
int pt_node_uses(struct pt_node *node, const struct pt_bdf *bdf, size_t count, struct pt_uses *ret,
	struct pt_err *err);
/* The same in two steps: in between other facts can be learned. End an asking with
 * pt_node_hear_uses, or pt_uses_unask its uses. */
int pt_node_ask_uses(struct pt_node *node, const struct pt_bdf *bdf, size_t count,
	struct pt_node_asking *ret, struct pt_err *err);
int pt_node_hear_uses(struct pt_node *node, struct pt_node_asking *asking, const struct pt_bdf *bdf,
	size_t count, struct pt_uses *ret, struct pt_err *err);

/* The devices of the guest's last start, empty without a record. */
const struct pt_identities *pt_node_last_start(struct pt_node *node, unsigned int vmid);

/* Whether the name of a ROM file leads out of its folder: then nobody looks. */
bool pt_rom_leads_out(const char *name);
/* The ROM file of that name, there or not. */
const struct pt_rom_file *pt_node_rom(struct pt_node *node, const char *name);

/* volume: "local:snippets/pve-pthook"; NULL gives NULL. Good until the next call. */
const struct pt_hook_volume *pt_node_hook(struct pt_node *node, const char *volume);

/* Whether a mediated device of that UUID exists. */
bool pt_node_has_instance(struct pt_node *node, const char *uuid);

/* The cluster's backup jobs that run on the node; empty when they cannot be read. */
const struct pt_backups *pt_node_backups(struct pt_node *node);

/* The nodes of the cluster, and what HA may do with guests; empty when they cannot be read. */
const struct pt_names *pt_node_cluster(struct pt_node *node, const struct pt_ha **ret_ha);

/* The bridges and disks that configs mention; a config that cannot be read mentions none. */
void pt_node_mentions(struct pt_node *node, const struct pt_mention **ret, size_t *ret_count);
/* The USB devices that they name. */
void pt_node_usb_users(struct pt_node *node, const struct pt_usb_user **ret, size_t *ret_count);
/* For the files node*.c: adds the devices of a usbN value. */
void pt_node_add_usb(struct pt_node *node, unsigned int vmid, const char *value);

/* Whether a guest has a disk of the function by its path. Unknown counts as yes. */
bool pt_node_has_guest_disk(struct pt_node *node, const struct pt_bdf *bdf);

/* The VMIDs of the guests with their config on this node, ascending. */
int pt_node_vmids(
	struct pt_node *node, const unsigned int **ret, size_t *ret_count, struct pt_err *err);
/* The configs of guests with passthrough, as their next starts use them. Skips unreadable ones. A
 * node may have a thousand others. */
int pt_node_guests(
	struct pt_node *node, struct pt_guest *const **ret, size_t *ret_count, struct pt_err *err);
/* Adds guests that are planned for the node, in place of those with the same VMID; gone: VMIDs of
 * those that will not be there. */
void pt_node_plan(struct pt_node *node, struct pt_guest *const *guest, size_t count,
	const unsigned int *gone, size_t gone_count);
/* The devices that they name. */
int pt_node_namings(
	struct pt_node *node, const struct pt_naming **ret, size_t *ret_count, struct pt_err *err);
/* Whether one of them is the function's whole address. */
bool pt_node_is_named(const struct pt_node *node, const struct pt_bdf *bdf);
/* Whether the named device is the function; of a mapping any of its devices on this node may be. */
bool pt_node_names(struct pt_node *node, const struct pt_naming *naming, const struct pt_bdf *bdf);
/* Whether another guest names it, or its group. Unreadable configs do not count. */
bool pt_node_is_wanted(struct pt_node *node, unsigned int vmid, const struct pt_bdf *bdf);

#endif
