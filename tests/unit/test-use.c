// SPDX-License-Identifier: AGPL-3.0-or-later
#include <pthread.h>

#include "lib/use/use.h"
#include "tests/unit/unit.h"

#define DISK "0000:02:00.0"
#define NIC  "0000:04:00.0"

static void to_json_and_back(void **state)
{
	static const char bad[] =
		"[{\"function\":\"0000:02:00.0\",\"kind\":\"magic\",\"weak\":false,"
		"\"what\":\"a\",\"how\":\"b\",\"pid\":0}]";
	struct pt_uses PT_USES uses = {0}, again = {0};
	char card[] = "/dev/dri/card0", volume[] = "LVM volume x (dm-0)", place[] = "/mnt";
	struct pt_use like = {
		.bdf = bdf_of(DISK),
		.kind = PT_USE_GPU,
		.how = PT_USE_OPEN,
		.weak = true,
		.system = true,
		.what = card,
		.via = volume,
		.place = place,
		.end = place,
		.pid = 7,
		.process = "Xorg",
		.container = "101",
		.unit = "x.service",
		.guest = 100,
	};
	struct json_object *json;
	struct pt_err err = {0};

	(void)state;
	pt_uses_add(&uses, &like);
	pt_uses_add(&uses, &like);
	assert_int_equal(uses.count, 1);
	json = pt_record_to_json(&pt_uses_record, &uses);
	assert_int_equal(pt_record_from_json(&pt_uses_record, json, &again, NULL), 0);
	json_object_put(json);
	assert_int_equal(again.count, 1);
	assert_string_equal(again.use[0].what, "/dev/dri/card0");
	assert_int_equal(again.use[0].how, PT_USE_OPEN);
	assert_string_equal(again.use[0].via, volume);
	assert_string_equal(again.use[0].place, place);
	assert_string_equal(again.use[0].end, place);
	assert_string_equal(again.use[0].process, "Xorg");
	assert_string_equal(again.use[0].container, "101");
	assert_string_equal(again.use[0].unit, "x.service");
	assert_int_equal(again.use[0].guest, 100);
	assert_true(again.use[0].system);
	assert_int_equal(again.use[0].kind, PT_USE_GPU);
	assert_true(again.use[0].weak);
	assert_int_equal(again.use[0].pid, 7);
	assert_false(pt_uses_strong(&again, &like.bdf));
	json = json_tokener_parse(bad);
	assert_int_equal(pt_record_from_json(&pt_uses_record, json, &again, &err), -EINVAL);
	assert_holds(err.text, "[0]: \"kind\" is none of the words that this version knows");
	json_object_put(json);
	json = json_tokener_parse("{}");
	assert_int_equal(pt_record_from_json(&pt_uses_record, json, &again, &err), -EINVAL);
	assert_holds(err.text, "is no array");
	json_object_put(json);
}

/* A facts file of version 1 has the sentence itself, and the bridge of an only port. */
static void reads_old_sentences(void **state)
{
	static const char old[] =
		"[{\"function\":\"0000:02:00.0\",\"kind\":\"block\",\"weak\":false,\"what\":"
		"\"sda\",\"how\":\"is mounted at /\",\"pid\":0},"
		"{\"function\":\"0000:02:00.0\",\"kind\":\"net\",\"weak\":true,\"what\":\"eth0\","
		"\"how\":\"is the only port of bridge vmbr1, which has no address\",\"pid\":0,"
		"\"bridge\":\"vmbr1\"}]";
	struct json_object *json = json_tokener_parse(old);
	struct pt_uses PT_USES uses = {0};

	(void)state;
	assert_int_equal(pt_record_from_json(&pt_uses_record, json, &uses, NULL), 0);
	assert_int_equal(uses.count, 2);
	assert_string_equal(on_loan(pt_use_text(&uses.use[0])), "sda is mounted at /");
	assert_int_equal(uses.use[1].how, PT_USE_ONLY_PORT);
	assert_string_equal(uses.use[1].place, "vmbr1");
	json_object_put(json);
}

static void a_sentence_without_its_words_is_refused(void **state)
{
	static const char *const hows[] = {"mounted", "pool", "active", "port", "only-port"};

	(void)state;
	for (size_t i = 0; i < PT_ARRAY_SIZE(hows); i++) {
		PT_FREE char *text = pt_format(
			"[{\"function\":\"0000:02:00.0\",\"kind\":\"block\",\"weak\":false,"
			"\"what\":\"sda\",\"how\":\"%s\",\"pid\":0}]",
			hows[i]);
		struct json_object *json = json_tokener_parse(text);
		struct pt_uses PT_USES uses = {0};
		struct pt_err err = {0};

		assert_int_equal(pt_record_from_json(&pt_uses_record, json, &uses, &err), -EINVAL);
		assert_holds(err.text, "lacks its");
		json_object_put(json);
	}
}

static void a_user_is_named_by_all_that_is_known(void **state)
{
	static const struct {
		struct pt_use use;
		const char *text, *end;
	} cases[] = {
		{{.pid = 7}, "it is open in process 7", NULL},
		{{.pid = 7, .process = "Xorg"}, "it is open in process 7 (Xorg)", NULL},
		{{.pid = 7, .process = "Xorg", .container = "101"},
			"it is open in process 7 (Xorg) of container 101", "stop container 101"},
		{{.pid = 7, .process = "kvm", .guest = 100}, "it is open in guest 100 (process 7)",
			"stop guest 100"},
		{{.pid = 7, .process = ") of container 1"},
			"it is open in process 7 () of container 1)", NULL},
	};

	(void)state;
	for (size_t i = 0; i < PT_ARRAY_SIZE(cases); i++) {
		struct pt_use use = cases[i].use;
		const char *end;
		char what[] = "it";

		use.what = what;
		assert_string_equal(on_loan(pt_use_text(&use)), cases[i].text);
		end = on_loan(pt_use_end(&use));
		if (cases[i].end)
			assert_string_equal(end, cases[i].end);
		else
			assert_null(end);
	}
}

/* Processes and mount points have names of any bytes. */
static void names_are_made_plain(void **state)
{
	struct pt_uses PT_USES uses = {0};
	char disk[] = "sd\xc3\xa9", place[] = "/a\nb\x1b[31m";
	struct pt_use like = {
		.bdf = bdf_of(DISK), .how = PT_USE_MOUNTED, .what = disk, .place = place};

	(void)state;
	snprintf(like.unit, sizeof(like.unit), "ev\xffil.service");
	snprintf(like.process, sizeof(like.process), "X\xff");
	pt_uses_add(&uses, &like);
	assert_string_equal(on_loan(pt_use_text(&uses.use[0])), "sd?? is mounted at /a?b?[31m");
	assert_string_equal(uses.use[0].unit, "ev?il.service");
	assert_string_equal(uses.use[0].process, "X?");
	assert_true(pt_uses_strong(&uses, &like.bdf));
}

/* All kinds at once, of two functions at once. */
static void gathers_of_every_kind(void **state)
{
	struct fake *fake = *state;
	struct pt_function disk = {0}, nic = {0};
	const struct pt_function *const functions[] = {&disk, &nic};
	struct pt_bdf disk_bdf = bdf_of(DISK), nic_bdf = bdf_of(NIC);
	struct pt_uses PT_USES uses = {0};

	fake_file(fake, "/sys/bus/pci/devices/" DISK "/nvme/nvme0/nvme0n1/dev", "259:0\n");
	fake_file(fake, "/sys/bus/pci/devices/" DISK "/nvme/nvme0/nvme0n1/uevent",
		"DEVNAME=nvme0n1\n");
	fake_link(fake, "/sys/bus/pci/devices/" DISK "/nvme/nvme0/nvme0n1/subsystem",
		"/sys/class/block");
	fake_link(fake, "/sys/class/block/nvme0n1",
		"/sys/bus/pci/devices/" DISK "/nvme/nvme0/nvme0n1");
	fake_file(fake, "/proc/1/mountinfo", "22 1 259:0 / /data rw - xfs /dev/nvme0n1 rw\n");
	assert_int_equal(pt_function_read(fake->host, &disk_bdf, &disk, NULL), 0);
	assert_int_equal(pt_function_read(fake->host, &nic_bdf, &nic, NULL), 0);
	assert_int_equal(
		pt_uses_gather(fake->host, functions, 0, pt_now_ms() + 5000, &uses, NULL), 0);
	assert_int_equal(uses.count, 0);
	assert_int_equal(
		pt_uses_gather(fake->host, functions, 2, pt_now_ms() + 5000, &uses, NULL), 0);
	assert_int_equal(uses.count, 2);
	assert_string_equal(on_loan(pt_use_text(&uses.use[0])), "nvme0n1 is mounted at /data");
	assert_true(pt_uses_strong(&uses, &disk_bdf));
	/* a card on its driver without an interface here */
	assert_string_equal(uses.use[1].what, "its interface");
	assert_false(pt_uses_strong(&uses, &nic_bdf));
	pt_function_clear(&disk);
	pt_function_clear(&nic);
}

/* Whether children hang, as in a driver, before they have looked at anything. */
static bool children_hang;

static void hang(void)
{
	while (children_hang)
		pause();
}

static void what_cannot_be_found_out_is_told(void **state)
{
	struct fake *fake = *state;
	struct pt_function disk = {0};
	const struct pt_function *const functions[] = {&disk, &disk};
	struct pt_bdf bdf = bdf_of(DISK);
	struct pt_uses PT_USES uses = {0};
	struct pt_err err = {0};

	fake_file(fake, "/sys/bus/pci/devices/" DISK "/nvme/nvme0/dev", "259:0\n");
	assert_int_equal(pt_function_read(fake->host, &bdf, &disk, NULL), 0);
	assert_int_equal(pthread_atfork(NULL, NULL, hang), 0);
	children_hang = true;
	assert_int_equal(
		pt_uses_gather(fake->host, functions, 1, pt_now_ms() - 1, &uses, &err), -ETIME);
	assert_string_equal(err.text, DISK ": a driver hangs, so its uses cannot be read");
	assert_int_equal(
		pt_uses_gather(fake->host, functions, 2, pt_now_ms() - 1, &uses, &err), -ETIME);
	assert_holds(err.text, DISK " and others: a driver hangs");
	children_hang = false;
	/* the child's own reason and code get through */
	fake_remove(fake, "/proc");
	fake_file(fake, "/proc", "no folder");
	assert_int_equal(pt_uses_gather(fake->host, functions, 1, pt_now_ms() + 5000, &uses, &err),
		-ENOTDIR);
	assert_holds(err.text, "look for users of device files: Not a directory");
	assert_int_equal(uses.count, 0);
	pt_function_clear(&disk);
}

/* More users hold the module than are seen. */
static void a_driver_in_use(void **state)
{
	struct fake *fake = *state;
	struct pt_function disk = {0};
	const struct pt_function *const functions[] = {&disk};
	struct pt_bdf bdf = bdf_of(DISK);
	struct pt_uses PT_USES uses = {0};

	fake_link(fake, "/sys/bus/pci/drivers/nvme/module", "/sys/module/nvme");
	fake_link(fake, "/sys/bus/pci/drivers/nvme/" DISK, "/sys/bus/pci/devices/" DISK);
	fake_file(fake, "/sys/module/nvme/refcnt", "1\n");
	fake_dir(fake, "/sys/module/nvme/holders");
	assert_int_equal(pt_function_read(fake->host, &bdf, &disk, NULL), 0);
	assert_int_equal(
		pt_uses_gather(fake->host, functions, 1, pt_now_ms() + 5000, &uses, NULL), 0);
	assert_int_equal(uses.count, 0);
	fake_file(fake, "/sys/module/nvme/refcnt", "2\n");
	assert_int_equal(
		pt_uses_gather(fake->host, functions, 1, pt_now_ms() + 5000, &uses, NULL), 0);
	assert_int_equal(uses.count, 1);
	assert_string_equal(on_loan(pt_use_text(&uses.use[0])),
		"nvme is in use 2 times, more often than the functions that it drives explain");
	assert_true(uses.use[0].weak);
	pt_function_clear(&disk);
}

/* A thousand openers of a device file are counted by the last that is listed, and hide nobody
 * else's. */
static void many_of_a_kind_are_one(void **state)
{
	char card[] = "card0";
	struct pt_use like = {.bdf = bdf_of(DISK), .kind = PT_USE_GPU, .what = card};
	struct pt_uses PT_USES uses = {0};

	(void)state;
	for (like.pid = 1; like.pid <= 1000; like.pid++)
		pt_uses_add(&uses, &like);
	assert_int_equal(uses.count, 200);
	assert_string_equal(on_loan(pt_use_text(&uses.use[199])),
		"card0 is open in process 200, and 800 more like it");
	snprintf(like.unit, sizeof(like.unit), "other.service");
	pt_uses_add(&uses, &like);
	assert_int_equal(uses.count, 201);
}

/* So many units have it open that only one of each kind is listed from there on. */
static void a_flood_is_cut_and_not_failed(void **state)
{
	char card[] = "card0";
	struct pt_use like = {.bdf = bdf_of(DISK), .kind = PT_USE_GPU, .what = card};
	struct pt_uses PT_USES uses = {0};

	(void)state;
	uses.use = pt_calloc(2000, sizeof(*uses.use));
	for (uses.count = 0; uses.count < 2000; uses.count++)
		uses.use[uses.count] = (struct pt_use){.bdf = like.bdf, .kind = PT_USE_SOUND};
	pt_uses_add(&uses, &like);
	assert_int_equal(uses.count, 2001);
	like.pid = 7;
	snprintf(like.unit, sizeof(like.unit), "other.service");
	pt_uses_add(&uses, &like);
	assert_int_equal(uses.count, 2001);
	assert_int_equal(uses.use[2000].more, 1);
}

/* Whether the running system lies on the disk decides more than any other use of it. */
static void a_use_of_the_system_is_never_merged(void **state)
{
	char disk[] = "sda1", place[] = "/srv";
	struct pt_use like = {.bdf = bdf_of(DISK),
		.kind = PT_USE_BLOCK,
		.how = PT_USE_MOUNTED,
		.what = disk,
		.place = place};
	struct pt_uses PT_USES uses = {0};

	(void)state;
	for (like.pid = 1; like.pid <= 300; like.pid++)
		pt_uses_add(&uses, &like);
	assert_int_equal(uses.count, 200);
	like.how = PT_USE_SWAP;
	like.system = true;
	pt_uses_add(&uses, &like);
	assert_int_equal(uses.count, 201);
	assert_true(uses.use[200].system);
}

static void more_uses_than_any_host_has_are_refused(void **state)
{
	struct json_object *json = json_object_new_array();
	struct pt_uses PT_USES uses = {0};
	struct pt_err err = {0};

	(void)state;
	for (int i = 0; i <= 100000; i++)
		json_object_array_add(json, NULL);
	assert_int_equal(pt_record_from_json(&pt_uses_record, json, &uses, &err), -EINVAL);
	assert_string_equal(err.text, "has more than 100000 elements");
	json_object_put(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flood_is_cut_and_not_failed),
		cmocka_unit_test(a_use_of_the_system_is_never_merged),
		cmocka_unit_test(more_uses_than_any_host_has_are_refused),
		cmocka_unit_test(to_json_and_back),
		cmocka_unit_test(reads_old_sentences),
		cmocka_unit_test(a_sentence_without_its_words_is_refused),
		cmocka_unit_test(a_user_is_named_by_all_that_is_known),
		cmocka_unit_test(names_are_made_plain),
		cmocka_unit_test(many_of_a_kind_are_one),
		MACHINE_TEST(gathers_of_every_kind),
		MACHINE_TEST(what_cannot_be_found_out_is_told),
		MACHINE_TEST(a_driver_in_use),
	};

	return cmocka_run_group_tests_name("use", tests, NULL, NULL);
}
