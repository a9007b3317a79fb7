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
		return pt_err_errno(err, r, "%s: record where it is", PT_BDF(bdf));
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

struct json_object *pt_origin_to_json(const struct pt_origin *origin)
{
	struct json_object *json = json_object_new_object();

	pt_json_add_text(json, "driver", origin->driver);
	pt_json_add_text(json, "driver_override", origin->override);
	pt_json_add_number(json, "sriov_numvfs", origin->vfs);
	pt_json_add_number(json, "sriov_drivers_autoprobe", origin->autoprobe);
	pt_json_add_text(json, "console", origin->console);
	return json;
}

static void read_text(struct pt_json_reader *reader, const char *key, bool (*valid)(const char *),
	const char *why, char **ret)
{
	const char *text = pt_json_text(reader, key, PT_JSON_MAY_BE_NULL);

	if (text && !valid(text))
		pt_json_refuse(reader, key, why);
	else
		pt_set_text(ret, text);
}

void pt_origin_from_json(struct pt_json_reader *reader, struct pt_origin *ret)
{
	read_text(reader, "driver", pt_driver_name_valid, "is no driver name", &ret->driver);
	read_text(reader, "driver_override", is_plain, "is no plain text", &ret->override);
	read_text(reader, "console", pt_vtcon_name_valid, "is no console's name", &ret->console);
	ret->vfs = pt_json_int(reader, "sriov_numvfs");
	ret->autoprobe = pt_json_int(reader, "sriov_drivers_autoprobe");
}
