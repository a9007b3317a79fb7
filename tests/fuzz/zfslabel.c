// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/use/zfslabel.h"
#include "tests/fuzz/fuzz.h"

#define LIST_AT (16 * 1024) /* nothing before the list is read */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char *label = calloc(1, LIST_AT + size);
	char *pool;

	if (!label)
		return 0;
	if (size)
		memcpy(label + LIST_AT, data, size);
	pool = pt_zfs_label_pool(label, LIST_AT + size);
	if (pool && (!*pool || strlen(pool) > 255))
		abort();
	free(pool);
	free(label);
	return 0;
}
