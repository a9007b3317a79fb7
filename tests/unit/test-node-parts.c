// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/check/check.h"
#include "pve/node/node-json.h"
#include "pve/node/node-parts.h"
#include "tests/unit/unit.h"

static void of_the_command_line_only_what_checks_look_at(void **state)
{
	static const char *const cases[][2] = {
		{"root=/dev/sda1 intel_iommu=on,sm_on iommu=pt quiet",
			"intel_iommu=on,sm_on iommu=pt"},
		{"iscsi.password=vfio vfio-pci.ids=10de:2204", "vfio-pci.ids=10de:2204"},
		{"pcie_acs_override=downstream\tmodprobe.blacklist=nouveau default_hugepagesz=1G",
			"pcie_acs_override=downstream modprobe.blacklist=nouveau "
			"default_hugepagesz=1G"},
		{"quiet", ""},
		{"", ""},
	};

	(void)state;
	for (size_t i = 0; i < PT_ARRAY_SIZE(cases); i++)
		assert_string_equal(on_loan(pt_cmdline_part(cases[i][0])), cases[i][1]);
}

/* Returns a node with the field that own reads from the text. */
static int read_part(
	const struct pt_own *own, const char *text, struct pt_node **ret, struct pt_err *err)
{
	struct json_object PT_JSON *json = pt_json_parse(text, strlen(text), NULL);

	assert_non_null(json);
	*ret = pt_node_open(NULL, "node1", NULL, pt_check_allowing);
	return own->read(json, *ret, err);
}

static void policy_keeps_its_lines(void **state)
{
	static const char text[] =
		"[{\"line\":2,\"section\":\"defaults\",\"key\":\"mode\",\"value\":\"advise\"},"
		"{\"line\":7,\"section\":\"guest 100\",\"key\":\"allow\",\"value\":\"no-reset\"},"
		"{\"line\":9,\"section\":\"device 0000:01:00\",\"key\":\"return\",\"value\":\"none\"},"
		"{\"line\":11,\"section\":\"device 0000:01:00.1\",\"key\":\"return\",\"value\":"
		"\"keep-vfio\"}]";
	const struct pt_bdf gpu = bdf_of("0000:01:00.0"), audio = bdf_of("0000:01:00.1");
	struct pt_node PT_NODE *node = NULL;
	struct json_object PT_JSON *again = NULL;
	struct pt_policy *policy;

	(void)state;
	assert_int_equal(read_part(&pt_policy_own, text, &node, NULL), 0);
	policy = &node->traits.policy;
	assert_true(pt_policy_advises(policy, 100));
	assert_int_equal(pt_policy_allows(policy, 100, "no-reset", NULL)->line, 7);
	assert_string_equal(pt_policy_return(policy, 100, &gpu), "none");
	assert_string_equal(pt_policy_return(policy, 100, &audio), "keep-vfio");
	again = pt_policy_own.write(NULL, node);
	assert_string_equal(json_object_to_json_string_ext(again, JSON_C_TO_STRING_PLAIN), text);
}

static void a_wrong_policy_is_refused(void **state)
{
	static const char *const cases[][2] = {
		{"[{\"line\":2,\"section\":\"defaults\",\"key\":\"mood\",\"value\":\"x\"}]",
			"policy: line 2: "},
		{"[{\"line\":1,\"section\":\"defaults\",\"key\":\"mode\",\"value\":\"advise\"}]",
			"policy[0]: \"line\" is not behind the one before"},
		{"[{\"line\":2,\"section\":\"defaults]\\n[x\",\"key\":\"mode\",\"value\":\"advise\"}]",
			"policy: line "},
		{"[{\"line\":2}]", "policy[0]: \"section\" is missing"},
	};

	(void)state;
	for (size_t i = 0; i < PT_ARRAY_SIZE(cases); i++) {
		struct pt_node PT_NODE *node = NULL;
		struct pt_err err = {0};

		assert_int_equal(read_part(&pt_policy_own, cases[i][0], &node, &err), -EINVAL);
		assert_holds(err.text, cases[i][1]);
	}
}

static void mappings_lose_their_descriptions(void **state)
{
	static const char file[] = "gpu\n\tdescription SECRET\n\tmap id=10de:2204,node=node1,"
				   "path=0000:01:00,iommugroup=1\n\tmdev 1\n";
	struct pt_node PT_NODE *node = pt_node_open(NULL, "node1", NULL, pt_check_allowing);
	struct pt_node PT_NODE *again = NULL;
	struct json_object PT_JSON *json = NULL;

	(void)state;
	pt_mappings_parse(file, &node->mappings);
	json = pt_mappings_own.write(NULL, node);
	assert_lacks(json_object_get_string(json), "SECRET");
	again = pt_node_open(NULL, "node1", NULL, pt_check_allowing);
	assert_int_equal(pt_mappings_own.read(json, again, NULL), 0);
	assert_int_equal(again->mappings.count, 1);
	assert_true(again->mappings.mapping[0].has_mdev);
	assert_string_equal(again->mappings.mapping[0].entry[0].path, "0000:01:00");
	assert_string_equal(again->mappings.mapping[0].entry[0].iommugroup, "1");
}

static void of_configs_only_what_checks_look_at(void **state)
{
	static const char text[] =
		"[{\"vmid\":100,\"config\":{\"hostpci0\":\"01:00\",\"cipassword\":\"SECRET\","
		"\"memory\":2048,\"ostype\":\"win11\",\"args\":\"-object secret,data=SECRET -device "
		"vfio-pci,host=05:00.0,x-msix-relocation=bar2 -cpu host,x=SECRET -set "
		"device.hostpci0.x-msix-relocation=bar0 -set device.net0.mac=SECRET -fw_cfg "
		"name=opt/ovmf/X-PciMmio64Mb,string=65536\"},\"dropped\":[{\"index\":3,\"value\":"
		"\"zz\"}]}]";
	struct pt_node PT_NODE *node = NULL;
	struct json_object PT_JSON *json = NULL;

	(void)state;
	assert_int_equal(read_part(&pt_guests_own, text, &node, NULL), 0);
	assert_int_equal(node->guest_count, 1);
	assert_string_equal(pt_guest_get(node->guest[0], "memory"), "2048");
	assert_int_equal(node->guest[0]->dropped_count, 1);
	assert_int_equal(node->guest[0]->dropped[0].index, 3);
	assert_non_null(node->guest[0]->dropped[0].why);
	json = pt_guests_own.write(NULL, node);
	assert_string_equal(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN),
		"[{\"vmid\":100,\"config\":{\"hostpci0\":\"01:00\",\"memory\":\"2048\",\"ostype\":\"win11\",\"args\":"
		"\"x-msix-relocation -cpu device.hostpci0.x-msix-relocation=bar0 "
		"X-PciMmio64Mb,string=65536 -device vfio-pci,host=0000:05:00.0\"},\"dropped\":[{\"kind\":"
		"\"value\",\"index\":3,\"value\":\"zz\"}]}]");
}

static void a_wrong_guest_is_refused(void **state)
{
	static const char *const cases[][2] = {
		{"[{\"vmid\":101,\"config\":{},\"dropped\":[]},"
		 "{\"vmid\":100,\"config\":{},\"dropped\":[]}]",
			"guests[1]: \"vmid\" is not behind the one before"},
		{"[{\"vmid\":100,\"config\":{\"hostpci0\":[]},\"dropped\":[]}]",
			"guests[0]: \"hostpci0\" is neither text nor number"},
		{"[{\"vmid\":100,\"config\":{},\"dropped\":[{\"index\":16,\"value\":\"\"}]}]",
			"guests[0]: dropped[0]: \"index\" is not between -1 and 15"},
	};

	(void)state;
	for (size_t i = 0; i < PT_ARRAY_SIZE(cases); i++) {
		struct pt_node PT_NODE *node = NULL;
		struct pt_err err = {0};

		assert_true(read_part(&pt_guests_own, cases[i][0], &node, &err) < 0);
		assert_holds(err.text, cases[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_the_command_line_only_what_checks_look_at),
		cmocka_unit_test(policy_keeps_its_lines),
		cmocka_unit_test(a_wrong_policy_is_refused),
		cmocka_unit_test(mappings_lose_their_descriptions),
		cmocka_unit_test(of_configs_only_what_checks_look_at),
		cmocka_unit_test(a_wrong_guest_is_refused),
	};

	return cmocka_run_group_tests_name("node-parts", tests, NULL, NULL);
}
