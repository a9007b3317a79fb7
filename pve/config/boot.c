// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/config/boot.h"

#define GRUB_MAX (64U * 1024)
#define GRUB_KEY "GRUB_CMDLINE_LINUX"

/* The values of GRUB_CMDLINE_LINUX and GRUB_CMDLINE_LINUX_DEFAULT. The caller frees it. */
static char *read_grub(const struct pt_host *host)
{
	PT_FREE char *text = NULL;
	char *line, *rest, *list = NULL;

	if (pt_host_read(host, PT_BOOT_GRUB_FILE, GRUB_MAX, &text, NULL) < 0)
		return NULL;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *value = strchr(line, '=');
		PT_FREE char *plain = NULL;

		if (!pt_starts_with(line, GRUB_KEY) || !value)
			continue;
		value++;
		value += *value == '"' || *value == '\'';
		plain = pt_strndup(value, strcspn(value, "\"'"));
		list = pt_list_add(list, " ", plain);
	}
	return list;
}

void pt_boot_read(const struct pt_host *host, struct pt_boot *ret)
{
	*ret = (struct pt_boot){0};
	pt_host_read_line(host, PT_BOOT_SYSTEMD_FILE, &ret->systemd);
	ret->grub = read_grub(host);
}

void pt_boot_clear(struct pt_boot *boot)
{
	free(boot->systemd);
	free(boot->grub);
	*boot = (struct pt_boot){0};
}
