// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "lib/base/durable.h"
#include "pve/config/identity.h"
#include "pve/config/paths.h"

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

#define IDENTITY(key, kind, member) PT_FIELD(key, kind, struct pt_identity, member)

static const struct pt_field identity_fields[] = {
	{IDENTITY("function", FORM, bdf), .form = &pt_bdf_form},
	{IDENTITY("vendor", CHARS, vendor), .form = &pt_hex_form},
	{IDENTITY("device", CHARS, device), .form = &pt_hex_form},
	{IDENTITY("subsystem_vendor", CHARS, subvendor), .form = &pt_hex_form},
	{IDENTITY("subsystem_device", CHARS, subdevice), .form = &pt_hex_form},
	{IDENTITY("class", UINT, class), .max = 0xffffff},
	{IDENTITY("serial", CHARS, serial), .form = &pt_hex_form},
};
const struct pt_record pt_identity_record = {PT_RECORD(struct pt_identity, identity_fields)};

static const struct pt_field file_fields[] = {
	{PT_FIELD("functions", LIST, struct pt_identities, identity),
		.count = offsetof(struct pt_identities, count), .of = &pt_identity_record},
};
const struct pt_record pt_identities_record = {
	PT_RECORD(struct pt_identities, file_fields), .version = 1};

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
	r = json ? pt_record_from_json(&pt_identities_record, json, &identities, err) : -EINVAL;
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
	struct json_object PT_JSON *json = pt_record_to_json(&pt_identities_record, identities);
	PT_CLOSE int home = -1;
	PT_CLOSE int work = -1;
	struct pt_err why = {0};
	char name[32];
	int r = pt_host_make_dir(host, PT_STATE_DIR);

	if (r == 0)
		r = pt_host_make_dir(host, PT_IDENTITY_DIR);
	if (r == 0)
		r = work = pt_host_open_private(host, PT_STATE_DIR, &why);
	if (r >= 0)
		r = home = pt_host_open_private(host, PT_IDENTITY_DIR, &why);
	if (r < 0)
		return pt_err_set(err, r,
			"record of the devices of guest %u in " PT_IDENTITY_DIR ": %s", vmid,
			why.code ? why.text : strerrordesc_np(-r));
	snprintf(name, sizeof(name), "%u.json", vmid);
	r = pt_durable_write(work, home, name, pt_json_print(json, JSON_C_TO_STRING_PRETTY));
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
