// SPDX-License-Identifier: AGPL-3.0-or-later
/* The uses of a function on this host, from use-block, -net, -netns, -devfile and -console. */
#ifndef PT_USE_H
#define PT_USE_H

#include "lib/base/child.h"
#include "lib/pci/function.h"

#define PT_UNIT_TEXT	128
#define PT_PROCESS_TEXT 32

enum pt_use_kind {
	PT_USE_BLOCK,	/* a disk is mounted, part of a volume, or open */
	PT_USE_NET,	/* an interface carries traffic of the host */
	PT_USE_GPU,	/* a process has a graphics device file open */
	PT_USE_SOUND,	/* a process has a sound device file open */
	PT_USE_INPUT,	/* a keyboard or the like hangs there */
	PT_USE_DEVFILE, /* a process has another device file open */
	PT_USE_CONSOLE,
	PT_USE_MODULE, /* the driver is in use, but not which function of it */
};

/* Each has a sentence in use.c. */
enum pt_use_how {
	PT_USE_OPEN,
	PT_USE_MOUNTED,
	PT_USE_MOUNTED_APART, /* in the mount namespace of a process */
	PT_USE_SWAP,
	PT_USE_ACTIVE, /* part of an active volume that nothing else uses */
	PT_USE_POOL,
	PT_USE_EXCLUSIVE,
	PT_USE_HUNG,
	PT_USE_KEYBOARD,
	PT_USE_DEFAULT_ROUTE,
	PT_USE_ADDRESS,
	PT_USE_ROUTE,
	PT_USE_UPPER, /* another interface lies on top, of which no traffic is known */
	PT_USE_PORT,
	PT_USE_ONLY_PORT,	   /* of a bridge without an address */
	PT_USE_ONLY_PORT_OF_GUEST, /* of a bridge that carries a guest's network */
	PT_USE_ONLY_PORT_AT_BOOT,  /* and the guest starts at boot */
	PT_USE_LINK_LOCAL,
	PT_USE_NAMESPACE,
	PT_USE_NAMESPACE_OF_PROCESS,
	PT_USE_HIDDEN,
	PT_USE_UNSEARCHED,
	PT_USE_SHOWS_CONSOLE,
	PT_USE_MAY_SHOW_CONSOLE,
	PT_USE_FRAMEBUFFER,
	PT_USE_BOOT_VGA,
	PT_USE_BY_MODULE,
	PT_USE_CONFIGURED, /* for a container */
	PT_USE_SAID,	   /* a sentence of an older facts file, in place */
};

struct pt_use {
	struct pt_bdf bdf;
	enum pt_use_kind kind;
	enum pt_use_how how;
	bool weak;   /* no reason to refuse: little is lost with the function, or it is no proof */
	bool system; /* the running system lies on it: its root, its boot files or its swap space */
	char *what;  /* "nvme0n1p2", "enp5s0", "/dev/dri/card0" */
	char *via;   /* between it and the use: "LVM volume vg-root (dm-0)"; or NULL */
	char *place; /* mount point, address, route, pool, bridge, port, number; or NULL */
	char *end;   /* command that takes an idle volume down; NULL: none is known */
	int pid;     /* of the process that has it, 0: none */
	char process[PT_PROCESS_TEXT];	 /* its name, chosen by the process; "" for none */
	char container[PT_PROCESS_TEXT]; /* that it runs in, "101"; "" for none */
	char unit[PT_UNIT_TEXT];	 /* of systemd, that it belongs to; "" when none is known */
	unsigned int guest; /* that the process runs, or that uses the bridge; 0: none is known */
	unsigned int more;  /* uses of its kind that are not listed, since there are too many */
};

struct pt_uses {
	struct pt_use *use;
	size_t count;
};

/* Adds a copy, unless the same is there. Bytes that are no printable ASCII become "?". Beyond a cap
 * the last one of its kind counts it as one more. */
void pt_uses_add(struct pt_uses *uses, const struct pt_use *use);
void pt_uses_clear(struct pt_uses *uses);
#define PT_USES PT_CLEANUP(pt_uses_clear)

/* Returns the first use that is a reason to refuse, or NULL. */
const struct pt_use *pt_uses_strong(const struct pt_uses *uses, const struct pt_bdf *bdf);

/* Returns the sentence "nvme0n1p2 is mounted at /". The caller frees it. */
char *pt_use_text(const struct pt_use *use);
/* Returns the step that ends the use, "umount /mnt", or NULL. The caller frees it. */
char *pt_use_end(const struct pt_use *use);

/* A look for the uses of functions in a child, under way. */
struct pt_uses_asking {
	struct pt_child child;
	struct pt_bdf first; /* of the functions */
	size_t count;
};
#define PT_USES_ASKING_NONE ((struct pt_uses_asking){.child = PT_CHILD_NONE})

/* Begins to look for all uses of the functions. End with pt_uses_hear or pt_uses_unask. */
int pt_uses_ask(const struct pt_host *host, const struct pt_function *const *function, size_t count,
	struct pt_uses_asking *ret, struct pt_err *err);
/* Adds the uses. -ETIME: a driver hangs beyond the deadline. A process that ends meanwhile is no
 * error. */
int pt_uses_hear(struct pt_uses_asking *asking, long long deadline_ms, struct pt_uses *ret,
	struct pt_err *err);
void pt_uses_unask(struct pt_uses_asking *asking);

/* Both at once. */
int pt_uses_gather(const struct pt_host *host, const struct pt_function *const *function,
	size_t count, long long deadline_ms, struct pt_uses *ret, struct pt_err *err);

/* One use, and a list of them. */
extern const struct pt_record pt_use_record, pt_uses_record;
#define PT_USES_MOST 100000 /* more than pt_uses_add lists */

#endif
