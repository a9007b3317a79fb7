// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/claim/store.h"
#include "tests/fuzz/fuzz-host.h"

#define DIR "/run/pt"

/* The input is every kind of record at once; each reads it as its own. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const files[] = {DIR "/guest/100.json", DIR "/ended/100-a.json",
		DIR "/undone/100-a.json", DIR "/function/0000:02:00.0.json",
		DIR "/unit/a.service.json", DIR "/claims/100.json"};
	struct fake *fake = fuzz_host();
	struct pt_store *store = NULL;
	struct pt_records records = {0};

	fake_dir(fake, "/run");
	for (size_t i = 0; i < PT_ARRAY_SIZE(files); i++)
		fake_bytes(fake, files[i], (const char *)data, size);
	if (pt_store_open(&store, fake->host, DIR, false, NULL) < 0)
		abort();
	pt_records_read(store, &records);
	pt_foreach (guest, records.guest, records.guest_count)
		json_object_put(pt_record_to_json(&pt_guest_file, guest));
	pt_foreach (function, records.function, records.count) {
		if (!function->unreadable)
			json_object_put(pt_record_to_json(&pt_function_file, function));
	}
	pt_records_clear(&records);
	pt_store_close(store);
	return 0;
}
