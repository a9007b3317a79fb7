// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/config/backup.h"
#include "tests/fuzz/fuzz.h"

/* The input is both files: jobs and users. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pt_backups backups = {0};
	char *text = fuzz_text(data, size);

	pt_backups_parse(text, text, "node1", &backups);
	pt_backups_find(&backups, 100);
	pt_backups_clear(&backups);
	free(text);
	return 0;
}
