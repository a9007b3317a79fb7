// SPDX-License-Identifier: AGPL-3.0-or-later
/* Names in texts are found, and nothing else is. What a place of the facts holds is test-mask's. */
#include "pve/node/mask-words.h"
#include "tests/unit/unit.h"

/* The text with its names masked; the caller's. */
static char *put(struct pt_masks *masks, enum pt_mask_words words, const char *text)
{
	char *masked = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&masked, &size);

	assert_non_null(out);
	pt_mask_put_words(masks, words, PT_MASK_NAME, text, out);
	assert_int_equal(fclose(out), 0);
	return masked;
}

static void sentences_keep_their_words(void **state)
{
	static const struct {
		const char *text, *masked;
	} cases[] = {
		{"x.service: process 4711 (quuxd) still has IOMMU group 1 open; end it first",
			"unit-1.service: process 4711 (process-1) still has IOMMU group 1 open; end it "
			"first"},
		{"process 1 (O'Quux x) still has it", "process 1 (process-1) still has it"},
		{"igb: the kernel has not answered", "igb: the kernel has not answered"},
		{"the host's name is not 'quux'", "the host's name is not 'name-1'"},
		{"not 'Joe's Quux' here", "not 'name-1 name-2' here"},
		{"by 'sh -c 'echo quux'' here", "by 'name-1 name-2 'name-3 name-4'' here"},
		{"line 3: stop-units: 'x' is no name of a unit (name.service)",
			"line 3: stop-units: 'name-1' is no name of a unit (name.service)"},
		{"/etc/pve-ptconf/ptconf.conf: Permission denied",
			"/etc/pve-ptconf/ptconf.conf: Permission denied"},
		{"/sys/class/net/quux: gone", "/path-1: gone"},
		{"10.1.2.3 and 10.1.2.3/24", "address-1 and address-1/24"},
		{"00:A0:c9:00:00:01 00-a0-c9-00-00-01", "mac-1 mac-1"},
	};

	(void)state;
	pt_foreach (one, cases, PT_ARRAY_SIZE(cases)) {
		struct pt_masks *masks = pt_masks_new();
		PT_FREE char *masked = NULL;

		pt_masks_keep(masks, "igb");
		pt_masks_keep(masks, "igb");
		masked = put(masks, PT_MASK_SENTENCE, one->text);
		assert_string_equal(masked, one->masked);
		pt_masks_free(masks);
	}
}

/* A name that has a mask keeps it in a sentence, where it looks like any word. */
static void a_known_name_is_found_in_a_sentence(void **state)
{
	struct pt_masks *masks = pt_masks_new();
	PT_FREE char *masked = NULL;

	(void)state;
	assert_string_equal(pt_mask_of(masks, "node", "quux"), "node-1");
	assert_string_equal(pt_mask_of(masks, "node", "other"), "node-2");
	assert_string_equal(pt_mask_of(masks, "pool", "quux"), "pool-1");
	assert_string_equal(pt_mask_of(masks, PT_MASK_SERIAL, "quux"), "0000000000000001");
	masked = put(masks, PT_MASK_SENTENCE, "nothing of quux, other and more");
	assert_string_equal(masked, "nothing of node-1, node-2 and more");
	pt_masks_free(masks);
}

static void a_wrong_value_stays_as_wrong(void **state)
{
	static const char *const cases[][2] = {{"ON", "ON"}, {"maybe", "xxxxx"}, {"9a b", "0x x"},
		{"01:00.0;02:00.0", "01:00.0;02:00.0"}, {"10.1.2.3", "00.0.0.0"},
		{"00:a0:c9:00:00:01", "00:x0:x0:00:00:00"}, {"0x10de", "0x10de"},
		{"M\xc3\xbcll", "xxxxx"}, {"", ""}};
	struct pt_masks *masks = pt_masks_new();

	(void)state;
	pt_foreach (one, cases, PT_ARRAY_SIZE(cases)) {
		PT_FREE char *masked = NULL;
		size_t size = 0;
		FILE *out = open_memstream(&masked, &size);

		pt_mask_put_value(masks, (*one)[0], out);
		assert_int_equal(fclose(out), 0);
		assert_string_equal(masked, (*one)[1]);
	}
	pt_masks_free(masks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sentences_keep_their_words),
		cmocka_unit_test(a_known_name_is_found_in_a_sentence),
		cmocka_unit_test(a_wrong_value_stays_as_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
