// SPDX-License-Identifier: AGPL-3.0-or-later
/* A simulated host: a folder laid out like sysfs and the rest, and a kernel that reacts where a
 * write happens. Its state is the folder itself, so writes of child processes count. */
#ifndef PT_FAKE_H
#define PT_FAKE_H

#include <json-c/json.h>

#include "lib/base/host.h"

struct fake {
	char root[64]; /* a temporary folder */
	struct pt_host *host;
	struct pt_log log;
	char *said; /* every line that was logged, each with a newline; never NULL */
};

/* Makes an empty one; ends the program when that fails. */
void fake_open(struct fake *fake);
void fake_close(struct fake *fake);

/* Ends the program: a test's own ground gave way. */
_Noreturn void fake_die(const char *what);

/* Puts the made kernel behind another gate to the same folder. */
void fake_react(struct pt_host *host);
/* Its writer, for those that want to be asked first. */
pt_host_writer fake_reaction;

/* Fills in a tree of the form that conformance/data/README.md describes. */
void fake_tree(struct fake *fake, struct json_object *tree);
/* The same from JSON text. */
void fake_tree_text(struct fake *fake, const char *json);

/* Writes a file, making its folders; path begins with a slash. */
void fake_file(struct fake *fake, const char *path, const char *text);
void fake_bytes(struct fake *fake, const char *path, const char *bytes, size_t length);
void fake_link(struct fake *fake, const char *path, const char *target);
void fake_dir(struct fake *fake, const char *path);
void fake_remove(struct fake *fake, const char *path);
/* Returns the content of a file or the target of a link; the caller's. NULL: it is not there. */
char *fake_read(struct fake *fake, const char *path);

/* Every write stands in the file /journal, "op function" a line: "override", "unbind" (through the
 * function's driver link), "bind-DRIVER", "unbind-DRIVER", "numvfs", "autoprobe", "remove",
 * "probe", "new_id-vfio-pci" and "remove_id-vfio-pci" (with ids in place of the function),
 * "rescan". tests/model compares their effects with the real kernel. */

/* The reaction of the made kernel to one write. An errno number as text fails, "hang" never
 * answers, "done-hang" does it and then never answers, "stuck" keeps its descriptors for 10 s even
 * when killed, "lie" answers success and does nothing, "exit" is the writer dying, "late-N" sleeps
 * N ms first, "meet-N" waits until N writers have come that far. */
void fake_fault(struct fake *fake, const char *op, const char *bdf, const char *what);

#endif
