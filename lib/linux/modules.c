// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <fnmatch.h>
#include <libkmod.h>
#include <limits.h>

#include "lib/linux/cmdline.h"
#include "lib/base/library.h"
#include "lib/linux/modprobe.h"
#include "lib/linux/modules.h"
#include "lib/pci/function.h"

bool pt_module_driver(const struct pt_host *host, const char *name, char ret[static PT_DRIVER_TEXT])
{
	struct pt_names PT_NAMES names = {0};
	char path[128];

	snprintf(ret, PT_DRIVER_TEXT, "%s", name);
	snprintf(path, sizeof(path), PT_PCI_DRIVERS "/%s", name);
	if (pt_host_exists(host, path))
		return true;
	snprintf(path, sizeof(path), "/sys/module/%s", name);
	for (char *at = path; *at; at++)
		*at = *at == '-' ? '_' : *at;
	strncat(path, "/drivers", sizeof(path) - strlen(path) - 1);
	if (pt_host_list(host, path, &names) < 0)
		return false;
	pt_foreach (entry, names.name, names.count) {
		if (!pt_starts_with(*entry, "pci:"))
			continue;
		snprintf(ret, PT_DRIVER_TEXT, "%s", *entry + strlen("pci:"));
		return true;
	}
	return false;
}

/* The functions of libkmod that we call. */
#define KMOD_CALLS(X)                                                                              \
	X(list_next)                                                                               \
	X(module_apply_filter)                                                                     \
	X(module_get_info)                                                                         \
	X(module_get_install_commands)                                                             \
	X(module_get_module)                                                                       \
	X(module_get_name)                                                                         \
	X(module_get_options)                                                                      \
	X(module_info_free_list)                                                                   \
	X(module_info_get_key)                                                                     \
	X(module_info_get_value)                                                                   \
	X(module_new_from_lookup)                                                                  \
	X(module_probe_insert_module)                                                              \
	X(module_unref)                                                                            \
	X(module_unref_list)                                                                       \
	X(new)                                                                                     \
	X(unref)

static struct {
#define CALL(name) typeof(kmod_##name) *name;
	KMOD_CALLS(CALL)
#undef CALL
} kmod;

/* Why there is no libkmod, as the end of a sentence: ": libkmod.so.2: cannot open ..."; else "". */
static char unloaded[200];

/* A context of the running system. NULL: there is no libkmod. */
static struct kmod_ctx *open_context(void)
{
#define CALL(name) {"kmod_" #name, &kmod.name},
	static const struct pt_symbol symbols[] = {KMOD_CALLS(CALL)};
#undef CALL
	static bool tried;

	if (!tried) {
		const char *why = pt_library_load("libkmod.so.2", symbols, PT_ARRAY_SIZE(symbols));

		snprintf(unloaded, sizeof(unloaded), "%s%s", why ? ": " : "", why ? why : "");
	}
	tried = true;
	return *unloaded ? NULL : kmod.new(NULL, NULL);
}

static void unref_context(struct kmod_ctx **context)
{
	if (*context)
		kmod.unref(*context);
}

static void unref_list(struct kmod_list **list)
{
	if (*list)
		kmod.module_unref_list(*list);
}

static void unref_module(struct kmod_module **module)
{
	if (*module)
		kmod.module_unref(*module);
}

static struct kmod_module *find_module(struct kmod_ctx *context, const char *name)
{
	struct kmod_list *list PT_CLEANUP(unref_list) = NULL;

	if (kmod.module_new_from_lookup(context, name, &list) < 0 || !list)
		return NULL;
	return kmod.module_get_module(list);
}

static bool is_blacklisted(struct kmod_ctx *context, const char *name)
{
	struct kmod_list *all PT_CLEANUP(unref_list) = NULL;
	struct kmod_list *allowed PT_CLEANUP(unref_list) = NULL;

	if (kmod.module_new_from_lookup(context, name, &all) < 0 || !all)
		return false;
	return kmod.module_apply_filter(context, KMOD_FILTER_BLACKLIST, all, &allowed) == 0 &&
	       !allowed;
}

/* Whether the program of an install command does nothing, which is how loading is forbidden. */
static bool does_nothing(const char *command)
{
	size_t length = strcspn(command, " \t;");
	const char *base = command;

	for (const char *at = command; at < command + length; at++) {
		if (*at == '/')
			base = at + 1;
	}
	length -= (size_t)(base - command);
	return (length == 5 && strncmp(base, "false", 5) == 0) ||
	       (length == 4 && strncmp(base, "true", 4) == 0);
}

static void take_command(const char *command, struct pt_module *ret)
{
	if (!command || !*command)
		return;
	ret->state = does_nothing(command) ? PT_MODULE_BLOCKED : PT_MODULE_CUSTOM;
	snprintf(ret->command, sizeof(ret->command), "%s", command);
}

/* The same of a copied host, of which nobody knows which modules its kernel has. */
static void look_at_copy(const struct pt_host *host, const char *name, struct pt_module *ret)
{
	struct pt_modprobe PT_MODPROBE modprobe = {0};

	ret->state = PT_MODULE_PRESENT;
	if (pt_modprobe_is_loaded(host, name))
		return;
	ret->state = PT_MODULE_UNKNOWN;
	pt_modprobe_read(host, name, &modprobe);
	ret->blacklisted = modprobe.blacklisted;
	take_command(modprobe.install, ret);
}

void pt_module_look(const struct pt_host *host, const char *name, struct pt_module *ret)
{
	struct kmod_ctx *context PT_CLEANUP(unref_context) = NULL;
	struct kmod_module *module PT_CLEANUP(unref_module) = NULL;

	*ret = (struct pt_module){.state = PT_MODULE_PRESENT};
	if (pt_module_driver(host, name, (char[PT_DRIVER_TEXT]){0}))
		return;
	if (!pt_host_is_live(host)) {
		look_at_copy(host, name, ret);
		return;
	}
	ret->state = PT_MODULE_UNKNOWN;
	context = open_context();
	if (!context)
		return;
	module = find_module(context, name);
	if (!module) {
		ret->state = PT_MODULE_MISSING;
		return;
	}
	ret->state = PT_MODULE_LOADABLE;
	ret->blacklisted = is_blacklisted(context, name);
	take_command(kmod.module_get_install_commands(module), ret);
}

char *pt_module_options(const struct pt_host *host, const char *name)
{
	struct kmod_ctx *context PT_CLEANUP(unref_context) = NULL;
	struct kmod_module *module PT_CLEANUP(unref_module) = NULL;
	const char *options;

	if (!pt_host_is_live(host)) {
		struct pt_modprobe PT_MODPROBE modprobe = {0};

		pt_modprobe_read(host, name, &modprobe);
		return PT_STEAL(modprobe.options);
	}
	context = open_context();
	module = context ? find_module(context, name) : NULL;
	options = module ? kmod.module_get_options(module) : NULL;
	return options ? pt_strdup(options) : NULL;
}

/* The value of an option; NULL: another option. For the kernel a hyphen is an underscore. */
static const char *behind_name(const char *option, const char *name)
{
	for (; *name; option++, name++) {
		if ((*option == '-' ? '_' : *option) != *name)
			return NULL;
	}
	return *option && *option != '=' ? NULL : option;
}

/* Source: lib/kstrtox.c, kstrtobool: one letter decides, of "on" and "off" the second. */
static bool is_true(const char *value)
{
	value += *value == '"';
	return strchr("yYtT1", *value)
		       ? *value != '\0'
		       : (*value == 'o' || *value == 'O') && (value[1] == 'n' || value[1] == 'N');
}

bool pt_options_set(const char *options, const char *name)
{
	struct pt_names PT_NAMES words = {0};
	bool set = false;

	pt_names_split(&words, options, " \t\n");
	pt_foreach (word, words.name, words.count) {
		const char *behind = behind_name(*word, name);

		if (behind)
			set = !*behind || is_true(behind + 1);
	}
	return set;
}

static bool is_number(unsigned int wanted, const char *text)
{
	return wanted == UINT_MAX || wanted == strtoul(text, NULL, 16);
}

/* Source: kernel, drivers/vfio/pci/vfio_pci.c, vfio_pci_fill_ids; drivers/pci/pci.h,
 * pci_match_one_device. What is left out, or ffffffff, is any. */
bool pt_ids_mean(const char *options, const struct pt_function *function)
{
	char list[1024];
	char *one, *rest;

	if (!options || !pt_cmdline_get(options, "ids", list, sizeof(list)))
		return false;
	for (one = strtok_r(list, ",", &rest); one; one = strtok_r(NULL, ",", &rest)) {
		unsigned int vendor, device, subvendor = UINT_MAX, subdevice = UINT_MAX, class = 0,
					     mask = 0;

		if (sscanf(one, "%x:%x:%x:%x:%x:%x", &vendor, &device, &subvendor, &subdevice,
			    &class, &mask) >= 2 &&
			is_number(vendor, function->vendor) &&
			is_number(device, function->device) &&
			is_number(subvendor, function->subvendor) &&
			is_number(subdevice, function->subdevice) &&
			!((class ^ function->class) & mask))
			return true;
	}
	return false;
}

bool pt_module_alias_blocked(const struct pt_host *host, const char *modalias, char ret[static 64])
{
	struct kmod_ctx *context PT_CLEANUP(unref_context) = NULL;
	struct kmod_module *module PT_CLEANUP(unref_module) = NULL;

	ret[0] = '\0';
	if (!pt_host_is_live(host))
		return pt_modprobe_alias_blocked(host, modalias, ret, 64);
	context = open_context();
	module = context ? find_module(context, modalias) : NULL;
	if (!module || !is_blacklisted(context, modalias))
		return false;
	snprintf(ret, 64, "%s", kmod.module_get_name(module));
	return true;
}

static void free_info(struct kmod_list **list)
{
	if (*list)
		kmod.module_info_free_list(*list);
}

/* Counts the wildcards in the module's alias for the modalias; SIZE_MAX: it has no such alias. */
static size_t wildcards_of(struct kmod_module *module, const char *modalias)
{
	struct kmod_list *info PT_CLEANUP(free_info) = NULL;
	struct kmod_list *one;
	size_t fewest = SIZE_MAX;

	if (kmod.module_get_info(module, &info) < 0)
		return SIZE_MAX;
	for (one = info; one; one = kmod.list_next(info, one)) {
		const char *pattern = kmod.module_info_get_value(one);
		size_t wildcards = 0;

		if (!pt_streq(kmod.module_info_get_key(one), "alias") ||
			fnmatch(pattern, modalias, 0) != 0)
			continue;
		for (const char *at = pattern; *at; at++)
			wildcards += *at == '*';
		fewest = wildcards < fewest ? wildcards : fewest;
	}
	return fewest;
}

bool pt_module_vfio(
	const struct pt_host *host, const char *modalias, char ret[static PT_DRIVER_TEXT])
{
	struct kmod_ctx *context PT_CLEANUP(unref_context) = NULL;
	struct kmod_list *list PT_CLEANUP(unref_list) = NULL;
	PT_FREE char *alias = NULL;
	struct kmod_list *one;
	size_t fewest = SIZE_MAX;

	snprintf(ret, PT_DRIVER_TEXT, "vfio_pci");
	if (!pt_host_is_live(host) || !pt_starts_with(modalias, "pci:"))
		return false;
	alias = pt_format("vfio_%s", modalias);
	context = open_context();
	if (!context || kmod.module_new_from_lookup(context, alias, &list) < 0)
		return false;
	for (one = list; one; one = kmod.list_next(list, one)) {
		struct kmod_module *module PT_CLEANUP(unref_module) = kmod.module_get_module(one);
		size_t wildcards = wildcards_of(module, alias);

		if (wildcards >= fewest)
			continue;
		fewest = wildcards;
		snprintf(ret, PT_DRIVER_TEXT, "%s", kmod.module_get_name(module));
	}
	return true;
}

static int refuse_install(struct kmod_module *module, const char *command, void *data)
{
	(void)module;
	(void)command;
	(void)data;
	return -ENOTSUP; /* an install command is shell text: not run by us */
}

static int load_list(struct kmod_list *list)
{
	struct kmod_list *one;
	int result = -ENOENT;

	for (one = list; one; one = kmod.list_next(list, one)) {
		struct kmod_module *module PT_CLEANUP(unref_module) = kmod.module_get_module(one);
		int r = kmod.module_probe_insert_module(module,
			KMOD_PROBE_APPLY_BLACKLIST_ALIAS_ONLY, NULL, refuse_install, NULL, NULL);

		if (result != 0)
			result = r > 0 ? -EPERM : r;
	}
	return result;
}

static int load_in_child(void *data, int out)
{
	const char *const *lookup = data;
	struct kmod_ctx *context PT_CLEANUP(unref_context) = open_context();
	struct kmod_list *list PT_CLEANUP(unref_list) = NULL;

	(void)out;
	if (!context)
		return -ENOSYS;
	if (kmod.module_new_from_lookup(context, *lookup, &list) < 0 || !list)
		return -ENOENT;
	return load_list(list);
}

static int explain_missing(const char *name, struct pt_err *err)
{
	return pt_err_set(err, -ENOENT,
		"driver %s is not there, and the running kernel has no module of that name", name);
}

int pt_module_ensure(const struct pt_host *host, const char *name, const char *alias,
	long long deadline_ms, struct pt_err *err)
{
	/* the name may be another module's, or none's: then the device's own alias finds it */
	const char *lookup[] = {name, alias};
	struct pt_module look;
	struct pt_child child;
	int r = -ENOENT;

	pt_module_look(host, name, &look);
	switch (look.state) {
	case PT_MODULE_PRESENT:
		return 0;
	case PT_MODULE_UNKNOWN:
		return pt_err_set(err, -EAGAIN,
			"driver %s is not there, and modules cannot be looked for%s", name,
			unloaded);
	case PT_MODULE_MISSING:
		if (!alias)
			return explain_missing(name, err);
		break;
	case PT_MODULE_BLOCKED:
		return pt_err_set(err, -EPERM,
			"driver %s is not there: modprobe.d replaces its loading by '%s'", name,
			look.command);
	case PT_MODULE_CUSTOM:
		return pt_err_set(err, -ENOTSUP,
			"driver %s is not there, and modprobe.d has it loaded by '%s': load it at "
			"boot (/etc/modules)",
			name, look.command);
	case PT_MODULE_LOADABLE:
		break;
	}
	for (size_t i = 0; i < PT_ARRAY_SIZE(lookup) && lookup[i]; i++) {
		if (pt_child_start(&child, load_in_child, &lookup[i], NULL, 0, false, err) < 0)
			return -EAGAIN;
		r = pt_child_wait(&child, deadline_ms);
		if (pt_module_driver(host, name, (char[PT_DRIVER_TEXT]){0}))
			return 0;
	}
	if (r == -ETIME)
		return pt_err_set(err, r, "loading module %s has not ended by the deadline", name);
	if (r == -ENOENT)
		return explain_missing(name, err);
	if (r == 0)
		r = -ENODEV;
	return pt_err_errno(err, r, "loading module %s%s failed (the kernel log says more)", name,
		look.blacklisted ? ", which modprobe.d blacklists," : "");
}
