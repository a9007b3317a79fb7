// SPDX-License-Identifier: AGPL-3.0-or-later
/* A guest's config as Proxmox VE would use it, from the API or from pmxcfs. */
#ifndef PT_GUEST_H
#define PT_GUEST_H

#include <json-c/json.h>

#include "lib/base/host.h"
#include "pve/config/api.h"
#include "pve/config/propstring.h"

#define PT_VMID_MAX  999999999U
#define PT_NODE_TEXT 64

enum pt_guest_view {
	PT_VIEW_NEXT,	  /* with pending changes, as the next start uses it */
	PT_VIEW_CURRENT,  /* without them */
	PT_VIEW_SNAPSHOT, /* a snapshot's */
};

enum pt_guest_source {
	PT_SOURCE_AUTO, /* the API, and the file when that fails */
	PT_SOURCE_API,
	PT_SOURCE_FILE,
};

struct pt_guest_key {
	const char *key; /* NULL: behind the last one */
	const char *value;
	size_t length; /* of value: it may hold a NUL */
	const struct lh_entry *entry;
};

/* A line of the config that Proxmox VE drops, and starts the guest without it. */
enum pt_dropped_kind {
	PT_DROPPED_VALUE,   /* hostpciN: the value */
	PT_DROPPED_KEY,	    /* the same, and its only trouble is a key unknown to this version */
	PT_DROPPED_LINE,    /* a whole line that means an entry, or machine, and is none */
	PT_DROPPED_MACHINE, /* the value of machine */
	PT_DROPPED_MACHINE_KEY, /* the same: a key unknown to this version, so it counts here */
};

struct pt_guest_dropped {
	enum pt_dropped_kind kind;
	int index;	 /* of the entry; -1: it is none, or no valid one */
	bool of_machine; /* a line that means machine */
	char *value;
	char *why;
};

struct pt_guest {
	unsigned int vmid;
	char *name;		  /* that a plan gives it; NULL: none */
	char *unknown;		  /* attributes of a planned one that are not known; NULL: none */
	bool changes;		  /* a planned one changes the guest of its VMID, if there is one */
	unsigned int clone_of;	  /* the template of a planned one; 0: none, or unknown */
	char *clone_of_name;	  /* the same by its name; NULL: none, or unknown */
	char *clone_from;	  /* the node of the template; NULL: the guest's, or unknown */
	char *trouble;		  /* why a planned one cannot be judged; NULL: it can */
	char node[PT_NODE_TEXT];  /* where the config lies, or the plan wants it */
	enum pt_text encoding;	  /* of the values: chars from the API, bytes from a file */
	struct json_object *keys; /* texts by name: a config may have any number of keys */
	struct pt_guest_dropped *dropped;
	size_t dropped_count;
};

/* Which config is asked for. */
struct pt_guest_query {
	unsigned int vmid;
	const char *node;
	enum pt_guest_view view;
	const char *snapshot; /* with PT_VIEW_SNAPSHOT */
};

/* Reads "100" to "999999999", nothing else. */
bool pt_vmid_parse(const char *text, unsigned int *ret);
/* The same of a config file's name, "100.conf". */
bool pt_vmid_of_config(const char *name, unsigned int *ret);

/* bytes; pmxcfs takes no larger file (pve-cluster, memdb.h, MEMDB_MAX_FILE_SIZE) */
#define PT_CONFIG_MAX (1024U * 1024)

/* Returns the line at the place of a config, a guest's or a container's, and moves the place on.
 * NULL: the current part ends; snapshots and pending changes come behind a section. */
const char *pt_config_line(const char **at, size_t *ret_length);
/* Whether name is a valid node name, safe as part of a path or an address. */
bool pt_node_name_valid(const char *name);
bool pt_snapshot_name_valid(const char *name);

/* Runs through the keys in the order in which each was set first; all on loan. */
#define pt_guest_foreach(one, guest)                                                               \
	for (struct pt_guest_key one = pt_guest_first_key(guest); one.key;                         \
		one = pt_guest_next_key(&one))
struct pt_guest_key pt_guest_first_key(const struct pt_guest *guest);
struct pt_guest_key pt_guest_next_key(const struct pt_guest_key *key);
/* The key of that name; its member key is NULL when there is none. */
struct pt_guest_key pt_guest_find_key(const struct pt_guest *guest, const char *name);

void pt_guest_free(struct pt_guest *guest);
void pt_guest_free_p(struct pt_guest **guest);
#define PT_GUEST PT_CLEANUP(pt_guest_free_p)

/* The value of a key, borrowed; NULL when it is not set. */
const char *pt_guest_get(const struct pt_guest *guest, const char *key);
/* Whether anything means passthrough: a hostpci entry, valid or dropped, or vfio-pci in args. */
bool pt_guest_has_hostpci(const struct pt_guest *guest);
/* The guest's memory in bytes: "4096" or "current=4096", in MiB. Source: QemuServer/Memory.pm. */
uint64_t pt_guest_memory(const struct pt_guest *guest);
bool pt_guest_is_q35(const struct pt_guest *guest);

enum pt_viommu { PT_VIOMMU_NONE, PT_VIOMMU_INTEL, PT_VIOMMU_VIRTIO };

struct pt_machine {
	bool is_q35;
	unsigned int major, minor; /* of its version; 0: the newest */
	enum pt_viommu viommu;
	char aw_bits[16]; /* address width of the viommu; "": not set */
};

/* The key machine, where it is valid. Source: qemu-server, QemuServer/Machine.pm. */
void pt_guest_machine(const struct pt_guest *guest, struct pt_machine *ret);

/* Returns the value of a property of the key cpu, "phys-bits"; "cputype" is also the one without a
 * key. NULL: it is not set. The caller frees it. Source: qemu-server, QemuServer/CPUConfig.pm. */
char *pt_guest_cpu(const struct pt_guest *guest, const char *property);
bool pt_guest_is_template(const struct pt_guest *guest);

/* Returns a copy, with the same lines dropped. */
struct pt_guest *pt_guest_copy(const struct pt_guest *guest);

/* Notes a dropped line of another config, and judges it anew. */
void pt_guest_drop_again(struct pt_guest *guest, const struct pt_guest_dropped *dropped);

/* Building one, for the sources: the last setting of a key counts; hostpci values are judged. */
struct pt_guest *pt_guest_new(const struct pt_guest_query *query, enum pt_text encoding);
void pt_guest_set(struct pt_guest *guest, const char *key, const char *value, size_t length);
/* Notes a line as dropped that means an entry to who wrote it, and is none. */
void pt_guest_judge_line(struct pt_guest *guest, const char *line, size_t length);
/* For it: index is that of the entry, -1: there is no such entry. */
void pt_guest_note_dropped(struct pt_guest *guest, enum pt_dropped_kind kind, int index,
	const char *value, size_t length, const char *why);
void pt_guest_unset(struct pt_guest *guest, const char *key);

/* Sets all keys of a JSON object: text, numbers, booleans. -EPROTO: a hostpci value is none. */
int pt_guest_set_all(struct pt_guest *guest, struct json_object *json, struct pt_err *err);

/* Parses the text of a config file. -ENOENT: it has no such snapshot. */
int pt_guest_parse(const char *text, size_t length, const struct pt_guest_query *query,
	struct pt_guest **ret, struct pt_err *err);

/* The same from the node's folder of configs, opened by pt_host_open_folder, to read them all. */
int pt_guest_from_folder(const struct pt_host *folder, const struct pt_guest_query *query,
	struct pt_guest **ret, struct pt_err *err);

/* Reads it from /etc/pve/nodes/NODE/qemu-server. -ENOENT: no such guest on that node. */
int pt_guest_from_file(const struct pt_host *host, const struct pt_guest_query *query,
	struct pt_guest **ret, struct pt_err *err);

/* Reads it from the API within budget_ms, with the token of PT_API_CONF; err names the exact fault.
 * The API does not show dropped lines. */
int pt_guest_from_api(const struct pt_host *host, const struct pt_guest_query *query, int budget_ms,
	struct pt_guest **ret, struct pt_err *err);

/* The API asked for a config, which takes it a while. */
struct pt_guest_asking {
	struct pt_guest_query query; /* its texts are borrowed */
	struct pt_api *api;
	struct pt_api_asking asking;
	struct pt_err err; /* why it could not be asked */
};

/* Asks, and does not wait. End it with one of the three that follow. */
void pt_guest_ask_api(const struct pt_host *host, const struct pt_guest_query *query, int budget_ms,
	struct pt_guest_asking *ret);
/* Waits for the answer: pt_guest_from_api is both. */
int pt_guest_hear_api(struct pt_guest_asking *asking, struct pt_guest **ret, struct pt_err *err);
/* Waits for it as PT_SOURCE_AUTO does. guest is the file's config, NULL: err says why it cannot be
 * read. 1: guest is another one now, the old one is freed, and err is cleared; 0: it is the same.
 */
int pt_guest_hear(const struct pt_host *host, struct pt_guest_asking *asking,
	struct pt_guest **guest, struct pt_err *err);
/* Does not wait for it any more. */
void pt_guest_unask(struct pt_guest_asking *asking);

/* Parses the API's answer for a config: an object "data". -EPROTO. */
int pt_guest_parse_reply(const char *text, size_t length, const struct pt_guest_query *query,
	struct pt_guest **ret, struct pt_err *err);

/* Reads it from the source. PT_SOURCE_AUTO asks the API first; if that fails, one line warns and
 * the file counts. Adds the dropped lines of the file's text, except with PT_SOURCE_API and no
 * readable file. */
int pt_guest_read(const struct pt_host *host, const struct pt_guest_query *query,
	enum pt_guest_source source, int budget_ms, struct pt_guest **ret, struct pt_err *err);

/* The node's name: the host name without domain; of a captured host that of its /etc/hostname. */
int pt_node_name(const struct pt_host *host, char ret[static PT_NODE_TEXT], struct pt_err *err);

#endif
