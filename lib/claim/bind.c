// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/claim/bind.h"
#include "lib/use/use-console.h"

#define VERB_TEXT 160

bool pt_driver_name_valid(const char *name)
{
	size_t length = strlen(name);

	return length > 0 && length < PT_DRIVER_TEXT && name[0] != '.' && !strpbrk(name, "/\n");
}

static int read_state(const struct pt_host *host, const struct pt_bind *bind, char **ret)
{
	switch (bind->kind) {
	case PT_BIND_OVERRIDE:
		return pt_function_read_override(host, &bind->bdf, ret);
	case PT_BIND_VFS:
		return pt_function_read_vfs(host, &bind->bdf, ret);
	case PT_BIND_AUTOPROBE:
		return pt_function_read_autoprobe(host, &bind->bdf, ret);
	case PT_BIND_CONSOLE_ON:
	case PT_BIND_CONSOLE_OFF:
		return pt_console_read_bind(host, bind->driver, ret);
	case PT_BIND_UNBIND:
	case PT_BIND_ATTACH:
		break;
	}
	return pt_function_read_driver(host, &bind->bdf, ret);
}

/* The text of the state after the change; NULL: nothing at all. */
static const char *wanted(const struct pt_bind *bind)
{
	switch (bind->kind) {
	case PT_BIND_UNBIND:
		return NULL;
	case PT_BIND_CONSOLE_ON:
		return "1";
	case PT_BIND_CONSOLE_OFF:
		return "0";
	case PT_BIND_OVERRIDE:
	case PT_BIND_VFS:
	case PT_BIND_AUTOPROBE:
	case PT_BIND_ATTACH:
		break;
	}
	return bind->driver[0] ? bind->driver : NULL;
}

/* Whether the function is as wanted: 1, 0 or a negative errno. ret_is describes it for messages. */
static int is_reached(const struct pt_host *host, const struct pt_bind *bind, char **ret_is)
{
	int r = read_state(host, bind, ret_is);

	return r < 0 ? r : pt_streq(*ret_is, wanted(bind));
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
	case PT_BIND_AUTOPROBE:
		return pt_pci_path(&bind->bdf, "sriov_drivers_autoprobe", path);
	case PT_BIND_CONSOLE_ON:
	case PT_BIND_CONSOLE_OFF:
		snprintf(path, PT_PCI_PATH, PT_VTCONSOLES "/%s/bind", bind->driver);
		return path;
	case PT_BIND_ATTACH:
		break;
	}
	snprintf(path, PT_PCI_PATH, PT_PCI_DRIVERS "/%s/bind", bind->driver);
	return path;
}

static const char *verb_of(const struct pt_bind *bind, char text[static VERB_TEXT])
{
	static const char *const verb[] = {
		[PT_BIND_OVERRIDE] = "set the driver override to",
		[PT_BIND_ATTACH] = "bind to",
		[PT_BIND_VFS] = "set the number of virtual functions to",
		[PT_BIND_AUTOPROBE] = "set sriov_drivers_autoprobe to",
		[PT_BIND_CONSOLE_ON] = "give its framebuffer back to the console",
		[PT_BIND_CONSOLE_OFF] = "take its framebuffer from the console",
	};

	if (bind->kind == PT_BIND_UNBIND)
		return "unbind from its driver";
	if (bind->kind == PT_BIND_OVERRIDE && !bind->driver[0])
		return "clear the driver override";
	snprintf(text, VERB_TEXT, "%s %s", verb[bind->kind], bind->driver);
	return text;
}
#define VERB(bind) verb_of((bind), (char[VERB_TEXT]){0})

static const char *text_of(const struct pt_bind *bind, char bdf[static PT_BDF_TEXT])
{
	if (bind->kind == PT_BIND_UNBIND || bind->kind == PT_BIND_ATTACH)
		return pt_bdf_format(&bind->bdf, bdf);
	return wanted(bind) ? wanted(bind) : "\n";
}

static bool is_nameable(const struct pt_bind *bind)
{
	switch (bind->kind) {
	case PT_BIND_ATTACH:
		return pt_driver_name_valid(bind->driver);
	case PT_BIND_CONSOLE_ON:
	case PT_BIND_CONSOLE_OFF:
		return pt_vtcon_name_valid(bind->driver);
	case PT_BIND_OVERRIDE:
	case PT_BIND_UNBIND:
	case PT_BIND_VFS:
	case PT_BIND_AUTOPROBE:
		break;
	}
	return true;
}

void pt_bind_start(const struct pt_host *host, struct pt_bind *bind, enum pt_bind_kind kind,
	const struct pt_bdf *bdf, const char *driver, int lock_fd)
{
	PT_FREE char *is = NULL;
	char path[PT_PCI_PATH], text[PT_BDF_TEXT];
	int r;

	*bind = (struct pt_bind){.kind = kind, .bdf = *bdf, .driver = driver ? driver : ""};
	if (!is_nameable(bind)) {
		bind->state = PT_BIND_REFUSED;
		bind->result = pt_err_set(&bind->err, -EINVAL,
			"%s: '%s' is no name of a driver or console", PT_BDF(bdf), bind->driver);
		return;
	}
	r = is_reached(host, bind, &is);
	if (r < 0)
		bind->result = pt_err_errno(&bind->err, r, "%s: %s", PT_BDF(bdf), VERB(bind));
	if (r != 0)
		return;
	bind->result = pt_host_write_start(
		host, path_of(bind, path), text_of(bind, text), lock_fd, &bind->write, &bind->err);
	if (bind->result == 0)
		bind->state = PT_BIND_WRITES;
}

int pt_bind_finish(const struct pt_host *host, struct pt_bind *bind, long long deadline_ms)
{
	PT_FREE char *is = NULL;
	int written = bind->result;
	int r;

	if (bind->state == PT_BIND_REFUSED)
		return bind->result;
	if (bind->state == PT_BIND_WRITES)
		written = pt_host_write_wait(host, &bind->write, deadline_ms, NULL);
	bind->state = PT_BIND_RESTS;
	/* the driver link changes before probe and remove end: it proves nothing while they hang */
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
	return pt_err_set(&bind->err, -EIO,
		"%s: %s: the kernel accepted the write, but sysfs shows %s", PT_BDF(&bind->bdf),
		VERB(bind), is ? is : "none");
}
