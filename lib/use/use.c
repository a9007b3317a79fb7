// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/base/template.h"
#include "lib/use/devfile.h"
#include "lib/use/use-block.h"
#include "lib/use/use-console.h"
#include "lib/use/use-net.h"
#include "lib/use/use-netns.h"
#include "lib/use/use-devfile.h"

#define CLASS_NETWORK 0x02U
#define USES_MAX      (64U * 1024 * 1024) /* far more than PT_USES_MOST of them need */
#define ALIKE_MAX     200		  /* of one kind and unit that are listed */
#define LISTED_MAX    2000		  /* then one of each kind is */
#define ERRNO_MAX     4095

static const char *const kind_name[] = {
	[PT_USE_BLOCK] = "block",
	[PT_USE_NET] = "net",
	[PT_USE_GPU] = "gpu",
	[PT_USE_SOUND] = "sound",
	[PT_USE_INPUT] = "input",
	[PT_USE_DEVFILE] = "node",
	[PT_USE_CONSOLE] = "console",
	[PT_USE_MODULE] = "module",
};

/* Words of the sentences: place and via as in struct pt_use; user is "guest 100 (process 42)" or
 * "process 42 (Xorg) of container 101". */
static const struct how {
	const char *name, *sentence;
} hows[] = {
	[PT_USE_OPEN] = {"open", "is open in {user}[[ through {via}]]"},
	[PT_USE_MOUNTED] = {"mounted", "is mounted at {place}[[ through {via}]]"},
	[PT_USE_MOUNTED_APART] = {"mounted-apart",
		"is mounted at {place} in the mount namespace of process {pid}[[ through {via}]]"},
	[PT_USE_SWAP] = {"swap", "is swap space[[ through {via}]]"},
	[PT_USE_ACTIVE] = {"active", "is part of the active {via}"},
	[PT_USE_POOL] = {"pool", "is part of the imported ZFS pool {place}"},
	[PT_USE_EXCLUSIVE] = {"exclusive", "is held exclusively by the kernel or by a program"},
	[PT_USE_HUNG] = {"hung", "does not answer: its driver or the disk hangs"},
	[PT_USE_KEYBOARD] = {"keyboard", "is a keyboard"},
	[PT_USE_DEFAULT_ROUTE] = {"default-route",
		"carries a default route of this host[[ through {via}]]"},
	[PT_USE_ADDRESS] = {"address", "carries the address {place}[[ through {via}]]"},
	[PT_USE_ROUTE] = {"route", "carries the route to {place}[[ through {via}]]"},
	[PT_USE_UPPER] = {"upper", "has {via} on top"},
	[PT_USE_PORT] = {"port", "is a port of {via}[[, together with {place}]]"},
	[PT_USE_ONLY_PORT] = {"only-port",
		"is the only port of bridge {place}, which has no address"},
	[PT_USE_ONLY_PORT_OF_GUEST] = {"only-port-of-guest",
		"is the only port of bridge {place}, which carries the network of guest {guest}"},
	[PT_USE_ONLY_PORT_AT_BOOT] = {"only-port-at-boot",
		"is the only port of bridge {place}, which carries the network of guest {guest}; "
		"that guest starts at boot"},
	[PT_USE_LINK_LOCAL] = {"link-local", "has only a link-local address"},
	[PT_USE_NAMESPACE] = {"namespace", "is in the network namespace {place}"},
	[PT_USE_NAMESPACE_OF_PROCESS] = {"namespace-of-process",
		"is in the network namespace of {user}"},
	[PT_USE_HIDDEN] = {"hidden", "is not in this network namespace: a container may have it"},
	[PT_USE_UNSEARCHED] = {"unsearched",
		"is not in this network namespace, and there are too many others to search"},
	[PT_USE_SHOWS_CONSOLE] = {"shows-console", "shows the text console on it"},
	[PT_USE_MAY_SHOW_CONSOLE] = {"may-show-console", "may show the text console on its fb0"},
	[PT_USE_FRAMEBUFFER] = {"framebuffer", "of the firmware lies in its memory"},
	[PT_USE_BOOT_VGA] = {"boot-vga", "is 1: the firmware chose it as the screen"},
	[PT_USE_BY_MODULE] = {"by-module",
		"is in use {place} times, more often than the functions that it drives explain"},
	[PT_USE_CONFIGURED] = {"configured",
		"is configured for container {container}, which does not have it while the guest runs"},
	[PT_USE_SAID] = {"said", "{place}"},
};

static void clear_use(struct pt_use *use)
{
	free(use->what);
	free(use->via);
	free(use->place);
	free(use->end);
}

/* Whether the same is there already, or so many of its kind that one more says nothing new: then
 * the last of them counts it. */
static bool is_known(struct pt_uses *uses, const struct pt_use *like)
{
	struct pt_use *last = NULL;
	size_t alike = 0;

	pt_foreach (use, uses->use, uses->count) {
		if (pt_bdf_compare(&use->bdf, &like->bdf) != 0)
			continue;
		if (use->how == like->how && use->pid == like->pid && use->guest == like->guest &&
			pt_streq(use->what, like->what) && pt_streq(use->via, like->via) &&
			pt_streq(use->place, like->place) &&
			pt_streq(use->container, like->container))
			return true;
		if (use->kind != like->kind || use->weak != like->weak ||
			use->system != like->system)
			continue;
		last = use;
		alike += pt_streq(use->unit, like->unit);
	}
	if (!last || (alike < ALIKE_MAX && uses->count < LISTED_MAX))
		return false;
	last->more += 1 + like->more;
	return true;
}

static void copy_plain(char **ret, const char *text)
{
	*ret = text ? pt_strdup(text) : NULL;
	pt_make_plain(*ret);
}

void pt_uses_add(struct pt_uses *uses, const struct pt_use *use)
{
	struct pt_use copy = *use;

	copy_plain(&copy.what, use->what);
	copy_plain(&copy.via, use->via);
	copy_plain(&copy.place, use->place);
	copy_plain(&copy.end, use->end);
	pt_make_plain(copy.process);
	pt_make_plain(copy.container);
	pt_make_plain(copy.unit);
	if (is_known(uses, &copy))
		clear_use(&copy);
	else
		*(struct pt_use *)pt_array_grow(&uses->use, &uses->count, sizeof(copy)) = copy;
}

/* "guest 100 (process 42)", or "process 42 (Xorg)". The caller frees it. */
static char *user_of(const struct pt_use *use)
{
	PT_FREE char *name = use->process[0] ? pt_format(" (%s)", use->process) : pt_strdup("");
	PT_FREE char *user = use->guest ? pt_format("guest %u (process %d)", use->guest, use->pid)
					: pt_format("process %d%s", use->pid, name);

	if (!use->container[0])
		return PT_STEAL(user);
	return pt_format("%s of container %s", user, use->container);
}

char *pt_use_text(const struct pt_use *use)
{
	PT_FREE char *user = user_of(use);
	PT_FREE char *pid = pt_format("%d", use->pid);
	PT_FREE char *guest = pt_format("%u", use->guest);
	PT_FREE char *predicate = NULL;
	const struct pt_word words[] = {
		{"place", use->place},
		{"via", use->via},
		{"user", user},
		{"pid", pid},
		{"guest", guest},
		{"container", use->container},
	};

	predicate = pt_template_fill(hows[use->how].sentence, words, PT_ARRAY_SIZE(words));
	return use->more ? pt_format("%s %s, and %u more like it", use->what, predicate, use->more)
			 : pt_format("%s %s", use->what, predicate);
}

/* The step that ends the process that has the function open. */
static char *end_of_process(const struct pt_use *use)
{
	if (use->guest)
		return pt_format("stop guest %u", use->guest);
	if (use->container[0])
		return pt_format("stop container %s", use->container);
	/* a volume has no program of its own that the kind of the use would name */
	return use->via ? pt_format("end process %d", use->pid) : NULL;
}

/* Returns the command with the place of the use, which others name; NULL: it cannot be shown. */
static char *command_on(const char *command, const char *place)
{
	PT_FREE char *word = pt_shell_word(place);

	return word ? pt_format("%s %s", command, word) : NULL;
}

char *pt_use_end(const struct pt_use *use)
{
	switch (use->how) {
	case PT_USE_OPEN:
	case PT_USE_NAMESPACE_OF_PROCESS:
		return end_of_process(use);
	case PT_USE_MOUNTED:
		return command_on("umount", use->place);
	case PT_USE_POOL:
		return command_on("zpool export", use->place);
	case PT_USE_ONLY_PORT_OF_GUEST:
	case PT_USE_ONLY_PORT_AT_BOOT:
		return pt_format("give bridge %s another port", use->place);
	default:
		return use->end ? pt_strdup(use->end) : NULL;
	}
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

/* A driver without device files of one function each: the only sign is that its module has more
 * users than functions and modules on top. */
static void use_module(const struct pt_host *host, const struct pt_function *function,
	const struct pt_devfiles *devfiles, struct pt_uses *uses)
{
	struct pt_use use = {
		.bdf = function->bdf, .kind = PT_USE_MODULE, .how = PT_USE_BY_MODULE, .weak = true};
	struct pt_names PT_NAMES holders = {0}, bound = {0};
	PT_FREE char *refcnt = NULL;
	PT_FREE char *module = NULL;
	char path[PT_PCI_PATH + 64];
	size_t devices = 0;
	int count;

	if (!function->driver)
		return;
	pt_foreach (devfile, devfiles->devfile, devfiles->count) {
		if (pt_bdf_compare(&devfile->bdf, &function->bdf) == 0)
			return;
	}
	snprintf(path, sizeof(path), PT_PCI_DRIVERS "/%s/module", function->driver);
	if (pt_host_link_name(host, path, &module) < 0)
		return; /* built in */
	snprintf(path, sizeof(path), "/sys/module/%.60s/refcnt", module);
	if (pt_host_read_line(host, path, &refcnt) < 0)
		return;
	snprintf(path, sizeof(path), "/sys/module/%.60s/holders", module);
	if (pt_host_list(host, path, &holders) < 0)
		holders.count = 0;
	snprintf(path, sizeof(path), PT_PCI_DRIVERS "/%s", function->driver);
	if (pt_host_list(host, path, &bound) < 0)
		return;
	pt_foreach (name, bound.name, bound.count) {
		struct pt_bdf bdf;

		devices += pt_bdf_parse(*name, &bdf);
	}
	count = atoi(refcnt);
	if (count < 0 || (size_t)count <= holders.count + devices)
		return;
	use.what = module;
	use.place = refcnt;
	pt_uses_add(uses, &use);
}

/* A network card on its driver without an interface here: it may be in another namespace. */
static bool hides_interface(const struct pt_function *function, const struct pt_devfiles *devfiles)
{
	if (function->class >> 16 != CLASS_NETWORK || !function->driver)
		return false;
	pt_foreach (devfile, devfiles->devfile, devfiles->count) {
		if (devfile->kind == PT_DEVFILE_NET &&
			pt_bdf_compare(&devfile->bdf, &function->bdf) == 0)
			return false;
	}
	return true;
}

static void use_hidden_interfaces(const struct pt_host *host,
	const struct pt_function *const *function, size_t count, const struct pt_devfiles *devfiles,
	struct pt_uses *uses)
{
	const struct pt_function **hidden = pt_calloc(count, sizeof(struct pt_function *));
	size_t hidden_count = 0;

	for (size_t i = 0; i < count; i++) {
		if (hides_interface(function[i], devfiles))
			hidden[hidden_count++] = function[i];
	}
	if (hidden_count)
		pt_use_hidden_nets(host, hidden, hidden_count, uses);
	free(hidden);
}

static struct json_object *how_to_json(const void *outer, const void *record)
{
	const struct pt_use *use = record;

	(void)outer;
	return pt_json_text(hows[use->how].name);
}

/* Facts files of version 1 have a sentence here, and no place. */
static int how_from_json(struct json_object *value, void *record, struct pt_err *err)
{
	struct pt_use *use = record;
	const char *how = json_object_get_string(value);

	(void)err;
	for (size_t i = 0; i < PT_ARRAY_SIZE(hows); i++) {
		if (!pt_streq(hows[i].name, how))
			continue;
		use->how = (enum pt_use_how)i;
		return 0;
	}
	use->how = PT_USE_SAID;
	pt_set_text(&use->place, how);
	pt_make_plain(use->place);
	return 0;
}

/* Facts files of version 1 name the bridge of an only port beside its sentence. */
static int bridge_from_json(struct json_object *value, void *record, struct pt_err *err)
{
	struct pt_use *use = record;

	(void)err;
	use->how = PT_USE_ONLY_PORT;
	pt_set_text(&use->place, json_object_get_string(value));
	pt_make_plain(use->place);
	return 0;
}

static const struct pt_own how = {how_to_json, how_from_json};
static const struct pt_own bridge = {.read = bridge_from_json};

/* Words that a sentence cannot do without. */
static bool is_whole(const struct pt_use *use)
{
	switch (use->how) {
	case PT_USE_MOUNTED:
	case PT_USE_MOUNTED_APART:
	case PT_USE_POOL:
	case PT_USE_ADDRESS:
	case PT_USE_ROUTE:
	case PT_USE_ONLY_PORT:
	case PT_USE_ONLY_PORT_OF_GUEST:
	case PT_USE_ONLY_PORT_AT_BOOT:
	case PT_USE_NAMESPACE:
	case PT_USE_BY_MODULE:
	case PT_USE_SAID:
		return use->place;
	case PT_USE_ACTIVE:
	case PT_USE_UPPER:
	case PT_USE_PORT:
		return use->via;
	default:
		return true;
	}
}

static int complete(void *record, struct pt_err *err)
{
	return is_whole(record)
		       ? 0
		       : pt_err_set(err, -EINVAL, "\"how\" lacks its \"place\" or \"via\"");
}

#define USE(key, kind, member) PT_FIELD(key, kind, struct pt_use, member)

static const struct pt_field use_fields[] = {
	{USE("function", FORM, bdf), .form = &pt_bdf_form},
	{USE("kind", WORD, kind), PT_FIELD_WORDS(kind_name)},
	{USE("how", TEXT, place), .own = &how,
		.about = "kind of use; in facts files of version 1 a sentence"},
	{USE("weak", FLAG, weak)},
	{USE("system", FLAG, system), PT_JSON_MAY_BE_MISSING},
	{USE("what", TEXT, what)},
	{USE("via", TEXT, via), PT_JSON_MAY_BE_MISSING},
	{USE("place", TEXT, place), PT_JSON_MAY_BE_MISSING},
	{USE("end", TEXT, end), PT_JSON_MAY_BE_MISSING},
	{USE("pid", INT, pid)},
	{USE("process", CHARS, process), PT_JSON_MAY_BE_MISSING},
	{USE("container", CHARS, container), PT_JSON_MAY_BE_MISSING},
	{USE("unit", CHARS, unit), PT_JSON_MAY_BE_MISSING},
	{USE("guest", UINT, guest), PT_JSON_MAY_BE_MISSING},
	{USE("more", UINT, more), PT_JSON_MAY_BE_MISSING},
	{USE("bridge", TEXT, place), PT_JSON_MAY_BE_MISSING, .own = &bridge,
		.about = "in facts files of version 1 only"},
};
const struct pt_record pt_use_record = {PT_RECORD(struct pt_use, use_fields), .complete = complete};

static const struct pt_field uses_field[] = {
	{PT_FIELD(NULL, LIST, struct pt_uses, use), .count = offsetof(struct pt_uses, count),
		.most = PT_USES_MOST, .of = &pt_use_record},
};
const struct pt_record pt_uses_record = {PT_RECORD(struct pt_uses, uses_field)};

/* The child's answer in place of a list. */
static const struct pt_field failure_fields[] = {
	{PT_FIELD("code", INT, struct pt_err, code), .min = -ERRNO_MAX, .max = -1},
	{PT_FIELD("text", CHARS, struct pt_err, text)},
};
static const struct pt_record failure_record = {PT_RECORD(struct pt_err, failure_fields)};

struct gathering {
	const struct pt_host *host;
	const struct pt_function *const *function;
	size_t count;
};

static int gather(const struct pt_host *host, const struct pt_function *const *function,
	size_t count, struct pt_uses *ret, struct pt_err *err)
{
	struct pt_devfiles PT_DEVFILES devfiles = {0};
	int r;

	for (size_t i = 0; i < count; i++)
		pt_devfiles_add(host, function[i], &devfiles);
	r = pt_use_blocks(host, &devfiles, ret, err);
	if (r == 0)
		r = pt_use_devfiles(host, &devfiles, ret, err);
	if (r == 0)
		r = pt_use_nets(host, &devfiles, ret, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		pt_use_console(host, function[i], ret);
		use_module(host, function[i], &devfiles, ret);
	}
	use_hidden_interfaces(host, function, count, &devfiles, ret);
	return 0;
}

/* Netlink, a console or a disk may hang with a driver. */
static int gather_in_child(void *data, int out)
{
	const struct gathering *gathering = data;
	struct pt_uses PT_USES uses = {0};
	struct json_object PT_JSON *json = NULL;
	struct pt_err err = {0};

	if (gather(gathering->host, gathering->function, gathering->count, &uses, &err) < 0)
		json = pt_record_to_json(&failure_record, &err);
	else
		json = pt_record_to_json(&pt_uses_record, &uses);
	return dprintf(out, "%s", pt_json_print(json, JSON_C_TO_STRING_SPACED)) < 0 ? -EIO : 0;
}

int pt_uses_ask(const struct pt_host *host, const struct pt_function *const *function, size_t count,
	struct pt_uses_asking *ret, struct pt_err *err)
{
	struct gathering gathering = {host, function, count};
	int r;

	*ret = PT_USES_ASKING_NONE;
	if (!count)
		return 0;
	r = pt_host_start(host, gather_in_child, &gathering, &ret->child);
	if (r < 0)
		return pt_err_errno(err, r, "look for users of devices");
	ret->first = function[0]->bdf;
	ret->count = count;
	return 0;
}

/* Reads the child's answer: its uses, or why it has none. */
static int read_answer(const char *text, size_t length, struct pt_uses *ret, struct pt_err *err)
{
	struct json_object PT_JSON *json = pt_json_parse(text, length, err);
	struct pt_uses PT_USES uses = {0};
	struct pt_err failure = {0};
	int r;

	if (json_object_is_type(json, json_type_object)) {
		r = pt_record_from_json(&failure_record, json, &failure, err);
		return r < 0 ? r : pt_err_set(err, failure.code, "%s", failure.text);
	}
	r = json ? pt_record_from_json(&pt_uses_record, json, &uses, err) : -EINVAL;
	if (r < 0)
		return pt_err_wrap(err, "uses of devices");
	pt_foreach (use, uses.use, uses.count)
		pt_uses_add(ret, use);
	return 0;
}

int pt_uses_hear(struct pt_uses_asking *asking, long long deadline_ms, struct pt_uses *ret,
	struct pt_err *err)
{
	PT_FREE char *text = NULL;
	size_t length = 0;
	int r;

	if (!asking->count)
		return 0;
	r = pt_child_collect(&asking->child, deadline_ms, USES_MAX, &text, &length);
	if (r == -ETIME)
		return pt_err_set(err, r, "%s%s: a driver hangs, so its uses cannot be read",
			PT_BDF(&asking->first), asking->count > 1 ? " and others" : "");
	if (r < 0)
		return pt_err_errno(err, r, "look for users of devices");
	return read_answer(text, length, ret, err);
}

void pt_uses_unask(struct pt_uses_asking *asking)
{
	if (asking->child.pidfd >= 0)
		pt_child_wait(&asking->child, pt_now_ms());
}

int pt_uses_gather(const struct pt_host *host, const struct pt_function *const *function,
	size_t count, long long deadline_ms, struct pt_uses *ret, struct pt_err *err)
{
	struct pt_uses_asking asking;
	int r = pt_uses_ask(host, function, count, &asking, err);

	return r < 0 ? r : pt_uses_hear(&asking, deadline_ms, ret, err);
}
