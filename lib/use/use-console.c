// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/use/use-console.h"

#define FRAMEBUFFERS  "/sys/class/graphics"
#define IOMEM	      "/proc/iomem"
#define IOMEM_MAX     (1024U * 1024)
#define CLASS_OLD_VGA 0x0001U /* of before there were classes */

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
	r = pt_host_read_line_guarded(host, path, pt_now_ms() + PT_ATTR_MS, ret);
	return r == -ENOENT ? -ENODEV : r;
}

static bool is_bound_framebuffer_console(const struct pt_host *host, const char *vtcon)
{
	PT_FREE char *name = NULL;
	PT_FREE char *bind = NULL;
	char path[64];

	int r;

	snprintf(path, sizeof(path), PT_VTCONSOLES "/%s/name", vtcon);
	if (pt_host_read_line(host, path, &name) < 0 || !strstr(name, PT_FRAMEBUFFER))
		return false;
	r = pt_console_read_bind(host, vtcon, &bind);
	/* a driver that hangs with the console's lock is bound */
	return r == -ETIME || (r == 0 && pt_streq(bind, "1"));
}

/* Of several framebuffers the console is on the first or the primary one, and goes to another when
 * that goes. Source: drivers/video/fbdev/core/fbcon.c. */
static bool has_first_framebuffer(const struct pt_host *host, const struct pt_bdf *bdf)
{
	PT_FREE char *device = NULL;

	return pt_host_link_name(host, FRAMEBUFFERS "/fb0/device", &device) == 0 &&
	       pt_streq(device, PT_BDF(bdf));
}

static bool find_console(const struct pt_host *host, char ret[static PT_VTCON_TEXT])
{
	struct pt_names PT_NAMES names = {0};

	if (pt_host_list(host, PT_VTCONSOLES, &names) < 0)
		return false;
	pt_foreach (name, names.name, names.count) {
		if (!pt_vtcon_name_valid(*name) || !is_bound_framebuffer_console(host, *name))
			continue;
		snprintf(ret, PT_VTCON_TEXT, "%s", *name);
		return true;
	}
	return false;
}

bool pt_console_on(
	const struct pt_host *host, const struct pt_bdf *bdf, char ret[static PT_VTCON_TEXT])
{
	return has_only_framebuffer(host, bdf) && find_console(host, ret);
}

/* A line of /proc/iomem, "  e0000000-e02fffff : BOOTFB", that is a framebuffer of the firmware. */
static bool is_firmware_framebuffer(const char *line, unsigned long long *ret_start)
{
	static const char *const names[] = {"BOOTFB", "efifb", "simplefb", "vesafb", "simpledrm"};
	unsigned long long start, end;
	char name[32];

	if (sscanf(line, " %llx-%llx : %31s", &start, &end, name) != 3)
		return false;
	if (PT_WORD_FIND(names, name) < 0)
		return false;
	*ret_start = start;
	return start < end;
}

bool pt_framebuffer_in(const struct pt_host *host, const struct pt_function *function)
{
	PT_FREE char *text = NULL;
	char *line, *rest;

	if (pt_host_read(host, IOMEM, IOMEM_MAX, &text, NULL) < 0)
		return false;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		unsigned long long start;

		if (!is_firmware_framebuffer(line, &start))
			continue;
		pt_foreach (bar, function->bar, PT_PCI_BARS) {
			if (bar->memory && start >= bar->start && start - bar->start < bar->size)
				return true;
		}
	}
	return false;
}

void pt_use_console(
	const struct pt_host *host, const struct pt_function *function, struct pt_uses *uses)
{
	struct pt_use use = {.bdf = function->bdf, .kind = PT_USE_CONSOLE, .weak = true};
	char firmware[] = "framebuffer", boot_vga[] = "boot_vga";
	char console[PT_VTCON_TEXT];

	/* no other has a screen; a host may have thousands */
	if (!pt_function_is_display(function) && function->class >> 8 != CLASS_OLD_VGA)
		return;
	use.what = console;
	if (pt_console_on(host, &function->bdf, console)) {
		use.how = PT_USE_SHOWS_CONSOLE;
	} else if (has_first_framebuffer(host, &function->bdf) && find_console(host, console)) {
		use.how = PT_USE_MAY_SHOW_CONSOLE;
	} else if (pt_framebuffer_in(host, function)) {
		use.how = PT_USE_FRAMEBUFFER;
		use.what = firmware;
	} else if (function->boot_vga == 1) {
		use.how = PT_USE_BOOT_VGA;
		use.what = boot_vga;
	} else {
		return;
	}
	pt_uses_add(uses, &use);
}
