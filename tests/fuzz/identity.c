// SPDX-License-Identifier: AGPL-3.0-or-later
#include <fcntl.h>
#include <sys/stat.h>

#include "pve/config/identity.h"
#include "tests/fuzz/fuzz.h"

/* A record is a file: it is written for each input. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pt_host *host;
	static char root[] = "/tmp/pt-fuzz-XXXXXX";
	struct pt_identities identities = {0};
	char path[128];
	FILE *file;

	if (!host) {
		if (!mkdtemp(root) || pt_host_open(&host, root, NULL, NULL) < 0)
			abort();
		pt_host_make_dir(host, "/var");
		pt_host_make_dir(host, "/var/lib");
		pt_host_make_dir(host, "/var/lib/pve-ptconf");
		pt_host_make_dir(host, "/var/lib/pve-ptconf/identity");
	}
	snprintf(path, sizeof(path), "%s/var/lib/pve-ptconf/identity/100.json", root);
	file = fopen(path, "we");
	if (!file)
		abort();
	fwrite(data, 1, size, file);
	fclose(file);
	pt_identities_read(host, 100, &identities, NULL);
	pt_identities_clear(&identities);
	return 0;
}
