// SPDX-License-Identifier: AGPL-3.0-or-later
#include <net/if.h>

#include "use-net.h"

bool pt_net_up(
	const struct pt_host *host, const struct pt_bdf *bdf, char ret[static PT_NETDEV_TEXT])
{
	struct pt_names PT_NAMES names = {0};
	char path[PT_PCI_PATH];

	ret[0] = '\0';
	if (pt_host_list(host, pt_pci_path(bdf, "net", path), &names) < 0)
		return false;
	pt_foreach (name, names.name, names.count) {
		PT_FREE char *flags = NULL;
		char file[PT_NETDEV_TEXT + 16];

		snprintf(file, sizeof(file), "net/%.15s/flags", *name);
		if (pt_host_read_line(host, pt_pci_path(bdf, file, path), &flags) < 0)
			continue;
		if (strtoul(flags, NULL, 16) & IFF_UP) {
			snprintf(ret, PT_NETDEV_TEXT, "%s", *name);
			return true;
		}
	}
	return false;
}
