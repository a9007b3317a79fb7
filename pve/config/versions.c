// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/config/versions.h"

#define STATUS	   "/var/lib/dpkg/status"
#define STATUS_MAX (32U * 1024 * 1024)

/* The value of a field in the paragraph at text, which a blank line ends. The caller frees it. */
static char *field_of(const char *text, const char *field)
{
	const char *end = strstr(text, "\n\n");

	for (; text && (!end || text < end); text = strchr(text, '\n')) {
		text += *text == '\n';
		if (pt_starts_with(text, field)) {
			text += strlen(field);
			return pt_strndup(text, strcspn(text, "\n"));
		}
	}
	return NULL;
}

/* The version of a package that is installed, or NULL. The caller frees it. */
static char *find_version(const char *status, const char *package)
{
	PT_FREE char *line = pt_format("\nPackage: %s\n", package);
	const char *at = pt_starts_with(status, line + 1) ? status : strstr(status, line);
	PT_FREE char *state = NULL;

	if (!at)
		return NULL;
	at += *at == '\n';
	state = field_of(at, "Status: ");
	return state && strstr(state, " installed") ? field_of(at, "Version: ") : NULL;
}

void pt_versions_read(const struct pt_host *host, struct pt_versions *ret)
{
	PT_FREE char *status = NULL;

	*ret = (struct pt_versions){0};
	pt_host_read_line(host, "/proc/sys/kernel/osrelease", &ret->kernel);
	if (pt_host_read(host, STATUS, STATUS_MAX, &status, NULL) < 0)
		return;
	ret->manager = find_version(status, "pve-manager");
	ret->qemu = find_version(status, "pve-qemu-kvm");
	ret->qemu_server = find_version(status, "qemu-server");
}

void pt_versions_clear(struct pt_versions *versions)
{
	free(versions->kernel);
	free(versions->manager);
	free(versions->qemu);
	free(versions->qemu_server);
	*versions = (struct pt_versions){0};
}

bool pt_version_from(
	const char *version, unsigned int major, unsigned int minor, unsigned int patch)
{
	unsigned int is[3] = {0};
	const char *colon;

	if (!version)
		return false;
	colon = strchr(version, ':');
	if (sscanf(colon ? colon + 1 : version, "%u.%u.%u", &is[0], &is[1], &is[2]) < 1)
		return false;
	if (is[0] != major)
		return is[0] > major;
	return is[1] != minor ? is[1] > minor : is[2] >= patch;
}
