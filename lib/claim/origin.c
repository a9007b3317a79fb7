// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/claim/bind.h"
#include "lib/claim/origin.h"
#include "lib/use/use-console.h"

/* Printable ASCII: a record reproduces it exactly. */
static bool is_plain(const char *text)
{
	for (; *text; text++) {
		if (*text < ' ' || *text > '~')
			return false;
	}
	return true;
}

/* A number that only PFs have; -1 without. -ETIME and kin. */
static int read_pf_number(int (*read)(const struct pt_host *, const struct pt_bdf *, char **),
	const struct pt_host *host, const struct pt_bdf *bdf, int *ret)
{
	PT_FREE char *text = NULL;
	int r = read(host, bdf, &text);

	if (r < 0 && r != -ENOENT)
		return r;
	*ret = text ? atoi(text) : -1;
	return 0;
}

int pt_origin_read(const struct pt_host *host, const struct pt_bdf *bdf, struct pt_origin *ret,
	struct pt_err *err)
{
	struct pt_origin origin PT_CLEANUP(pt_origin_clear) = {.vfs = -1, .autoprobe = -1};
	char console[PT_VTCON_TEXT];
	int r = pt_function_read_driver(host, bdf, &origin.driver);

	if (r == 0)
		r = pt_function_read_override(host, bdf, &origin.override);
	if (r == 0)
		r = read_pf_number(pt_function_read_vfs, host, bdf, &origin.vfs);
	if (r == 0)
		r = read_pf_number(pt_function_read_autoprobe, host, bdf, &origin.autoprobe);
	if (r < 0)
		return pt_err_errno(err, r, "%s: read its present state", PT_BDF(bdf));
	if (origin.override && !is_plain(origin.override))
		return pt_err_set(err, -EINVAL,
			"%s: its driver override holds characters that cannot be recorded",
			PT_BDF(bdf));
	if (pt_console_on(host, bdf, console))
		pt_set_text(&origin.console, console);
	*ret = origin;
	origin = (struct pt_origin){0};
	return 0;
}

void pt_origin_copy(struct pt_origin *ret, const struct pt_origin *from)
{
	*ret = (struct pt_origin){.vfs = from->vfs, .autoprobe = from->autoprobe};
	pt_set_text(&ret->driver, from->driver);
	pt_set_text(&ret->override, from->override);
	pt_set_text(&ret->console, from->console);
}

void pt_origin_clear(struct pt_origin *origin)
{
	free(origin->driver);
	free(origin->override);
	free(origin->console);
	*origin = (struct pt_origin){0};
}

static const struct pt_form driver_name = {
	.why = "is no driver name", .valid = pt_driver_name_valid};
static const struct pt_form plain_text = {.why = "is no plain text", .valid = is_plain};
static const struct pt_form console_name = {
	.why = "is no console's name", .valid = pt_vtcon_name_valid};

#define ORIGIN(key, kind, member) PT_FIELD(key, kind, struct pt_origin, member)

static const struct pt_field fields[] = {
	{ORIGIN("driver", TEXT, driver), PT_JSON_MAY_BE_NULL, .form = &driver_name},
	{ORIGIN("driver_override", TEXT, override), PT_JSON_MAY_BE_NULL, .form = &plain_text},
	{ORIGIN("sriov_numvfs", INT, vfs)},
	{ORIGIN("sriov_drivers_autoprobe", INT, autoprobe)},
	{ORIGIN("console", TEXT, console), PT_JSON_MAY_BE_NULL, .form = &console_name},
};
const struct pt_record pt_origin_record = {PT_RECORD(struct pt_origin, fields)};
