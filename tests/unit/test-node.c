// SPDX-License-Identifier: AGPL-3.0-or-later
/* What is asked of a node bit by bit and what is asked at once lead to the same findings. */
#include "tests/unit/judge.h"

static const char *const configs[] = {
	"hostpci0: 01:00\nmachine: i440fx\n",
	"hostpci0: 01:00.0\nhostpci1: 02:00.0,romfile=gpu.rom\nhookscript: local:snippets/pve-pthook\n",
	"hostpci0: mapping=disks\nmemory: 1048576\n",
	"hostpci0: 04:00\n",
	"hostpci0: 04:10.0\nhostpci1: 05:01.0\n",
	"hostpci0: 77:00.0\nhostpci1: 00:01.0\n",
	"hostpci0: 02:00.0,mdev=type-1\nhostpci1: 03:00.0,driver=keep\n",
};

static void use_the_machine(struct fake *fake)
{
	static const char rom[] = "no rom";

	fake_file(fake, PT_PVE_PCI_MAPPINGS, TWO_DISKS);
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, "0000:02:00.0 101 pid:4242\n");
	fake_file(fake, PT_PVE_RUN "/101.pid", "4242\n");
	process_4242(fake, KVM_OF("101"));
	fake_link(fake, "/proc/4242/fd/3", "/dev/vfio/3");
	fake_file(fake, "/proc/4243/comm", "Xorg\n");
	fake_file(fake, "/proc/4243/cmdline", "");
	fake_dir(fake, "/sys/bus/pci/devices/0000:01:00.0/drm/card0");
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.0/drm/card0/dev", "226:0\n");
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.0/drm/card0/uevent",
		"DEVNAME=dri/card0\nSUBSYSTEM=drm\n");
	fake_link(fake, "/proc/4243/fd/3", "/dev/dri/card0");
	fake_bytes(fake, PT_PVE_ROMS "/gpu.rom", rom, sizeof(rom));
	fake_file(fake, "/proc/meminfo", "MemTotal: 65536 kB\nMemAvailable: 32768 kB\n");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/101.conf", "hostpci0: 02:00.0\n");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/102.conf",
		"hostpci0: 01:00\nonboot: 1\ntemplate: 0\n");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/103.conf.bak", "hostpci0: 01:00\n");
}

/* The findings as JSON; the caller's. */
static char *findings_of(struct pt_node *node, const char *config, enum pt_depth depth)
{
	struct pt_guest_query query = {.vmid = 100, .node = "node1", .view = PT_VIEW_CURRENT};
	struct pt_findings PT_FINDINGS findings = {0};
	struct pt_guest PT_GUEST *guest = NULL;
	struct pt_facts PT_FACTS facts = {0};
	struct json_object *json;
	char *text;

	assert_int_equal(pt_guest_parse(config, strlen(config), &query, &guest, NULL), 0);
	assert_int_equal(pt_facts_gather(node, guest, depth, &facts, NULL), 0);
	pt_rules_run(&facts, &findings);
	json = pt_findings_to_json(&findings);
	text = strdup(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY));
	json_object_put(json);
	return text;
}

static void asked_at_once_it_is_the_same(void **state)
{
	struct fake *fake = *state;
	struct pt_node PT_NODE *whole = NULL;

	use_the_machine(fake);
	assert_int_equal(pt_node_open(&whole, fake->host, "node1", NULL, NULL), 0);
	assert_int_equal(pt_node_learn_all(whole, NULL), 0);
	assert_int_equal(pt_node_learn_all(whole, NULL), 0);
	for (size_t i = 0; i < PT_ARRAY_SIZE(configs); i++) {
		struct pt_node PT_NODE *node = NULL;
		PT_FREE char *one = NULL;
		PT_FREE char *other = findings_of(whole, configs[i], PT_DEPTH_CHECK);

		assert_int_equal(pt_node_open(&node, fake->host, "node1", NULL, NULL), 0);
		one = findings_of(node, configs[i], PT_DEPTH_CHECK);
		assert_string_equal(one, other);
		assert_true(strlen(one) > 10);
	}
}

/* A start asks for nothing but its own functions. */
static void a_start_learns_little(void **state)
{
	struct fake *fake = *state;
	struct pt_node PT_NODE *node = NULL;
	PT_FREE char *text = NULL;

	use_the_machine(fake);
	assert_int_equal(pt_node_open(&node, fake->host, "node1", NULL, NULL), 0);
	text = findings_of(node, "hostpci0: 05:01.0\n", PT_DEPTH_START);
	assert_int_equal(node->inventory.count, 2);
	assert_int_equal(node->device_count, 2);
	assert_false(node->has_guests);
	assert_int_equal(node->guest_count, 0);
}

static void guests_are_in_order(void **state)
{
	struct fake *fake = *state;
	struct pt_node PT_NODE *node = NULL;
	struct pt_guest *const *guest = NULL;
	const unsigned int *vmid = NULL;
	struct pt_err err = {0};
	size_t count = 0;

	assert_int_equal(pt_node_open(&node, fake->host, "node1", NULL, NULL), 0);
	assert_int_equal(pt_node_vmids(node, &vmid, &count, &err), -ENOENT);
	assert_string_equal(
		err.text, "/etc/pve/nodes/node1/qemu-server: No such file or directory");
	use_the_machine(fake);
	fake_dir(fake, "/etc/pve/nodes/node1/qemu-server/99999.conf");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/1000.conf", "memory: 64\n");
	assert_int_equal(pt_node_vmids(node, &vmid, &count, NULL), 0);
	assert_int_equal(count, 4);
	assert_int_equal(vmid[0], 101);
	assert_int_equal(vmid[3], 99999);
	/* what cannot be read is no guest to compare with */
	assert_int_equal(pt_node_guests(node, &guest, &count, NULL), 0);
	assert_int_equal(count, 3);
	assert_int_equal(guest[2]->vmid, 1000);
	assert_int_equal(pt_node_pid(node, 101), 4242);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(asked_at_once_it_is_the_same),
		MACHINE_TEST(a_start_learns_little),
		MACHINE_TEST(guests_are_in_order),
	};

	return cmocka_run_group_tests_name("node", tests, NULL, NULL);
}
