// SPDX-License-Identifier: AGPL-3.0-or-later
/* Who on this host uses a function: what use-block, use-net, use-node and use-console find. */
#ifndef PT_USE_H
#define PT_USE_H

#include "lib/base/json.h"
#include "lib/pci/function.h"

#define PT_UNIT_TEXT   128
#define PT_BRIDGE_TEXT 16

enum pt_use_kind {
	PT_USE_BLOCK, /* a disk is mounted, part of a volume, or open */
	PT_USE_NET,   /* an interface carries traffic of the host */
	PT_USE_GPU,   /* a process has a graphics node open */
	PT_USE_SOUND, /* a process has a sound node open */
	PT_USE_INPUT, /* a keyboard or the like hangs there */
	PT_USE_NODE,  /* a process has another node open */
	PT_USE_CONSOLE,
	PT_USE_MODULE, /* the driver is in use, but not which function of it */
};

struct pt_use {
	struct pt_bdf bdf;
	enum pt_use_kind kind;
	bool weak; /* worth a word, but nothing is lost when the function goes */
	bool system; /* the running system lies on it: where its root, its boot files or its swap space are */
	char *what; /* "nvme0n1p2", "enp5s0", "/dev/dri/card0" */
	char *how;  /* the rest of the sentence: "is mounted at /" */
	char *end;  /* what ends it, "umount /mnt"; NULL: nothing that could be named */
	int pid;    /* of the process that has it, 0: none */
	char unit
		[PT_UNIT_TEXT]; /* of systemd, that the process belongs to; "" when none is known */
	/* that it is the only port of, and which carries nothing of the host's own; "" for none */
	char bridge[PT_BRIDGE_TEXT];
};

struct pt_uses {
	struct pt_use *use;
	size_t count;
};

/* Adds one as like, with the two texts, unless the same is there. Takes over how and like's end; what is copied. -ENOMEM. */
int pt_uses_add(struct pt_uses *uses, struct pt_use like, const char *what, char *how);
void pt_uses_clear(struct pt_uses *uses);
#define PT_USES PT_CLEANUP(pt_uses_clear)

/* The first use that would be lost when the function goes; NULL: none. */
const struct pt_use *pt_uses_strong(const struct pt_uses *uses, const struct pt_bdf *bdf);

/*
 * Adds every use of the functions, of all kinds. In a child: -ETIME, a driver hangs beyond the deadline. Errors of
 * reading; a process that ends meanwhile is none.
 */
int pt_uses_gather(const struct pt_host *host, const struct pt_function *const *function,
	size_t count, long long deadline_ms, struct pt_uses *ret, struct pt_err *err);

struct json_object *pt_uses_to_json(const struct pt_uses *uses);
/* Adds what pt_uses_to_json wrote. -EINVAL with what is wrong; what came before it is added. */
int pt_uses_from_json(struct json_object *json, struct pt_uses *ret, struct pt_err *err);

#endif
