// SPDX-License-Identifier: AGPL-3.0-or-later
/* A node at a glance: the guests that name a function, its holder, and its obstacle. */
#include "lib/base/json.h"
#include "pve/check/check.h"
#include "pve/check/overview.h"
#include "pve/node/node-json.h"
#include "tests/unit/busy.h"

struct glance {
	struct pt_store *store;
	struct pt_node *node;
	struct pt_overview overview;
};

static void look(struct fake *fake, struct glance *ret)
{
	struct pt_err err = {0};

	*ret = (struct glance){0};
	pt_store_open(&ret->store, fake->host, "/run/pt", false, NULL);
	ret->node = pt_node_open(fake->host, "node1", ret->store, pt_check_allowing);
	assert_int_equal(pt_node_learn_all(ret->node, NULL), 0);
	if (pt_overview_make(ret->node, &ret->overview, &err) < 0)
		fail_msg("%s", err.text);
}

/* The same by the facts that the node writes. */
static void look_at_facts(const struct glance *live, struct glance *ret)
{
	struct json_object PT_JSON *json = NULL;
	struct pt_err err = {0};

	*ret = (struct glance){0};
	assert_int_equal(pt_node_to_json(live->node, &json, NULL), 0);
	assert_int_equal(pt_node_from_json(json, pt_check_allowing, &ret->node, &err), 0);
	assert_int_equal(pt_overview_make(ret->node, &ret->overview, &err), 0);
}

static void clear_glance(struct glance *glance)
{
	pt_overview_clear(&glance->overview);
	pt_node_close(glance->node);
	pt_store_close(glance->store);
}

static const struct pt_seen_function *at(const struct glance *glance, const char *bdf)
{
	struct pt_bdf address = bdf_of(bdf);
	const struct pt_seen_function *seen = pt_overview_find(&glance->overview, &address);

	assert_non_null(seen);
	return seen;
}

static void says_who_names_and_who_has_it(void **state)
{
	struct glance glance;
	const struct pt_seen_function *seen;
	struct json_object *json;

	make_busy(*state);
	fake_file(*state, "/etc/pve/nodes/node1/qemu-server/105.conf",
		"hostpci0: mapping=disks\nhostpci1: 05:00.0\n");
	fake_file(*state, "/etc/pve/nodes/node1/qemu-server/106.conf", "memory: 64\n");
	fake_file(*state, "/etc/pve/nodes/node1/qemu-server/107.conf",
		"template: 1\nhostpci0: 05:00.0\n");
	fake_file(*state, "/etc/pve/nodes/node1/qemu-server/108.conf",
		"hostpci2: 04:00.0,driver=keep\nhostpci3: 04:10.0,mdev=x\n");
	look(*state, &glance);
	/* 101 and 102 name something, as 105 and 108 do; 106 and the template 107 do not count */
	assert_int_equal(glance.overview.guest_count, 4);
	assert_true(glance.overview.guest[0].running);
	seen = at(&glance, "0000:02:00.0");
	assert_int_equal(seen->wanting[0].vmid, 101);
	assert_string_equal(seen->wanting[0].label, "hostpci0");
	/* it is reserved by 101, so 105 would get the mapping's other device */
	assert_int_equal(seen->wanting[1].vmid, 105);
	assert_true(seen->wanting[1].spare);
	assert_false(at(&glance, "0000:03:00.0")->wanting[0].spare);
	assert_int_equal(at(&glance, "0000:03:00.0")->holder, 101);
	/* one that stays on its driver, and one that a part is made of */
	assert_int_equal(at(&glance, "0000:04:00.0")->wanting[0].vmid, 108);
	assert_string_equal(at(&glance, "0000:04:00.0")->wanting[0].label, "hostpci2");
	assert_int_equal(at(&glance, "0000:04:10.0")->wanting[0].vmid, 108);
	seen = at(&glance, "0000:05:01.0");
	assert_int_equal(seen->wanting_count, 1);
	assert_true(seen->wanting[0].companion);
	json = pt_overview_to_json(&glance.overview);
	assert_holds(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN),
		"\"guests\":[{\"vmid\":105,\"entry\":\"hostpci1\",\"companion\":true,\"spare\":false}]");
	json_object_put(json);
	clear_glance(&glance);
}

static void says_why_it_cannot_be_had(void **state)
{
	struct fake *fake = *state;
	struct glance glance;

	make_busy(fake);
	fake_remove(fake, "/sys/bus/pci/devices/0000:04:10.0/iommu_group");
	fake_remove(fake, "/sys/bus/pci/devices/0000:05:00.0/vendor");
	look(fake, &glance);
	assert_string_equal(at(&glance, "0000:00:01.0")->why_not, "is a bridge");
	assert_holds(at(&glance, "0000:01:00.0")->why_not,
		"is in use: /dev/dri/card0 is open in process 4243");
	assert_holds(at(&glance, "0000:01:00.1")->why_not,
		"shares its IOMMU group with 0000:01:00.0, which is in use: /dev/dri/card0");
	assert_null(at(&glance, "0000:02:00.0")->why_not);
	assert_string_equal(
		at(&glance, "0000:03:00.0")->why_not, "is in use: nvme1n1 is mounted at /");
	assert_string_equal(at(&glance, "0000:04:10.0")->why_not, "is in no IOMMU group");
	assert_string_equal(at(&glance, "0000:05:00.0")->why_not, "does not answer");
	clear_glance(&glance);
	/* taking a PF destroys a VF that somebody has */
	look(fake, &glance);
	assert_null(at(&glance, "0000:04:00.0")->why_not);
	clear_glance(&glance);
	add_node(fake, "/sys/bus/pci/devices/0000:04:10.0/ptp/ptp0", "ptp", "13:7\n", "ptp0");
	fake_link(fake, "/proc/4243/fd/5", "/dev/ptp0");
	look(fake, &glance);
	assert_string_equal(at(&glance, "0000:04:00.0")->why_not,
		"has virtual functions, and 0000:04:10.0 is in use");
	clear_glance(&glance);
	fake_remove(fake, "/sys/class/iommu/dmar0");
	look(fake, &glance);
	assert_string_equal(at(&glance, "0000:02:00.0")->why_not, "no IOMMU is active");
	clear_glance(&glance);
}

/* Whether a VF that is used so, and no other, keeps its PF from being passed through. */
static void assert_vf_used(struct fake *fake, bool used)
{
	struct glance glance[2];

	look(fake, &glance[0]);
	look_at_facts(&glance[0], &glance[1]);
	for (size_t i = 0; i < PT_ARRAY_SIZE(glance); i++) {
		if (used)
			assert_string_equal(at(&glance[i], "0000:04:00.0")->why_not,
				"has virtual functions, and 0000:04:10.0 is in use");
		else
			assert_null(at(&glance[i], "0000:04:00.0")->why_not);
		clear_glance(&glance[i]);
	}
}

static void judges_as_the_checks_do(void **state)
{
	struct fake *fake = *state;
	struct glance glance;

	fake_file(fake, "/sys/bus/pci/devices/0000:04:10.0/net/eth7/flags", "0x1003\n");
	assert_vf_used(fake, true);
	fake_file(fake, "/sys/bus/pci/devices/0000:04:10.0/net/eth7/flags", "0x1002\n");
	assert_vf_used(fake, false);
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, "0000:04:10.0 101 time:99999999999\n");
	assert_vf_used(fake, true);
	/* a start that ran out of time, and no process of that guest */
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, "0000:04:10.0 101 time:1\n");
	assert_vf_used(fake, false);
	fake_remove(fake, PT_PVE_PCI_RESERVATIONS);
	/* a claim counts while its guest lives */
	save_claim(fake, "/run/pt", 101, "0000:04:10.0", NULL);
	assert_vf_used(fake, false);
	fake_file(fake, PT_PVE_RUN "/101.pid", "4242\n");
	process_4242(fake, KVM_OF("101"));
	assert_vf_used(fake, true);
	fake_bytes(fake, "/sys/bus/pci/devices/0000:02:00.0/config", "\xff\xff\xff\xff", 4);
	look(fake, &glance);
	assert_string_equal(at(&glance, "0000:02:00.0")->why_not,
		"does not answer: its config space reads all ones");
	clear_glance(&glance);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(says_who_names_and_who_has_it),
		MACHINE_TEST(says_why_it_cannot_be_had),
		MACHINE_TEST(judges_as_the_checks_do),
	};

	return cmocka_run_group_tests_name("overview", tests, NULL, NULL);
}
