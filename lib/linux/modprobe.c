// SPDX-License-Identifier: AGPL-3.0-or-later
#include <ctype.h>
#include <fnmatch.h>

#include "lib/linux/modprobe.h"

#define FILE_MAX  (1024U * 1024)
#define ALIAS_MAX (32U * 1024 * 1024)

/* The first folder that has a file of some name hides those of that name in the others. */
static const char *const folders[] = {"/etc/modprobe.d", "/run/modprobe.d",
	"/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d"};

void pt_modprobe_clear(struct pt_modprobe *modprobe)
{
	free(modprobe->options);
	free(modprobe->install);
	*modprobe = (struct pt_modprobe){0};
}

/* Whether the word, up to its length, names the module. */
static bool names(const char *word, size_t length, const char *module)
{
	if (length != strlen(module))
		return false;
	for (size_t i = 0; i < length; i++) {
		if ((word[i] == '-' ? '_' : word[i]) != (module[i] == '-' ? '_' : module[i]))
			return false;
	}
	return true;
}

/* Cuts the next word off the line: its beginning, and its length. */
static const char *next_word(const char **line, size_t *ret_length)
{
	const char *word = *line + strspn(*line, " \t");

	*ret_length = strcspn(word, " \t");
	*line = word + *ret_length;
	*line += strspn(*line, " \t");
	return word;
}

static void take_line(const char *line, const char *module, struct pt_modprobe *modprobe)
{
	size_t command_length, length;
	const char *command = next_word(&line, &command_length);
	const char *name = next_word(&line, &length);

	if (!names(name, length, module))
		return;
	if (names(command, command_length, "options") && *line)
		modprobe->options = pt_list_add(modprobe->options, " ", line);
	else if (names(command, command_length, "blacklist"))
		modprobe->blacklisted = true;
	else if (names(command, command_length, "install") && !modprobe->install)
		modprobe->install = pt_strdup(line);
}

static void take_file(const struct pt_host *host, const char *path, const char *module,
	struct pt_modprobe *modprobe)
{
	PT_FREE char *text = NULL;
	char *line, *rest, *joint;

	if (pt_host_read(host, path, FILE_MAX, &text, NULL) < 0)
		return;
	for (joint = text; (joint = strstr(joint, "\\\n"));)
		memmove(joint, joint + 2, strlen(joint + 2) + 1);
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		line[strcspn(line, "\r")] = '\0';
		if (line[strspn(line, " \t")] != '#')
			take_line(line, module, modprobe);
	}
}

/* Options on the kernel's command line, "vfio-pci.ids=10de:2204". */
static void take_cmdline(
	const struct pt_host *host, const char *module, struct pt_modprobe *modprobe)
{
	PT_FREE char *cmdline = NULL;
	struct pt_names PT_NAMES words = {0};

	if (pt_host_read_line(host, "/proc/cmdline", &cmdline) < 0)
		return;
	pt_names_split(&words, cmdline, " \t");
	pt_foreach (word, words.name, words.count) {
		size_t length = strcspn(*word, ".=");

		if ((*word)[length] == '.' && names(*word, length, module))
			modprobe->options = pt_list_add(modprobe->options, " ", *word + length + 1);
		if ((pt_starts_with(*word, "module_blacklist=") ||
			    pt_starts_with(*word, "modprobe.blacklist="))) {
			const char *list = strchr(*word, '=') + 1;

			while (*list) {
				size_t one = strcspn(list, ",");

				modprobe->blacklisted |= names(list, one, module);
				list += one + (list[one] == ',');
			}
		}
	}
}

void pt_modprobe_read(const struct pt_host *host, const char *module, struct pt_modprobe *ret)
{
	struct pt_names PT_NAMES seen = {0};

	*ret = (struct pt_modprobe){0};
	pt_foreach (folder, folders, PT_ARRAY_SIZE(folders)) {
		struct pt_names PT_NAMES files = {0};

		if (pt_host_list(host, *folder, &files) < 0)
			continue;
		pt_foreach (name, files.name, files.count) {
			PT_FREE char *path = pt_format("%s/%s", *folder, *name);
			size_t length = strlen(*name);
			bool hidden = length < 5 || !pt_streq(*name + length - 5, ".conf");

			pt_foreach (other, seen.name, seen.count)
				hidden |= pt_streq(*other, *name);
			if (hidden)
				continue;
			pt_names_add(&seen, *name);
			take_file(host, path, module, ret);
		}
	}
	take_cmdline(host, module, ret);
}

bool pt_modprobe_is_loaded(const struct pt_host *host, const char *module)
{
	PT_FREE char *text = NULL;
	char *line, *rest;

	if (pt_host_read(host, "/proc/modules", FILE_MAX, &text, NULL) < 0)
		return false;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (names(line, strcspn(line, " "), module))
			return true;
	}
	return false;
}

bool pt_modprobe_alias_blocked(
	const struct pt_host *host, const char *modalias, char *ret, size_t size)
{
	PT_FREE char *release = NULL, *path = NULL, *text = NULL;
	bool any = false, all = true;
	char *line, *rest;

	ret[0] = '\0';
	if (pt_host_read_line(host, "/proc/sys/kernel/osrelease", &release) < 0 ||
		strchr(release, '/'))
		return false;
	path = pt_format("/lib/modules/%s/modules.alias", release);
	if (pt_host_read(host, path, ALIAS_MAX, &text, NULL) < 0)
		return false;
	for (line = strtok_r(text, "\n", &rest); line && all; line = strtok_r(NULL, "\n", &rest)) {
		struct pt_modprobe PT_MODPROBE modprobe = {0};
		char pattern[256], module[64];

		if (sscanf(line, "alias %255s %63s", pattern, module) != 2 ||
			fnmatch(pattern, modalias, 0) != 0)
			continue;
		any = true;
		pt_modprobe_read(host, module, &modprobe);
		all = modprobe.blacklisted;
		snprintf(ret, size, "%s", module);
	}
	if (!any || !all)
		ret[0] = '\0';
	return any && all;
}
