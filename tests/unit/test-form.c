// SPDX-License-Identifier: AGPL-3.0-or-later
/* Corners of what clients send; tests/clients has whole inputs with their answers. */
#include "pve/config/form.h"
#include "tests/unit/unit.h"

static const struct pt_guest_query query = {.vmid = 100, .node = "node1", .view = PT_VIEW_CURRENT};

/* Reads the single guest of the text; the caller frees it. */
static struct pt_guest *read_one(const char *text)
{
	struct pt_form_guests PT_FORM guests = {0};
	struct pt_err err = {0};

	if (pt_form_read(text, strlen(text), &query, &guests, &err) < 0)
		fail_msg("'%s': %s", text, err.text);
	assert_int_equal(guests.count, 1);
	return PT_STEAL(guests.guest[0]);
}

static void refuses(const char *text, const char *why)
{
	struct pt_form_guests PT_FORM guests = {0};
	struct pt_err err = {0};

	assert_true(pt_form_read(text, strlen(text), &query, &guests, &err) < 0);
	assert_holds(err.text, why);
}

/* An entry that Proxmox VE has not is judged as a line that it drops. */
static void drops(const char *text, const char *line)
{
	struct pt_guest PT_GUEST *guest = read_one(text);

	assert_int_equal(guest->dropped_count, 1);
	assert_string_equal(guest->dropped[0].value, line);
}

static void an_object_has_plain_values(void **state)
{
	struct pt_guest *guest;

	(void)state;
	refuses("{\"hostpci0\":{}}", "\"hostpci0\" is neither text nor number");
	refuses("{\"args\":[1]}", "\"args\" is neither text nor number");
	refuses("{", "not JSON");
	refuses("[]", "no object with a guest's keys");
	refuses("{\"data\":[]}", "no object with a guest's keys");
	refuses("{}", "no key of a guest's config");
	refuses("{\"name2\":\"x\",\"error\":7}", "no key of a guest's config");
	refuses("{\"data\":null,\"message\":\"no ticket\"}", "holds no data: no ticket");
	refuses("{\"data\":null}", "holds no data: it was refused");
	drops("{\"hostpci0\":\"\"}", "hostpci0:");
	refuses("[snap1]\nhostpci0: 01:00\n", "begins with a snapshot");
	refuses("[snap1]\n", "no line of a config");
	refuses("{\"a\":1,\"a\":2}", "the key \"a\" stands there twice");
	refuses("{\"data\":{\"hostpci0\":\"01:00\",\"hostpci0\":\"02:00\"}}", "twice");
	guest = read_one("{\"memory\":64,\"hostpci1\":null}");
	assert_string_equal(pt_guest_get(guest, "memory"), "64");
	assert_null(pt_guest_get(guest, "hostpci1"));
	pt_guest_free(guest);
}

/* Each line: a block, and the entry that it means. */
static void blocks_become_entries(void **state)
{
	static const struct {
		const char *text, *key, *value;
	} cases[] = {
		{"{\"hostpci\":[{\"device\":\"hostpci3\",\"id\":\"01:00\"}]}", "hostpci3",
			"host=01:00"},
		{"{\"hostpci\":[{\"device\":\"hostpci0\",\"id\":\"\",\"mapping\":\"gpu\",\"pcie\":"
		 "false,\"xvga\":true,\"rombar\":false,\"rom_file\":\"x.rom\"}]}",
			"hostpci0", "mapping=gpu,romfile=x.rom,rombar=0,x-vga=1"},
		{"{\"hostpcis\":[{\"id\":\"01:00\",\"romFile\":\"x\"}]}", "hostpci0",
			"host=01:00,romfile=x"},
		{"{\"hostpci\":[{\"host\":\"01:00\",\"pcie\":1,\"rombar\":1}]}", "hostpci0",
			"host=01:00,pcie=1,rombar=1"},
		{"{\"pci\":[{\"id\":7,\"mapping_id\":\"gpu\",\"device_id\":\"0x1234\"}]}",
			"hostpci7", "mapping=gpu,device-id=0x1234"},
		{"{\"pcis\":{\"pci2\":{\"mapping\":{\"mapping_id\":\"gpu\"}}}}", "hostpci2",
			"mapping=gpu"},
		{"{\"hostpci\":{\"hostpci5\":\"01:00,pcie=1\"}}", "hostpci5", "01:00,pcie=1"},
		{"{\"hostpci\":\"{\\\"hostpci5\\\":\\\"01:00\\\"}\"}", "hostpci5", "01:00"},
		{"{\"pci\":[],\"memory\":[{\"dedicated\":2048,\"floating\":0}]}", "memory", "2048"},
		{"{\"pci\":[],\"kvm_arguments\":\"-x\"}", "args", "-x"},
		{"{\"pci\":[],\"cpu\":{\"type\":\"host\"}}", "cpu", "host"},
		{"{\"pci\":[],\"cpu\":[{\"numa\":true}]}", "numa", "1"},
		{"{\"hostpci\":[],\"numa\":[{\"device\":\"numa0\",\"cpus\":\"0-3\",\"hostnodes\":"
		 "\"1\",\"memory\":1024,\"policy\":\"bind\"}]}",
			"numa0", "cpus=0-3,hostnodes=1,memory=1024,policy=bind"},
	};

	struct pt_guest *guest;

	(void)state;
	pt_foreach (one, cases, PT_ARRAY_SIZE(cases)) {
		guest = read_one(one->text);

		assert_string_equal(pt_guest_get(guest, one->key), one->value);
		assert_null(pt_guest_get(guest, "balloon"));
		assert_int_equal(guest->vmid, 100);
		pt_guest_free(guest);
	}
	refuses("{\"hostpci\":[7]}", "hostpci[0] is no block");
	refuses("{\"hostpci\":[{\"device\":\"net0\",\"id\":\"01:00\"}]}",
		"hostpci[0]: 'net0' is no entry");
	guest = read_one("#cloud-config base image\nhostpci0: 01:00\n");
	assert_string_equal(pt_guest_get(guest, "hostpci0"), "01:00");
	pt_guest_free(guest);
	guest = read_one("{\"hostpci0\":\"01:00\",\"maxmem\":7,\"uptime\":1}");
	assert_string_equal(pt_guest_get(guest, "hostpci0"), "01:00");
	pt_guest_free(guest);
	drops("{\"pci\":[{\"id\":16,\"raw_id\":\"01:00\"}]}", "hostpci16: host=01:00");
	drops("{\"pci\":[{\"id\":-1,\"raw_id\":\"01:00\"}]}", "hostpci-1: host=01:00");
	refuses("{\"hostpci\":[{\"id\":\"01:00\"},{\"device\":\"hostpci0\",\"id\":\"02:00\"}]}",
		"hostpci0 stands there twice");
	refuses("{\"pci\":[{\"id\":1}]}", "pci[0] names no device");
}

/* Any value of another type than a provider writes is no reason to crash. */
static void plans_may_hold_anything(void **state)
{
	static const char *const cases[] = {"{\"planned_values\":7}", "{\"planned_values\":{}}",
		"{\"planned_values\":{\"root_module\":[]}}",
		"{\"planned_values\":{\"root_module\":{\"resources\":{},\"child_modules\":[7]}}}",
		"{\"terraform_version\":\"1\",\"resources\":[7]}",
		"{\"terraform_version\":\"1\",\"values\":[]}"};

	(void)state;
	pt_foreach (text, cases, PT_ARRAY_SIZE(cases))
		refuses(*text, "a plan or state of Terraform without a guest");
}

/* A guest of a plan without values is one that cannot be judged. */
static void a_resource_may_lack_its_values(void **state)
{
	static const char *const cases[] = {
		"{}", "{\"values\":null}", "{\"values\":[1]}", "{\"values\":\"x\"}"};

	(void)state;
	pt_foreach (one, cases, PT_ARRAY_SIZE(cases)) {
		PT_FREE char *text =
			pt_format("{\"planned_values\":{\"root_module\":{\"resources\":[{\"type\":"
				  "\"proxmox_vm_qemu\",\"address\":\"a\"%s%s]}}}",
				(*one)[1] == '}' ? "" : ",", *one + 1);
		struct pt_guest PT_GUEST *guest = read_one(text);

		assert_string_equal(guest->trouble, "has no values");
	}
}

static void texts_are_told_apart(void **state)
{
	struct pt_guest *guest;

	(void)state;
	refuses(" \n", "is empty");
	refuses("\n<html>", "is HTML");
	refuses("cur memory: 64\n", "'qm config VMID'");
	refuses("--hostpci0 01:00", "arguments of qm");
	refuses("hostpci0=01%3A00&machine=q35", "an encoded form of HTTP");
	refuses("a guest\n", "has no line of a config");
	refuses("status: running\n", "has no line of a config");
	refuses("HTTP/1.1 200 OK\nServer: x\n", "begins with HTTP headers");
	/* '=' and '&' in a value are no form */
	guest = read_one("args: -a b=c&d\n");
	assert_string_equal(pt_guest_get(guest, "args"), "-a b=c&d");
	pt_guest_free(guest);
	guest = read_one("\n# x\nhostpci0: 01:00\n");
	assert_string_equal(pt_guest_get(guest, "hostpci0"), "01:00");
	pt_guest_free(guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_has_plain_values),
		cmocka_unit_test(blocks_become_entries),
		cmocka_unit_test(plans_may_hold_anything),
		cmocka_unit_test(a_resource_may_lack_its_values),
		cmocka_unit_test(texts_are_told_apart),
	};

	return cmocka_run_group_tests_name("form", tests, NULL, NULL);
}
