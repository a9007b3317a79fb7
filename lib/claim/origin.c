// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/claim/bind.h"
#include "lib/claim/origin.h"
#include "lib/use/use-console.h"

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

static bool is_odd(unsigned char byte)
{
	return byte < ' ' || byte > '~' || byte == '%';
}

/* Writes odd bytes as %XX: a record gives the very text back. */
static struct json_object *bytes_to_json(const char *text)
{
	PT_FREE char *escaped = NULL;
	char *to;

	if (!text)
		return NULL;
	to = escaped = pt_calloc(strlen(text) + 1, strlen("%XX"));
	for (; *text; text++) {
		if (is_odd((unsigned char)*text))
			to += sprintf(to, "%%%02X", (unsigned char)*text);
		else
			*to++ = *text;
	}
	*to = '\0';
	return pt_json_text(escaped);
}

/* Returns the byte that %XX at text stands for; 0: it stands for itself. */
static unsigned char odd_byte(const char *text)
{
	static const char digits[] = "0123456789ABCDEF";
	const char *high = text[0] == '%' && text[1] ? strchr(digits, text[1]) : NULL;
	const char *low = high && text[2] ? strchr(digits, text[2]) : NULL;
	unsigned char byte = low ? (unsigned char)((high - digits) << 4 | (low - digits)) : 0;

	return byte && is_odd(byte) ? byte : 0;
}

static void bytes_from_json(struct json_object *value, char **ret)
{
	PT_FREE char *text = pt_strdup(json_object_get_string(value));
	char *to = text;

	for (const char *at = text; *at; to++) {
		unsigned char byte = odd_byte(at);

		*to = byte ? (char)byte : *at;
		at += byte ? strlen("%XX") : 1;
	}
	*to = '\0';
	pt_set_text(ret, text);
}

static struct json_object *driver_to_json(const void *outer, const void *record)
{
	const struct pt_origin *origin = record;

	(void)outer;
	return bytes_to_json(origin->driver);
}

static int driver_from_json(struct json_object *value, void *record, struct pt_err *err)
{
	struct pt_origin *origin = record;

	bytes_from_json(value, &origin->driver);
	return pt_driver_name_valid(origin->driver)
		       ? 0
		       : pt_err_set(err, -EINVAL, "\"driver\" is no driver name");
}

static struct json_object *override_to_json(const void *outer, const void *record)
{
	const struct pt_origin *origin = record;

	(void)outer;
	return bytes_to_json(origin->override);
}

static int override_from_json(struct json_object *value, void *record, struct pt_err *err)
{
	struct pt_origin *origin = record;

	bytes_from_json(value, &origin->override);
	return strchr(origin->override, '\n')
		       ? pt_err_set(err, -EINVAL, "\"driver_override\" has more than one line")
		       : 0;
}

static const struct pt_own driver = {driver_to_json, driver_from_json};
static const struct pt_own override = {override_to_json, override_from_json};
static const struct pt_form console_name = {
	.why = "is no console's name", .valid = pt_vtcon_name_valid};

#define ORIGIN(key, kind, member) PT_FIELD(key, kind, struct pt_origin, member)

static const struct pt_field fields[] = {
	{ORIGIN("driver", TEXT, driver), PT_JSON_MAY_BE_NULL, .own = &driver},
	{ORIGIN("driver_override", TEXT, override), PT_JSON_MAY_BE_NULL, .own = &override},
	{ORIGIN("sriov_numvfs", INT, vfs)},
	{ORIGIN("sriov_drivers_autoprobe", INT, autoprobe)},
	{ORIGIN("console", TEXT, console), PT_JSON_MAY_BE_NULL, .form = &console_name},
};
const struct pt_record pt_origin_record = {PT_RECORD(struct pt_origin, fields)};
