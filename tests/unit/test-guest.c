// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/config/guest.h"
#include "pve/config/paths.h"
#include "tests/unit/unit.h"

static const char config[] = "#a comment: hostpci9: 1\n"
			     "hostpci0: 01:00,pcie=1\n"
			     "machine: q35\n"
			     "memory: 2048\n"
			     "hostpci1: 0A:00\n"
			     "hostpci2: 02:00.0,newkey=1\n"
			     "\n"
			     "[PENDING]\n"
			     "delete: memory,!machine\n"
			     "hostpci0: 03:00.0\n"
			     "\n"
			     "[before]\n"
			     "hostpci0: 02:00.0\n"
			     "[special:cloudinit]\n"
			     "hostpci5: 02:00.0\n";

static struct pt_guest *parse(enum pt_guest_view view, const char *snapshot)
{
	struct pt_guest_query query = {
		.vmid = 100, .node = "node1", .view = view, .snapshot = snapshot};
	struct pt_guest *guest = NULL;

	assert_int_equal(pt_guest_parse(config, sizeof(config) - 1, &query, &guest, NULL), 0);
	return guest;
}

static void each_view_has_its_values(void **state)
{
	struct pt_guest *guest = parse(PT_VIEW_CURRENT, NULL);

	(void)state;
	assert_string_equal(pt_guest_get(guest, "hostpci0"), "01:00,pcie=1");
	assert_string_equal(pt_guest_get(guest, "memory"), "2048");
	assert_true(pt_guest_is_q35(guest));
	assert_null(pt_guest_get(guest, "hostpci5"));
	assert_null(pt_guest_get(guest, "hostpci9"));
	pt_guest_free(guest);
	guest = parse(PT_VIEW_NEXT, NULL);
	assert_string_equal(pt_guest_get(guest, "hostpci0"), "03:00.0");
	assert_null(pt_guest_get(guest, "memory"));
	assert_false(pt_guest_is_q35(guest));
	pt_guest_free(guest);
	guest = parse(PT_VIEW_SNAPSHOT, "before");
	assert_string_equal(pt_guest_get(guest, "hostpci0"), "02:00.0");
	assert_null(pt_guest_get(guest, "machine"));
	pt_guest_free(guest);
}

static void dropped_lines_are_kept_for_telling(void **state)
{
	struct pt_guest *guest = parse(PT_VIEW_CURRENT, NULL);

	(void)state;
	assert_int_equal(guest->dropped_count, 2);
	assert_int_equal(guest->dropped[0].index, 1);
	assert_string_equal(guest->dropped[0].value, "0A:00");
	assert_int_equal(guest->dropped[0].kind, PT_DROPPED_VALUE);
	assert_holds(guest->dropped[0].why, "host: '0A:00' is not an address like 0000:01:00.0");
	assert_int_equal(guest->dropped[1].kind, PT_DROPPED_KEY);
	assert_holds(guest->dropped[1].why, "there is no key 'newkey'");
	assert_null(pt_guest_get(guest, "hostpci1"));
	assert_true(pt_guest_has_hostpci(guest));
	pt_guest_free(guest);
}

static struct pt_guest *parse_text(const char *text, enum pt_guest_view view)
{
	struct pt_guest_query query = {.vmid = 100, .node = "node1", .view = view};
	struct pt_guest *guest = NULL;

	assert_int_equal(pt_guest_parse(text, strlen(text), &query, &guest, NULL), 0);
	return guest;
}

/* Proxmox VE keeps the last list of deletions, and deletes before it sets. */
static void pending_deletions_come_first(void **state)
{
	struct pt_guest *guest = parse_text("hostpci0: 01:00\nhostpci1: 02:00\n[PENDING]\n"
					    "hostpci0: 03:00\ndelete: hostpci0,hostpci1\n",
		PT_VIEW_NEXT);

	(void)state;
	assert_string_equal(pt_guest_get(guest, "hostpci0"), "03:00");
	assert_null(pt_guest_get(guest, "hostpci1"));
	pt_guest_free(guest);
	guest = parse_text("hostpci0: 01:00\nmemory: 64\n[PENDING]\ndelete: hostpci0\n"
			   "delete: memory\n",
		PT_VIEW_NEXT);
	assert_string_equal(pt_guest_get(guest, "hostpci0"), "01:00");
	assert_null(pt_guest_get(guest, "memory"));
	pt_guest_free(guest);
}

static void lines_that_mean_an_entry_are_kept_for_telling(void **state)
{
	static const struct {
		const char *line, *why;
		int index;
	} cases[] = {
		{"\thostpci0: 01:00", "at character 1: the key does not begin the line", 0},
		{"hostpci3 = 01:00", "at character 9: a colon must follow the key", 3},
		{"hostpci3=01:00", "at character 9: a colon must follow", 3},
		{"hostpci15 : 01:00", "at character 10: white space stands before the colon", 15},
		{"HOSTPCI0: 01:00", "at character 1: keys are in lower case", 0},
		{"hostpci16: 01:00", "at character 8: no such key: there are hostpci0 to hostpci15",
			-1},
		{"hostpci0 0000:01:00", "at character 9: a colon must follow the key", 0},
		{"hostpci0\xef\xbc\x9a 01:00", "at character 9: a colon must follow the key", 0},
		{"\xc2\xa0hostpci0: 01:00", "at character 1: the key does not begin the line", 0},
		{"\"hostpci0\": \"01:00\"", "at character 1: the key does not begin the line", 0},
		{"hostpci00: 01:00", "at character 8: no such key", -1},
		{"hostpci-0: 01:00", "at character 8: no such key", 0},
		{"hostpcie0: 01:00", "at character 1: no such key", 0},
		{"host_pci0: 01:00", "at character 1: no such key", 0},
		{"pci3: 01:00", "at character 1: no such key", 3},
		{"hostpci 0: 01:00", "at character 8: no such key", 0},
		{"hostpci: 01:00", "at character 8: no such key", -1},
		{"\xe2\x80\x8bhostpci0: 01:00", "at character 1: the key does not begin", 0},
		{"hostpci\xe2\x80\x8b"
		 "0: 01:00",
			"at character 8: no such key", 0},
		{"hostpci0\xcb\x90 01:00", "at character 9: a colon must follow the key", 0},
		{"h\xd0\xbestpci0: 01:00", "at character 1: no such key", 0},
		{"- hostpci0: 01:00", "at character 1: the key does not begin the line", 0},
		{"> hostpci0: 01:00", "at character 1: the key does not begin the line", 0},
		{"hotspci4: 01:00", "at character 1: no such key", 4},
		{"hostpc1: 01:00", "at character 1: no such key", 1},
		{"memory: 64\xe2\x80\xa8hostpci1: 01:00", "the key does not begin the line", 1},
		{"hostpci7:", "at character 10: no value follows", 7},
		{"\xef\xbb\xbfhostpci1: 01:00", "at character 1: a byte order mark", 1},
		{"memory: 64\rhostpci1: 01:00\r", "a carriage return alone ends no line", 1},
	};
	static const char *const none[] = {"; hostpci0: 01:00", "// hostpci1: 01:00", "hotplug0: 1",
		"ipconfig0: ip=dhcp", "#hostpci0: 01:00", "hostpci0: 01:00", "hostpci0:01:00",
		"hostpci0: 01:00\r", "hostpci0", "hostpci is a key", "hostpcix: 01:00",
		"hostpci_a: 1", "[x]\n hostpci0: 01:00", "# a\n# hostpci16: 01:00",
		"net0: hostpci0=1", "hostpci", "hostpcie", "pci", "pci0"};

	(void)state;
	pt_foreach (one, cases, PT_ARRAY_SIZE(cases)) {
		struct pt_guest *guest = parse_text(one->line, PT_VIEW_CURRENT), *copy;

		assert_int_equal(guest->dropped_count, 1);
		assert_int_equal(guest->dropped[0].kind, PT_DROPPED_LINE);
		assert_int_equal(guest->dropped[0].index, one->index);
		assert_holds(guest->dropped[0].why, one->why);
		assert_true(pt_guest_has_hostpci(guest));
		copy = pt_guest_copy(guest);
		assert_int_equal(copy->dropped_count, 1);
		assert_string_equal(copy->dropped[0].why, guest->dropped[0].why);
		pt_guest_free(copy);
		pt_guest_free(guest);
	}
	pt_foreach (one, none, PT_ARRAY_SIZE(none)) {
		struct pt_guest *guest = parse_text(*one, PT_VIEW_NEXT);

		assert_int_equal(guest->dropped_count, 0);
		pt_guest_free(guest);
	}
}

static void a_line_that_means_machine_is_kept_for_telling(void **state)
{
	static const char *const lines[] = {"machine = q35", "  machine: q35", "Machine: q35",
		"machine : q35", "\"machine\": q35", "\xef\xbb\xbfmachine: q35", "machine:"};
	static const char *const others[] = {"machines: q35", "#machine = q35", "machine",
		"machine q35", "machine: q35", "mach: q35"};

	(void)state;
	pt_foreach (line, lines, PT_ARRAY_SIZE(lines)) {
		struct pt_guest PT_GUEST *guest = parse_text(*line, PT_VIEW_CURRENT);

		assert_int_equal(guest->dropped_count, 1);
		assert_true(guest->dropped[0].of_machine);
		assert_false(pt_guest_has_hostpci(guest));
	}
	pt_foreach (line, others, PT_ARRAY_SIZE(others)) {
		struct pt_guest PT_GUEST *guest = parse_text(*line, PT_VIEW_CURRENT);

		assert_int_equal(guest->dropped_count, 0);
	}
}

static void a_machine_that_is_dropped_is_kept_for_telling(void **state)
{
	struct pt_guest *guest = parse_text("machine: q35 # new", PT_VIEW_CURRENT);

	(void)state;
	assert_int_equal(guest->dropped_count, 1);
	assert_int_equal(guest->dropped[0].kind, PT_DROPPED_MACHINE);
	assert_null(pt_guest_get(guest, "machine"));
	/* nothing that means passthrough */
	assert_false(pt_guest_has_hostpci(guest));
	pt_guest_free(guest);
	/* a newer Proxmox VE may know the key */
	guest = parse_text("machine: q35,hpet=0", PT_VIEW_CURRENT);
	assert_int_equal(guest->dropped[0].kind, PT_DROPPED_MACHINE_KEY);
	assert_true(pt_guest_is_q35(guest));
	pt_guest_free(guest);
	guest = parse_text("machine: hpet=0,type=q36", PT_VIEW_CURRENT);
	assert_int_equal(guest->dropped[0].kind, PT_DROPPED_MACHINE);
	pt_guest_free(guest);
	/* the last one counts */
	guest = parse_text("machine: x\nmachine: q35", PT_VIEW_CURRENT);
	assert_int_equal(guest->dropped_count, 0);
	pt_guest_free(guest);
}

static void the_last_pending_section_counts(void **state)
{
	static const char text[] = "machine: q35\nhostpci0: 02:00\n[PENDING]\nhostpci0: 01:00\n"
				   "[pending]\nvga: qxl\n";
	struct pt_guest *guest = parse_text(text, PT_VIEW_NEXT);

	(void)state;
	assert_string_equal(pt_guest_get(guest, "hostpci0"), "02:00");
	assert_string_equal(pt_guest_get(guest, "vga"), "qxl");
	pt_guest_free(guest);
	/* no section at all */
	guest = parse_text("machine: q35\n[a]b]\nhostpci0: 01:00\n", PT_VIEW_NEXT);
	assert_string_equal(pt_guest_get(guest, "hostpci0"), "01:00");
	pt_guest_free(guest);
}

static void a_missing_snapshot_is_told(void **state)
{
	struct pt_guest_query query = {
		.vmid = 100, .node = "node1", .view = PT_VIEW_SNAPSHOT, .snapshot = "after"};
	struct pt_guest *guest = NULL;
	struct pt_err err = {0};

	(void)state;
	assert_int_equal(pt_guest_parse(config, sizeof(config) - 1, &query, &guest, &err), -ENOENT);
	assert_string_equal(err.text, "guest 100 has no snapshot 'after'");
}

static void names_are_checked(void **state)
{
	unsigned int vmid = 0;

	(void)state;
	assert_true(pt_vmid_parse("100", &vmid));
	assert_true(pt_vmid_parse("999999999", &vmid));
	assert_int_equal(vmid, 999999999);
	assert_false(pt_vmid_parse("99", &vmid));
	assert_true(pt_vmid_of_config("100.conf", &vmid));
	assert_int_equal(vmid, 100);
	assert_false(pt_vmid_of_config("100", &vmid));
	assert_false(pt_vmid_of_config("100.conf.bak", &vmid));
	assert_false(pt_vmid_of_config("100.config", &vmid));
	assert_false(pt_vmid_of_config("99.conf", &vmid));
	assert_false(pt_vmid_of_config(".conf", &vmid));
	assert_false(pt_vmid_parse("099", &vmid));
	assert_false(pt_vmid_parse("1000000000", &vmid));
	assert_false(pt_vmid_parse("10a", &vmid));
	assert_false(pt_vmid_parse("-100", &vmid));
	assert_false(pt_vmid_parse("", &vmid));
	assert_true(pt_node_name_valid("pve-1"));
	assert_false(pt_node_name_valid("../x"));
	assert_false(pt_node_name_valid("-a"));
	assert_false(pt_node_name_valid(""));
	assert_true(pt_snapshot_name_valid("before_1"));
	assert_false(pt_snapshot_name_valid("a"));
	assert_false(pt_snapshot_name_valid("1a"));
	assert_false(pt_snapshot_name_valid("a&b"));
}

static void reads_the_file_of_its_node(void **state)
{
	struct fake *fake = *state;
	struct pt_guest_query query = {.vmid = 100, .node = "node1", .view = PT_VIEW_CURRENT};
	struct pt_guest *guest = NULL;
	struct pt_err err = {0};
	char node[PT_NODE_TEXT];

	assert_int_equal(pt_guest_from_file(fake->host, &query, &guest, &err), -ENOENT);
	assert_holds(err.text, "guest 100: there is no /etc/pve/nodes/node1/qemu-server/100.conf");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/100.conf", "template: 1\n");
	assert_int_equal(pt_guest_from_file(fake->host, &query, &guest, &err), 0);
	assert_true(pt_guest_is_template(guest));
	assert_false(pt_guest_has_hostpci(guest));
	pt_guest_free(guest);
	query.node = "../x";
	assert_int_equal(pt_guest_from_file(fake->host, &query, &guest, &err), -EINVAL);
	assert_string_equal(err.text, "'../x' cannot be a node's name");
	assert_int_equal(pt_node_name(fake->host, node, NULL), 0);
	assert_string_equal(node, "node1");
	fake_file(fake, "/etc/hostname", "host.example.org\n");
	assert_int_equal(pt_node_name(fake->host, node, NULL), 0);
	assert_string_equal(node, "host");
	fake_file(fake, "/etc/hostname", "a_b\n");
	assert_int_equal(pt_node_name(fake->host, node, &err), -EINVAL);
	assert_string_equal(err.text, "the host's name 'a_b' cannot be a node's");
	fake_remove(fake, "/etc/hostname");
	assert_int_equal(pt_node_name(fake->host, node, &err), -ENOENT);
	assert_string_equal(err.text, "the node's name: No such file or directory");
}

/* Notes of snapshots make a config long: pmxcfs takes 1 MiB. */
static void a_config_may_be_a_mebibyte(void **state)
{
	struct fake *fake = *state;
	struct pt_guest_query query = {.vmid = 100, .node = "node1", .view = PT_VIEW_CURRENT};
	struct pt_guest PT_GUEST *guest = NULL;
	struct pt_err err = {0};
	char *text = malloc((1U << 20) + 2);

	memset(text, 'x', 1U << 20);
	memcpy(text, "hostpci0: 02:00.0\n[snap]\n#", 26);
	text[1U << 20] = '\0';
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/100.conf", text);
	assert_int_equal(pt_guest_from_file(fake->host, &query, &guest, &err), 0);
	assert_string_equal(pt_guest_get(guest, "hostpci0"), "02:00.0");
	pt_guest_free(PT_STEAL(guest));
	strcpy(text + (1U << 20), "x");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/100.conf", text);
	assert_true(pt_guest_from_file(fake->host, &query, &guest, &err) < 0);
	free(text);
}

static void auto_falls_back_with_one_line(void **state)
{
	struct fake *fake = *state;
	struct pt_guest_query query = {.vmid = 100, .node = "node1", .view = PT_VIEW_CURRENT};
	struct pt_guest *guest = NULL;
	struct pt_err err = {0};

	assert_int_equal(
		pt_guest_read(fake->host, &query, PT_SOURCE_AUTO, 500, &guest, &err), -ENOENT);
	assert_holds(err.text, "neither the API (no API token: there is no " PT_API_CONF);
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/100.conf", "hostpci0: 02:00.0\n");
	assert_int_equal(pt_guest_read(fake->host, &query, PT_SOURCE_AUTO, 500, &guest, &err), 0);
	assert_string_equal(fake->said, "warning: no API token: there is no " PT_API_CONF
					"; the config file is used instead\n");
	pt_guest_free(guest);
	assert_int_equal(
		pt_guest_read(fake->host, &query, PT_SOURCE_API, 500, &guest, &err), -ENOENT);
	assert_int_equal(pt_guest_read(fake->host, &query, PT_SOURCE_FILE, 500, &guest, &err), 0);
	assert_int_equal(guest->encoding, PT_TEXT_BYTES);
	pt_guest_free(guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_view_has_its_values),
		cmocka_unit_test(pending_deletions_come_first),
		cmocka_unit_test(dropped_lines_are_kept_for_telling),
		cmocka_unit_test(lines_that_mean_an_entry_are_kept_for_telling),
		cmocka_unit_test(a_machine_that_is_dropped_is_kept_for_telling),
		cmocka_unit_test(a_line_that_means_machine_is_kept_for_telling),
		cmocka_unit_test(the_last_pending_section_counts),
		cmocka_unit_test(a_missing_snapshot_is_told),
		cmocka_unit_test(names_are_checked),
		MACHINE_TEST(reads_the_file_of_its_node),
		MACHINE_TEST(a_config_may_be_a_mebibyte),
		MACHINE_TEST(auto_falls_back_with_one_line),
	};

	return cmocka_run_group_tests_name("guest", tests, NULL, NULL);
}
