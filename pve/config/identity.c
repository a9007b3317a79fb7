// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "lib/base/durable.h"
#include "lib/base/json.h"
#include "pve/config/identity.h"
#include "pve/config/paths.h"

#define VERSION	   1
#define RECORD_MAX (256U * 1024)

void pt_identities_clear(struct pt_identities *identities)
{
	free(identities->identity);
	*identities = (struct pt_identities){0};
}

void pt_identity_of(const struct pt_function *function, const char *serial, struct pt_identity *ret)
{
	*ret = (struct pt_identity){.bdf = function->bdf, .class = function->class};
	memcpy(ret->vendor, function->vendor, sizeof(ret->vendor));
	memcpy(ret->device, function->device, sizeof(ret->device));
	memcpy(ret->subvendor, function->subvendor, sizeof(ret->subvendor));
	memcpy(ret->subdevice, function->subdevice, sizeof(ret->subdevice));
	snprintf(ret->serial, sizeof(ret->serial), "%s", serial);
}

static struct json_object *to_json(const struct pt_identity *identity)
{
	struct json_object *json = json_object_new_object();

	pt_json_add_text(json, "function", PT_BDF(&identity->bdf));
	pt_json_add_text(json, "vendor", identity->vendor);
	pt_json_add_text(json, "device", identity->device);
	pt_json_add_text(json, "subsystem_vendor", identity->subvendor);
	pt_json_add_text(json, "subsystem_device", identity->subdevice);
	pt_json_add_number(json, "class", identity->class);
	pt_json_add_text(json, "serial", identity->serial);
	return json;
}

static void copy(struct pt_json_reader *reader, const char *key, char *to, size_t size)
{
	const char *text = pt_json_text(reader, key, PT_JSON_NEEDED);

	if (text &&
		(strlen(text) >= size || strspn(text, "0123456789abcdefABCDEF") != strlen(text)))
		pt_json_refuse(reader, key, "is no hexadecimal number of that size");
	else if (text)
		snprintf(to, size, "%s", text);
}

static int from_json(struct json_object *json, struct pt_identity *ret, struct pt_err *err)
{
	struct pt_json_reader reader = {json, err, 0};

	pt_json_bdf(&reader, "function", PT_JSON_NEEDED, &ret->bdf);
	copy(&reader, "vendor", ret->vendor, sizeof(ret->vendor));
	copy(&reader, "device", ret->device, sizeof(ret->device));
	copy(&reader, "subsystem_vendor", ret->subvendor, sizeof(ret->subvendor));
	copy(&reader, "subsystem_device", ret->subdevice, sizeof(ret->subdevice));
	copy(&reader, "serial", ret->serial, sizeof(ret->serial));
	ret->class = (uint32_t)pt_json_int(&reader, "class") & 0xffffff;
	return reader.result;
}

struct json_object *pt_identities_to_json(const struct pt_identities *identities)
{
	struct json_object *json = json_object_new_array();

	pt_foreach (identity, identities->identity, identities->count)
		json_object_array_add(json, to_json(identity));
	return json;
}

int pt_identities_from_json(struct json_object *json, struct pt_identities *ret, struct pt_err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < json_object_array_length(json); i++) {
		struct pt_identity *slot =
			pt_array_grow(&ret->identity, &ret->count, sizeof(*slot));

		r = from_json(json_object_array_get_idx(json, i), slot, err);
	}
	return r;
}

static int read_record(struct json_object *json, struct pt_identities *ret, struct pt_err *err)
{
	struct pt_json_reader reader = {json, err, 0};
	struct json_object *functions = pt_json_array(&reader, "functions");

	if (pt_json_int(&reader, "version") != VERSION)
		pt_json_refuse(&reader, "version", "is none that this version knows");
	return reader.result < 0 ? reader.result : pt_identities_from_json(functions, ret, err);
}

int pt_identities_read(const struct pt_host *host, unsigned int vmid, struct pt_identities *ret,
	struct pt_err *err)
{
	struct pt_identities PT_IDENTITIES identities = {0};
	struct json_object PT_JSON *json = NULL;
	PT_FREE char *text = NULL;
	char path[96];
	size_t length;
	int r;

	snprintf(path, sizeof(path), PT_IDENTITY_DIR "/%u.json", vmid);
	r = pt_host_read(host, path, RECORD_MAX, &text, &length);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return pt_err_errno(err, r, "%s", path);
	json = pt_json_parse(text, length, err);
	r = json ? read_record(json, &identities, err) : -EINVAL;
	if (r < 0)
		return pt_err_wrap(
			err, "%s is damaged ('pve-ptconf accept %u' writes it anew)", path, vmid);
	*ret = identities;
	identities = (struct pt_identities){0};
	return 0;
}

int pt_identities_write(const struct pt_host *host, unsigned int vmid,
	const struct pt_identities *identities, struct pt_err *err)
{
	struct json_object PT_JSON *json = json_object_new_object();
	PT_CLOSE int home = -1;
	PT_CLOSE int work = -1;
	char name[32];
	int r = pt_host_make_dir(host, PT_STATE_DIR);

	pt_json_add_number(json, "version", VERSION);
	json_object_object_add(json, "functions", pt_identities_to_json(identities));
	if (r == 0)
		r = pt_host_make_dir(host, PT_IDENTITY_DIR);
	if (r == 0)
		r = home = pt_host_openat(host, PT_IDENTITY_DIR, O_RDONLY | O_DIRECTORY);
	if (r >= 0)
		r = work = pt_host_openat(host, PT_STATE_DIR, O_RDONLY | O_DIRECTORY);
	snprintf(name, sizeof(name), "%u.json", vmid);
	if (r >= 0)
		r = pt_durable_write(work, home, name,
			json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY));
	return r < 0 ? pt_err_errno(err, r, "record of the devices of guest %u in " PT_IDENTITY_DIR,
			       vmid)
		     : 0;
}

const struct pt_identity *pt_identities_find(
	const struct pt_identities *identities, const struct pt_bdf *bdf)
{
	pt_foreach (identity, identities->identity, identities->count) {
		if (pt_bdf_compare(&identity->bdf, bdf) == 0)
			return identity;
	}
	return NULL;
}

bool pt_identity_same(const struct pt_identity *a, const struct pt_identity *b)
{
	return pt_streq(a->vendor, b->vendor) && pt_streq(a->device, b->device) &&
	       pt_streq(a->subvendor, b->subvendor) && pt_streq(a->subdevice, b->subdevice) &&
	       a->class == b->class && pt_streq(a->serial, b->serial);
}

const char *pt_identity_format(
	const struct pt_identity *identity, char text[static PT_IDENTITY_TEXT])
{
	int n = snprintf(text, PT_IDENTITY_TEXT, "%s:%s", identity->vendor, identity->device);

	if (identity->subvendor[0])
		n += snprintf(text + n, PT_IDENTITY_TEXT - (size_t)n, ", subsystem %s:%s",
			identity->subvendor, identity->subdevice);
	if (identity->serial[0])
		snprintf(text + n, PT_IDENTITY_TEXT - (size_t)n, ", serial %s", identity->serial);
	return text;
}
