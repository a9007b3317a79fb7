// SPDX-License-Identifier: AGPL-3.0-or-later
/* The records of past versions, tests/records, are read. */
#include "pve/check/check.h"
#include "pve/config/identity.h"
#include "pve/node/node-json.h"
#include "tests/unit/unit.h"

#define RECORDS "tests/records/"

static struct json_object *load(const char *name)
{
	PT_FREE char *path = pt_format(RECORDS "%s", name);
	struct json_object *json = json_object_from_file(path);

	if (!json)
		fail_msg("%s: %s", path, json_util_get_last_err());
	return json;
}

static struct pt_node *node_of(const char *name)
{
	struct json_object PT_JSON *json = load(name);
	struct pt_node *node = NULL;
	struct pt_err err = {0};

	if (pt_node_from_json(json, pt_check_allowing, &node, &err) < 0)
		fail_msg("%s: %s", name, err.text);
	return node;
}

static void assert_common_facts(struct pt_node *node)
{
	const struct pt_bdf gpu = bdf_of("0000:01:00.0");
	const struct pt_function *function = pt_inventory_find(&node->inventory, &gpu);
	struct pt_guest *const *guest = NULL;
	size_t count = 0;

	assert_string_equal(node->name, "node1");
	assert_non_null(function);
	assert_string_equal(function->driver, "nouveau");
	assert_int_equal(function->bar[0].size, UINT64_C(1) << 34);
	assert_true(node->traits.iommu_active);
	assert_int_equal(node->traits.memory.huge[0].free, 7);
	assert_non_null(pt_policy_allows(&node->traits.policy, 100, "no-reset", NULL));
	assert_int_equal(node->mappings.count, 1);
	assert_false(node->reservations.reservation[0].has_pid);
	assert_int_equal(node->reservations.reservation[0].time, 5);
	assert_int_equal(pt_node_guests(node, &guest, &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_string_equal(pt_guest_get(guest[0], "hostpci0"), "01:00.0");
	assert_int_equal(guest[0]->dropped[0].index, 1);
	assert_int_equal(pt_node_hook(node, "local:snippets/pve-pthook")->state, PT_HOOK_OURS);
}

static void first_facts_of_version_1(void **state)
{
	struct pt_node PT_NODE *node = node_of("facts-1-first.json");

	(void)state;
	assert_common_facts(node);
	assert_int_equal(node->uses.count, 1);
	assert_string_equal(on_loan(pt_use_text(&node->uses.use[0])),
		"/dev/dri/card0 is open in process 812 (Xorg)");
	assert_int_equal(node->traits.memory.huge[0].nodes, 0);
	assert_int_equal(node->hook[0].nodes.count, 0);
	assert_false(node->device[0].guest_disk);
}

static void assert_later_facts(struct pt_node *node)
{
	assert_common_facts(node);
	assert_int_equal(node->uses.count, 2);
	assert_string_equal(on_loan(pt_use_text(&node->uses.use[0])),
		"/dev/dri/card0 is open in process 812 (Xorg)");
	assert_string_equal(node->uses.use[0].unit, "lightdm.service");
	assert_int_equal(node->uses.use[1].how, PT_USE_ONLY_PORT);
	assert_string_equal(on_loan(pt_use_text(&node->uses.use[1])),
		"eth0 is the only port of bridge vmbr1, which has no address");
	assert_int_equal(node->traits.memory.huge[0].nodes, 2);
	assert_int_equal(node->traits.memory.huge[0].node_free[1], 4);
	assert_true(pt_names_hold(&node->hook[0].nodes, "node2"));
	assert_true(node->device[0].guest_disk);
	assert_string_equal(pt_backups_find(&node->backups, 100), "daily");
	assert_string_equal(node->mention[0].bridge, "vmbr1");
}

static void last_facts_of_version_1(void **state)
{
	struct pt_node PT_NODE *node = node_of("facts-1-last.json");

	(void)state;
	assert_later_facts(node);
}

static void facts_of_version_2(void **state)
{
	struct pt_node PT_NODE *node = node_of("facts-2.json");

	(void)state;
	assert_later_facts(node);
}

static void identities_of_version_1(void **state)
{
	struct json_object PT_JSON *json = load("identity-1.json");
	struct pt_identities PT_IDENTITIES identities = {0};

	(void)state;
	assert_int_equal(pt_record_from_json(&pt_identities_record, json, &identities, NULL), 0);
	assert_int_equal(identities.count, 1);
	assert_string_equal(identities.identity[0].device, "2204");
	assert_int_equal(identities.identity[0].class, 0x30000);
	assert_string_equal(identities.identity[0].serial, "00a0c9fffe000001");
}

/* Puts a record where the store has it, and reads all. */
static void records_of(
	struct fake *fake, const char *name, const char *path, struct pt_records *ret)
{
	struct json_object PT_JSON *json = load(name);
	struct pt_store PT_STORE *store = NULL;

	fake_file(
		fake, "/proc/sys/kernel/random/boot_id", "11111111-2222-3333-4444-555555555555\n");
	fake_file(fake, path, json_object_to_json_string(json));
	store = open_store(fake, "/run/pt");
	pt_records_read(store, ret);
	assert_string_equal(ret->err.text, "");
}

static void first_claim_of_version_4(void **state)
{
	struct pt_records PT_RECORDS records = {0};

	records_of(*state, "claim-4-first.json", "/run/pt/claims/100.json", &records);
	assert_int_equal(records.unit_count, 0);
	assert_int_equal(records.guest[0].vmid, 100);
	assert_int_equal(records.guest[0].wish[0].role, PT_ROLE_TAKEN);
	assert_null(records.guest[0].wish[0].driver);
	assert_string_equal(records.function[0].origin.driver, "nouveau");
}

static void last_claim_of_version_4(void **state)
{
	struct pt_records PT_RECORDS records = {0};

	records_of(*state, "claim-4-last.json", "/run/pt/claims/100.json", &records);
	assert_string_equal(records.unit[0].unit, "jellyfin.service");
	assert_string_equal(records.guest[0].wish[0].driver, "vfio-pci");
	assert_string_equal(records.function[0].error, "it hangs");
}

static void function_of_version_1(void **state)
{
	struct pt_records PT_RECORDS records = {0};

	records_of(*state, "function-1.json", "/run/pt/function/0000:04:00.0.json", &records);
	assert_int_equal(records.count, 1);
	assert_string_equal(records.function[0].device, "1521");
	assert_string_equal(records.function[0].origin.override, "a\tb");
	assert_string_equal(records.function[0].vf[0].origin.driver, "igbvf");
	assert_string_equal(records.function[0].home, "vfio-pci");
}

static void guest_of_version_1(void **state)
{
	struct pt_records PT_RECORDS records = {0};

	records_of(*state, "guest-1.json", "/run/pt/guest/100.json", &records);
	assert_int_equal(records.guest_count, 1);
	assert_true(records.guest[0].ran);
	assert_string_equal(records.guest[0].wish[0].driver, "mlx5_vfio_pci");
	assert_string_equal(records.guest[0].wish[0].home, "");
	assert_int_equal(records.guest[0].wish[1].role, PT_ROLE_COMPANION);
}

static void unit_of_version_1(void **state)
{
	struct pt_records PT_RECORDS records = {0};

	records_of(*state, "unit-1.json", "/run/pt/unit/jellyfin.service.json", &records);
	assert_int_equal(records.unit_count, 1);
	assert_int_equal(records.unit[0].order, 9);
	assert_int_equal(records.unit[0].count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_facts_of_version_1),
		cmocka_unit_test(last_facts_of_version_1),
		cmocka_unit_test(facts_of_version_2),
		cmocka_unit_test(identities_of_version_1),
		MACHINE_TEST(first_claim_of_version_4),
		MACHINE_TEST(last_claim_of_version_4),
		MACHINE_TEST(function_of_version_1),
		MACHINE_TEST(guest_of_version_1),
		MACHINE_TEST(unit_of_version_1),
	};

	return cmocka_run_group_tests_name("versions", tests, NULL, NULL);
}
