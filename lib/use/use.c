// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/use/devnode.h"
#include "lib/use/use-block.h"
#include "lib/use/use-console.h"
#include "lib/use/use-net.h"
#include "lib/use/use-netns.h"
#include "lib/use/use-node.h"

#define CLASS_NETWORK  0x02U
#define USES_MAX       (4U * 1024 * 1024)
#define USES_COUNT_MAX 20000
#define ALIKE_MAX      200

static const char *const kind_name[] = {
	[PT_USE_BLOCK] = "block",
	[PT_USE_NET] = "net",
	[PT_USE_GPU] = "gpu",
	[PT_USE_SOUND] = "sound",
	[PT_USE_INPUT] = "input",
	[PT_USE_NODE] = "node",
	[PT_USE_CONSOLE] = "console",
	[PT_USE_MODULE] = "module",
};

static void clear_use(struct pt_use *use)
{
	free(use->what);
	free(use->how);
	free(use->end);
}

/* Whether it is told already, or so many of its kind that one more says nothing new. */
static bool is_known(const struct pt_uses *uses, const struct pt_use *like, const char *what)
{
	size_t alike = 0;

	pt_foreach (use, uses->use, uses->count) {
		if (pt_bdf_compare(&use->bdf, &like->bdf) != 0)
			continue;
		if (pt_streq(use->what, what) && pt_streq(use->how, like->how))
			return true;
		alike += use->kind == like->kind && use->weak == like->weak &&
			 pt_streq(use->unit, like->unit);
	}
	return alike >= ALIKE_MAX;
}

int pt_uses_add(struct pt_uses *uses, struct pt_use like, const char *what, char *how)
{
	struct pt_use *slot;

	like.what = NULL;
	like.how = how;
	pt_make_plain(how);
	pt_make_plain(like.end);
	pt_make_plain(like.unit);
	pt_make_plain(like.bridge);
	if (how && is_known(uses, &like, what)) {
		clear_use(&like);
		return 0;
	}
	slot = how && pt_set_text(&like.what, what) == 0
		       ? pt_array_grow(&uses->use, &uses->count, sizeof(*slot))
		       : NULL;
	if (!slot) {
		clear_use(&like);
		return -ENOMEM;
	}
	pt_make_plain(like.what);
	*slot = like;
	return 0;
}

void pt_uses_clear(struct pt_uses *uses)
{
	pt_foreach (use, uses->use, uses->count)
		clear_use(use);
	free(uses->use);
	*uses = (struct pt_uses){0};
}

const struct pt_use *pt_uses_strong(const struct pt_uses *uses, const struct pt_bdf *bdf)
{
	pt_foreach (use, uses->use, uses->count) {
		if (!use->weak && pt_bdf_compare(&use->bdf, bdf) == 0)
			return use;
	}
	return NULL;
}

/*
 * A driver whose nodes cannot be told apart by function, or that has none: all that is left to see is that
 * more hold its module than the functions it drives and the modules on top of it.
 */
static int use_module(const struct pt_host *host, const struct pt_function *function,
	const struct pt_devnodes *nodes, struct pt_uses *uses)
{
	struct pt_names PT_NAMES holders = {0}, bound = {0};
	PT_FREE char *refcnt = NULL;
	PT_FREE char *module = NULL;
	char path[PT_PCI_PATH + 64];
	size_t devices = 0;
	int count;

	if (!function->driver)
		return 0;
	pt_foreach (node, nodes->node, nodes->count) {
		if (pt_bdf_compare(&node->bdf, &function->bdf) == 0)
			return 0;
	}
	snprintf(path, sizeof(path), PT_PCI_DRIVERS "/%s/module", function->driver);
	if (pt_host_link_name(host, path, &module) < 0)
		return 0; /* built in */
	snprintf(path, sizeof(path), "/sys/module/%.60s/refcnt", module);
	if (pt_host_read_line(host, path, &refcnt) < 0)
		return 0;
	snprintf(path, sizeof(path), "/sys/module/%.60s/holders", module);
	if (pt_host_list(host, path, &holders) < 0)
		holders.count = 0;
	snprintf(path, sizeof(path), PT_PCI_DRIVERS "/%s", function->driver);
	if (pt_host_list(host, path, &bound) < 0)
		return 0;
	pt_foreach (name, bound.name, bound.count) {
		struct pt_bdf bdf;

		devices += pt_bdf_parse(*name, &bdf);
	}
	count = atoi(refcnt);
	if (count < 0 || (size_t)count <= holders.count + devices)
		return 0;
	return pt_uses_add(uses,
		(struct pt_use){.bdf = function->bdf, .kind = PT_USE_MODULE, .weak = true}, module,
		pt_format("is in use %d times, and not by its %zu device%s alone", count, devices,
			devices == 1 ? "" : "s"));
}

/* A network card on its driver without an interface here: that is in another namespace, if anywhere. */
static bool hides_interface(const struct pt_function *function, const struct pt_devnodes *nodes)
{
	if (function->class >> 16 != CLASS_NETWORK || !function->driver)
		return false;
	pt_foreach (node, nodes->node, nodes->count) {
		if (node->kind == PT_DEVNODE_NET && pt_bdf_compare(&node->bdf, &function->bdf) == 0)
			return false;
	}
	return true;
}

static int use_hidden_interfaces(const struct pt_host *host,
	const struct pt_function *const *function, size_t count, const struct pt_devnodes *nodes,
	struct pt_uses *uses)
{
	const struct pt_function **hidden = calloc(count + 1, sizeof(struct pt_function *));
	size_t hidden_count = 0;
	int r = hidden ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < count; i++) {
		if (hides_interface(function[i], nodes))
			hidden[hidden_count++] = function[i];
	}
	if (hidden_count)
		r = pt_use_hidden_nets(host, hidden, hidden_count, uses);
	free(hidden);
	return r;
}

struct json_object *pt_uses_to_json(const struct pt_uses *uses)
{
	struct json_object *json = json_object_new_array();

	pt_foreach (use, uses->use, uses->count) {
		struct json_object *one = json_object_new_object();

		pt_json_add_text(one, "function", PT_BDF(&use->bdf));
		pt_json_add_text(one, "kind", kind_name[use->kind]);
		pt_json_add_flag(one, "weak", use->weak);
		pt_json_add_text(one, "what", use->what);
		pt_json_add_text(one, "how", use->how);
		pt_json_add_number(one, "pid", use->pid);
		pt_json_add_text(one, "unit", use->unit[0] ? use->unit : NULL);
		pt_json_add_flag(one, "system", use->system);
		pt_json_add_text(one, "end", use->end);
		pt_json_add_text(one, "bridge", use->bridge[0] ? use->bridge : NULL);
		json_object_array_add(json, one);
	}
	return json;
}

static int use_from_json(struct json_object *json, struct pt_uses *uses, struct pt_err *err)
{
	struct pt_json_reader reader = {json, err, 0};
	const char *what = pt_json_text(&reader, "what", PT_JSON_NEEDED);
	const char *how = pt_json_text(&reader, "how", PT_JSON_NEEDED);
	const char *unit = pt_json_text(&reader, "unit", PT_JSON_MAY_BE_MISSING);
	const char *end = pt_json_text(&reader, "end", PT_JSON_MAY_BE_MISSING);
	const char *bridge = pt_json_text(&reader, "bridge", PT_JSON_MAY_BE_MISSING);
	struct pt_use use = {
		.weak = pt_json_flag(&reader, "weak"), .pid = pt_json_int(&reader, "pid")};

	use.kind = (enum pt_use_kind)pt_json_word(&reader, "kind", kind_name,
		PT_ARRAY_SIZE(kind_name), "is none that this version knows");
	pt_json_bdf(&reader, "function", PT_JSON_NEEDED, &use.bdf);
	if (unit && strlen(unit) >= sizeof(use.unit))
		pt_json_refuse(&reader, "unit", "is too long");
	if (bridge && strlen(bridge) >= sizeof(use.bridge))
		pt_json_refuse(&reader, "bridge", "is too long");
	/* files of before that was told do not have it */
	if (pt_json_has(&reader, "system"))
		use.system = pt_json_flag(&reader, "system");
	if (reader.result < 0)
		return reader.result;
	snprintf(use.unit, sizeof(use.unit), "%s", unit ? unit : "");
	snprintf(use.bridge, sizeof(use.bridge), "%s", bridge ? bridge : "");
	use.end = end ? strdup(end) : NULL;
	if (end && !use.end)
		return pt_err_nomem(err);
	return pt_uses_add(uses, use, what, strdup(how)) < 0 ? pt_err_nomem(err) : 0;
}

int pt_uses_from_json(struct json_object *json, struct pt_uses *ret, struct pt_err *err)
{
	if (!json_object_is_type(json, json_type_array))
		return pt_err_set(err, -EINVAL, "uses are no list");
	if (json_object_array_length(json) > USES_COUNT_MAX)
		return pt_err_set(err, -EINVAL, "uses are more than any host has");
	for (size_t i = 0; i < json_object_array_length(json); i++) {
		int r = use_from_json(json_object_array_get_idx(json, i), ret, err);

		if (r < 0)
			return pt_err_wrap(err, "uses[%zu]", i);
	}
	return 0;
}

#define ERROR_KEY "error" /* of what the child says instead of a list */

struct gathering {
	const struct pt_host *host;
	const struct pt_function *const *function;
	size_t count;
};

static int gather(const struct pt_host *host, const struct pt_function *const *function,
	size_t count, struct pt_uses *ret, struct pt_err *err)
{
	struct pt_devnodes PT_DEVNODES nodes = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = pt_devnodes_add(host, function[i], &nodes);
	if (r < 0)
		return pt_err_nomem(err);
	r = pt_use_blocks(host, &nodes, ret, err);
	if (r == 0)
		r = pt_use_nodes(host, &nodes, ret, err);
	if (r == 0)
		r = pt_use_nets(host, &nodes, ret, err);
	for (size_t i = 0; r == 0 && i < count; i++) {
		r = pt_use_console(host, function[i], ret);
		if (r == 0)
			r = use_module(host, function[i], &nodes, ret);
		if (r < 0)
			r = pt_err_nomem(err);
	}
	if (r == 0 && use_hidden_interfaces(host, function, count, &nodes, ret) < 0)
		r = pt_err_nomem(err);
	return r;
}

/* Some of what is asked hangs with a driver: netlink, a console, a disk. */
static int gather_in_child(void *data, int out)
{
	const struct gathering *gathering = data;
	struct pt_uses PT_USES uses = {0};
	struct json_object PT_JSON *json = NULL;
	struct pt_err err = {0};

	if (gather(gathering->host, gathering->function, gathering->count, &uses, &err) < 0) {
		json = json_object_new_object();
		pt_json_add_text(json, ERROR_KEY, err.text);
	} else {
		json = pt_uses_to_json(&uses);
	}
	return dprintf(out, "%s", json_object_to_json_string(json)) < 0 ? -EIO : 0;
}

int pt_uses_gather(const struct pt_host *host, const struct pt_function *const *function,
	size_t count, long long deadline_ms, struct pt_uses *ret, struct pt_err *err)
{
	struct gathering gathering = {host, function, count};
	struct json_object PT_JSON *json = NULL;
	struct json_object *why;
	PT_FREE char *text = NULL;
	size_t length = 0;
	int r;

	if (!count)
		return 0;
	r = pt_host_collect(
		host, gather_in_child, &gathering, deadline_ms, USES_MAX, &text, &length);
	if (r == -ETIME)
		return pt_err_set(err, r, "who uses %s%s cannot be found out: a driver hangs",
			PT_BDF(&function[0]->bdf), count > 1 ? " and others" : "");
	if (r < 0)
		return pt_err_errno(err, r, "look for users of devices");
	json = pt_json_parse(text, length, err);
	if (json_object_object_get_ex(json, ERROR_KEY, &why))
		return pt_err_set(err, -EIO, "%s", json_object_get_string(why));
	return json ? pt_uses_from_json(json, ret, err) : -EINVAL;
}
