// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "bind.h"

#define VERB_TEXT 160

bool pt_driver_name_valid(const char *name)
{
	size_t length = strlen(name);

	return length > 0 && length < PT_DRIVER_TEXT && name[0] != '.' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-. ") ==
		       length;
}

/* Whether the function is as wanted now. 1, 0 or a negative errno. ret_is says how it is, for messages. */
static int is_reached(const struct pt_host *host, const struct pt_bind *bind, char **ret_is)
{
	PT_FREE char *is = NULL;
	int r;

	if (bind->kind == PT_BIND_OVERRIDE)
		r = pt_function_read_override(host, &bind->bdf, &is);
	else if (bind->kind == PT_BIND_VFS)
		r = pt_function_read_vfs(host, &bind->bdf, &is);
	else
		r = pt_function_read_driver(host, &bind->bdf, &is);
	if (r < 0)
		return r;
	r = bind->kind == PT_BIND_UNBIND ? !is : pt_streq(is ? is : "", bind->driver);
	*ret_is = PT_STEAL(is);
	return r;
}

static const char *path_of(const struct pt_bind *bind, char path[static PT_PCI_PATH])
{
	switch (bind->kind) {
	case PT_BIND_OVERRIDE:
		return pt_pci_path(&bind->bdf, "driver_override", path);
	case PT_BIND_UNBIND:
		return pt_pci_path(&bind->bdf, "driver/unbind", path);
	case PT_BIND_VFS:
		return pt_pci_path(&bind->bdf, "sriov_numvfs", path);
	case PT_BIND_ATTACH:
		break;
	}
	snprintf(path, PT_PCI_PATH, PT_PCI_DRIVERS "/%s/bind", bind->driver);
	return path;
}

static const char *verb_of(const struct pt_bind *bind, char text[static VERB_TEXT])
{
	if (bind->kind == PT_BIND_UNBIND)
		return "unbind from its driver";
	if (bind->kind == PT_BIND_OVERRIDE && !bind->driver[0])
		return "clear the driver override";
	snprintf(text, VERB_TEXT, "%s %s",
		bind->kind == PT_BIND_ATTACH ? "bind to"
		: bind->kind == PT_BIND_VFS  ? "set the number of virtual functions to"
					     : "set the driver override to",
		bind->driver);
	return text;
}
#define VERB(bind) verb_of((bind), (char[VERB_TEXT]){0})

static const char *text_of(const struct pt_bind *bind, char bdf[static PT_BDF_TEXT])
{
	if (bind->kind == PT_BIND_UNBIND || bind->kind == PT_BIND_ATTACH)
		return pt_bdf_format(&bind->bdf, bdf);
	return bind->driver[0] ? bind->driver : "\n";
}

void pt_bind_start(const struct pt_host *host, struct pt_bind *bind, enum pt_bind_kind kind,
	const struct pt_bdf *bdf, const char *driver, int lock_fd)
{
	PT_FREE char *is = NULL;
	char path[PT_PCI_PATH], text[PT_BDF_TEXT];
	int r;

	*bind = (struct pt_bind){.kind = kind,
		.bdf = *bdf,
		.driver = driver ? driver : "",
		.write.child = PT_CHILD_NONE};
	bind->refused = kind == PT_BIND_ATTACH && !pt_driver_name_valid(bind->driver);
	if (bind->refused) {
		bind->result = pt_err_set(&bind->err, -EINVAL, "%s: '%s' is no driver name",
			PT_BDF(bdf), bind->driver);
		return;
	}
	r = is_reached(host, bind, &is);
	if (r < 0)
		bind->result = pt_err_errno(&bind->err, r, "%s: %s", PT_BDF(bdf), VERB(bind));
	if (r != 0)
		return;
	bind->result = pt_host_write_start(
		host, path_of(bind, path), text_of(bind, text), lock_fd, &bind->write, &bind->err);
	bind->writing = bind->result == 0;
}

int pt_bind_finish(const struct pt_host *host, struct pt_bind *bind, long long deadline_ms)
{
	PT_FREE char *is = NULL;
	int written = bind->result;
	int r;

	if (bind->writing)
		written = pt_host_write_wait(&bind->write, deadline_ms, NULL);
	bind->writing = false;
	if (bind->refused)
		return bind->result;
	/* the driver link changes before probe and remove are through: it proves nothing while they hang */
	if (written == -ETIME)
		return pt_err_set(&bind->err, written,
			"%s: %s: the kernel has not answered by the deadline", PT_BDF(&bind->bdf),
			VERB(bind));
	r = is_reached(host, bind, &is);
	if (r > 0)
		return 0;
	if (r < 0)
		return pt_err_errno(&bind->err, r, "%s: %s", PT_BDF(&bind->bdf), VERB(bind));
	if (written < 0)
		return pt_err_errno(&bind->err, written, "%s: %s", PT_BDF(&bind->bdf), VERB(bind));
	return pt_err_set(&bind->err, -EIO, "%s: %s: the kernel took the command, but it is %s now",
		PT_BDF(&bind->bdf), VERB(bind), is ? is : "none");
}
