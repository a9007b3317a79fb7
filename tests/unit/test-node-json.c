// SPDX-License-Identifier: AGPL-3.0-or-later
/* A facts file leads to the findings of the node that it was taken from, holds nothing secret, and
 * is hostile. */
#include "lib/base/json.h"
#include "pve/check/check.h"
#include "pve/node/node-json.h"
#include "tests/unit/busy.h"

static void make_secretive(struct fake *fake)
{

	make_busy(fake);
	fake_file(fake, "/proc/cmdline", "root=/dev/sda1 iscsi.password=SECRET1 intel_iommu=on\n");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/104.conf",
		"name: four\nhostpci0: 01:00,romfile=gpu.rom\nhostpci1: zz\nhostpci2: 02:00.0,mdev=t1\n"
		"cipassword: SECRET2\nsshkeys: SECRET3\ndescription: SECRET4\n"
		"args: -object secret,data=SECRET5 -device vfio-pci,host=05:00.0 -fw_cfg "
		"name=opt/ovmf/X-PciMmio64Mb,string=65536\n"
		"hookscript: local:snippets/pve-pthook\n");
	fake_file(fake, PT_POLICY_FILE,
		"# SECRET6\n[defaults]\nmode = advise\n\n\n[guest 104]\nallow = no-reset\n"
		"[device 0000:01:00]\nreturn = none\n[device 0000:02:00.0]\nreturn = keep-vfio\n");
	fake_file(fake, PT_IDENTITY_DIR "/104.json",
		"{\"version\":1,\"functions\":[{\"function\":\"0000:01:00.0\",\"vendor\":\"10de\","
		"\"device\":\"2204\",\"subsystem_vendor\":\"\",\"subsystem_device\":\"\",\"class\":1,"
		"\"serial\":\"\"}]}");
	save_claim(fake, "/run/pt", 103, "0000:03:00.0", "it hangs");
	fake_file(fake, "/etc/pve/ha/resources.cfg", "vm: 104\n\tgroup a\nvm: 102\n");
	fake_file(fake, "/etc/pve/ha/groups.cfg", "group: a\n\tnodes node1\n\trestricted 1\n");
	fake_dir(fake, "/etc/pve/nodes/node2");
	fake_dir(fake, "/sys/bus/pci/devices/0000:02:00.0/mdev_supported_types/t1");
	fake_file(fake,
		"/sys/bus/pci/devices/0000:02:00.0/mdev_supported_types/t1/available_instances",
		"1\n");
	fake_dir(fake, "/sys/bus/mdev/devices/00000002-0000-0000-0000-000000000104");
	fake_file(fake, "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "7\n");
	fake_file(fake, "/sys/devices/system/node/node1/hugepages/hugepages-2048kB/free_hugepages",
		"7\n");
	fake_file(fake, "/sys/bus/pci/devices/0000:04:10.0/net/eth9/flags", "0x1003\n");
}

/* The machine's facts as text; the caller's. */
static char *facts_of(struct fake *fake, struct pt_node **ret)
{
	struct json_object *json = NULL;
	struct pt_store *store = NULL;
	char *text;

	make_secretive(fake);
	pt_store_open(&store, fake->host, "/run/pt", false, NULL);
	*ret = pt_node_open(fake->host, "node1", store, pt_check_allowing);
	assert_int_equal(pt_node_learn_all(*ret, NULL), 0);
	assert_int_equal(pt_node_to_json(*ret, &json, NULL), 0);
	text = strdup(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY));
	json_object_put(json);
	pt_store_close(store);
	return text;
}

static struct pt_node *read_back(const char *text, struct pt_err *err)
{
	struct json_object *json = pt_json_parse(text, strlen(text), NULL);
	struct pt_node *node = NULL;

	assert_non_null(json);
	if (pt_node_from_json(json, pt_check_allowing, &node, err) < 0)
		node = NULL;
	json_object_put(json);
	return node;
}

static void findings_are_the_same(void **state)
{
	struct pt_node PT_NODE *live = NULL;
	PT_FREE char *text = facts_of(*state, &live);
	struct pt_err err = {0};
	struct pt_node PT_NODE *node = read_back(text, &err);
	struct pt_guest *const *guest = NULL, *const *theirs = NULL;
	struct json_object *json = NULL;
	size_t count = 0, other = 0;

	assert_string_equal(err.text, "");
	assert_non_null(node);
	/* nothing is lost on the way */
	assert_int_equal(pt_node_to_json(node, &json, NULL), 0);
	assert_string_equal(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY), text);
	json_object_put(json);
	for (size_t i = 0; i < PT_ARRAY_SIZE(busy_configs); i++) {
		PT_FREE char *here = findings_of(live, busy_configs[i], PT_DEPTH_CHECK);
		PT_FREE char *there = findings_of(node, busy_configs[i], PT_DEPTH_CHECK);

		assert_string_equal(here, there);
	}
	assert_int_equal(pt_node_guests(live, &guest, &count, NULL), 0);
	assert_int_equal(pt_node_guests(node, &theirs, &other, NULL), 0);
	assert_int_equal(count, other);
	for (size_t i = 0; i < count; i++) {
		struct pt_findings PT_FINDINGS here = {0}, there = {0};
		struct pt_facts PT_FACTS one = {0}, two = {0};
		struct json_object *a, *b;

		assert_int_equal(pt_facts_gather(live, guest[i], PT_DEPTH_CHECK, &one, NULL), 0);
		assert_int_equal(pt_facts_gather(node, theirs[i], PT_DEPTH_CHECK, &two, NULL), 0);
		pt_check_run(&one, &here);
		pt_check_run(&two, &there);
		a = findings_to_json(&here);
		b = findings_to_json(&there);
		assert_string_equal(json_object_to_json_string(a), json_object_to_json_string(b));
		json_object_put(a);
		json_object_put(b);
	}
}

static void nothing_secret_is_in_it(void **state)
{
	struct pt_node PT_NODE *live = NULL;
	PT_FREE char *text = facts_of(*state, &live);

	assert_lacks(text, "SECRET");
	assert_holds(text, "intel_iommu=on");
	assert_holds(text, "X-PciMmio64Mb,string=65536 -device vfio-pci,host=0000:05:00.0");
	assert_holds(text, "\"name\":\"four\"");
	assert_holds(text, "it hangs");
	assert_holds(text, "guest 104");
	assert_holds(text, "device 0000:01:00\"");
	assert_holds(text, "eth9");
}

static void a_dead_device_is_dead_there_too(void **state)
{
	struct fake *fake = *state;
	struct pt_node PT_NODE *live = NULL;
	struct pt_node PT_NODE *node = NULL;
	PT_FREE char *text = NULL;
	PT_FREE char *findings = NULL;
	struct pt_err err = {0};

	fake_bytes(fake, "/sys/bus/pci/devices/0000:02:00.0/config", "\xff\xff\xff\xff", 4);
	text = facts_of(fake, &live);
	node = read_back(text, &err);
	assert_non_null(node);
	findings = findings_of(node, "hostpci0: 02:00.0\n", PT_DEPTH_CHECK);
	assert_holds(findings, "device-dead");
}

/* After an upgrade of the kernel no module is there any more: neither the named one. */
static void a_missing_module_is_missing_there_too(void **state)
{
	static const char policy[] = "[device 02:00]\nvfio-driver = mlx5_vfio_pci\n";
	struct fake *fake = *state;
	struct pt_node PT_NODE *live = NULL;
	struct pt_node PT_NODE *node = NULL;
	PT_FREE char *text = NULL;
	PT_FREE char *findings = NULL;
	struct pt_err err = {0};

	text = facts_of(fake, &live);
	node = read_back(text, &err);
	assert_non_null(node);
	node->traits.vfio.state = PT_MODULE_MISSING;
	pt_policy_clear(&node->traits.policy);
	assert_int_equal(pt_policy_parse(policy, strlen(policy), pt_check_allowing, NULL, NULL,
				 &node->traits.policy),
		0);
	findings = findings_of(node,
		"hostpci0: 02:00.0,driver=keep\nhookscript: local:snippets/pve-pthook\n",
		PT_DEPTH_CHECK);
	assert_holds(findings, "vfio-module-missing");
}

/* Each key is asked for: without it, or with something else in its place, the file is refused and
 * the key named. */
static void each_key_counts(void **state)
{
	struct pt_node PT_NODE *live = NULL;
	PT_FREE char *text = facts_of(*state, &live);
	struct json_object *json = pt_json_parse(text, strlen(text), NULL);
	size_t keys = 0;

	assert_non_null(json);
	json_object_object_foreach(json, key, value)
	{
		struct json_object *copy = NULL;
		struct pt_err err = {0};
		struct pt_node *node = NULL;

		(void)value;
		/* null may be text as well */
		assert_int_equal(json_object_deep_copy(json, &copy, NULL), 0);
		json_object_object_add(copy, key, json_object_new_double(1.5));
		assert_int_equal(pt_node_from_json(copy, pt_check_allowing, &node, &err), -EINVAL);
		assert_true(strstr(err.text, key) || strstr(err.text, "uses") ||
			    strstr(err.text, "inventory"));
		assert_null(node);
		json_object_put(copy);
		keys++;
	}
	assert_in_range(keys, 15, 30);
	json_object_put(json);
}

static void what_is_wrong_is_told_with_its_place(void **state)
{
	static const struct {
		const char *from, *to, *why;
	} cases[] = {
		{"\"pve-ptconf facts\"", "\"something\"", "\"format\" is not 'pve-ptconf facts'"},
		{"\"version\":2,", "\"version\":3,", "\"version\" is none that this version knows"},
		{"\"node\":\"node1\"", "\"node\":\"../x\"", "\"node\" cannot be a node's name"},
		{"\"state\":\"present\"", "\"state\":\"x\"",
			"host: vfio_pci: \"state\" is none of the words"},
		{"\"vmid\":103", "\"vmid\":3",
			"claims[0]: \"vmid\" is not between 100 and 999999999"},
		{"\"key\":\"mode\"", "\"key\":\"mood\"", "policy: line 3: "},
		{"\"line\":7,", "\"line\":3,", "policy[1]: \"line\" is not behind the one before"},
		{"\"line\":3,", "\"line\":999999,",
			"policy[0]: \"line\" is not between 1 and 10000"},
		{"\"index\":1,", "\"index\":16,",
			"guests[2]: dropped[0]: \"index\" is not between -1 and 15"},
		{"\"net\":\"eth9\"", "\"net\":\"a-name-that-is-far-too-long\"",
			"\"net\" is too long"},
		{"\"memory\":{", "\"memory\":7,\"x\":{", "\"memory\" is no object"},
		{"\"images\":[", "\"images\":[{\"vendor\":70000,\"device\":1,\"code_type\":0}",
			"roms[0]: images[0]: \"vendor\" is not between 0 and 65535"},
		{"\"mdev_instances\":[", "\"mdev_instances\":[7,",
			"mdev_instances[0]: is no string"},
		{"\"hugepages\":[", "\"hugepages\":[{\"size\":1,\"free\":1,\"nodes\":[\"x\"]},",
			"memory: hugepages[0]: nodes[0]: is no whole number"},
		{"\"hugepages\":[",
			"\"hugepages\":[{\"size\":1,\"free\":1},{\"size\":1,\"free\":1},"
			"{\"size\":1,\"free\":1},{\"size\":1,\"free\":1},",
			"memory: \"hugepages\" has more than 4 elements"},
		{"\"vmid\":102,\n      \"config\"", "\"vmid\":101,\"config\"",
			"guests[1]: \"vmid\" is not behind the one before"},
		{"\"kind\":\"gpu\"", "\"kind\":\"x\"", "uses[1]: \"kind\" is none of the words"},
		{"\"bdf\":\"0000:01:00.1\"", "\"bdf\":\"0000:01:00.0\"", "is there twice"},
	};
	struct json_object *json = NULL;
	struct pt_err err = {0};
	struct pt_node PT_NODE *live = NULL;
	PT_FREE char *text = facts_of(*state, &live);

	for (size_t i = 0; i < PT_ARRAY_SIZE(cases); i++) {
		char *at = strstr(text, cases[i].from);
		PT_FREE char *changed = NULL;
		struct pt_err why = {0};

		if (!at)
			fail_msg("the facts do not hold %s", cases[i].from);
		changed = pt_format("%.*s%s%s", (int)(at - text), text, cases[i].to,
			at + strlen(cases[i].from));
		assert_null(read_back(changed, &why));
		assert_holds(why.text, cases[i].why);
	}
	live->has_uses = false;
	assert_int_equal(pt_node_to_json(live, &json, &err), -ETIME);
	assert_string_equal(err.text, "the uses of the devices are unknown: a driver hangs "
				      "(see the kernel log)");
	assert_null(read_back("[]", NULL));
	assert_null(read_back("7", NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(findings_are_the_same),
		MACHINE_TEST(nothing_secret_is_in_it),
		MACHINE_TEST(a_dead_device_is_dead_there_too),
		MACHINE_TEST(a_missing_module_is_missing_there_too),
		MACHINE_TEST(each_key_counts),
		MACHINE_TEST(what_is_wrong_is_told_with_its_place),
	};

	return cmocka_run_group_tests_name("node-json", tests, NULL, NULL);
}
