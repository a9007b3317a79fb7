// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "use-console.h"

#define FRAMEBUFFERS "/sys/class/graphics"

bool pt_vtcon_name_valid(const char *name)
{
	size_t length = strlen(name);

	return length > strlen("vtcon") && length < PT_VTCON_TEXT &&
	       pt_starts_with(name, "vtcon") && strspn(name + 5, "0123456789") == length - 5;
}

/* Whether every framebuffer of the host, and there is one, is this function's. */
static bool has_only_framebuffer(const struct pt_host *host, const struct pt_bdf *bdf)
{
	struct pt_names PT_NAMES names = {0};
	bool has = false;

	if (pt_host_list(host, FRAMEBUFFERS, &names) < 0)
		return false;
	pt_foreach (name, names.name, names.count) {
		PT_FREE char *device = NULL;
		char path[320];

		/* "fbcon" stands there as well */
		if (!pt_starts_with(*name, "fb") || strspn(*name + 2, "0123456789") == 0)
			continue;
		snprintf(path, sizeof(path), FRAMEBUFFERS "/%s/device", *name);
		if (pt_host_link_name(host, path, &device) < 0 || !pt_streq(device, PT_BDF(bdf)))
			return false;
		has = true;
	}
	return has;
}

int pt_console_read_bind(const struct pt_host *host, const char *vtcon, char **ret)
{
	char path[64];
	int r;

	snprintf(path, sizeof(path), PT_VTCONSOLES "/%s/bind", vtcon);
	r = pt_host_read_line(host, path, ret);
	return r == -ENOENT ? -ENODEV : r;
}

static bool is_bound_framebuffer_console(const struct pt_host *host, const char *vtcon)
{
	PT_FREE char *name = NULL;
	PT_FREE char *bind = NULL;
	char path[64];

	snprintf(path, sizeof(path), PT_VTCONSOLES "/%s/name", vtcon);
	return pt_host_read_line(host, path, &name) == 0 && strstr(name, PT_FRAMEBUFFER) &&
	       pt_console_read_bind(host, vtcon, &bind) == 0 && pt_streq(bind, "1");
}

bool pt_console_on(
	const struct pt_host *host, const struct pt_bdf *bdf, char ret[static PT_VTCON_TEXT])
{
	struct pt_names PT_NAMES names = {0};

	if (!has_only_framebuffer(host, bdf) || pt_host_list(host, PT_VTCONSOLES, &names) < 0)
		return false;
	pt_foreach (name, names.name, names.count) {
		if (!pt_vtcon_name_valid(*name) || !is_bound_framebuffer_console(host, *name))
			continue;
		snprintf(ret, PT_VTCON_TEXT, "%s", *name);
		return true;
	}
	return false;
}
