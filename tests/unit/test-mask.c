// SPDX-License-Identifier: AGPL-3.0-or-later
/* Masked facts: nothing of the site is left, the words that explain stay, and so do the findings.
 */
#include "lib/base/json.h"
#include "pve/check/check.h"
#include "pve/node/mask.h"
#include "pve/node/node-json.h"
#include "pve/node/node-parts.h"
#include "tests/unit/busy.h"

/* Each name that must not be left begins so, in any case. */
#define SECRET "quux"

static char *masked(const char *text)
{
	struct json_object *json = pt_json_parse(text, strlen(text), NULL);
	struct json_object *copy;
	char *ret;

	assert_non_null(json);
	copy = pt_mask_node(json);
	ret = strdup(json_object_to_json_string_ext(
		copy, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(copy);
	json_object_put(json);
	return ret;
}

static void assert_masked(const char *text, const char *expected)
{
	PT_FREE char *found = masked(text);

	assert_string_equal(found, expected);
}

static void a_name_has_one_mask_everywhere(void **state)
{
	(void)state;
	assert_masked(
		"{\"node\":\"quux\",\"nodes\":[\"quux2\",\"quux\"],"
		"\"ha\":[{\"vmid\":100,\"nodes\":[\"quux2\"]}],"
		"\"hooks\":[{\"volume\":\"quux3:snippets/quux4\",\"state\":\"ours\",\"nodes\":"
		"[\"quux2\"]}]}",
		"{\"node\":\"node-1\",\"nodes\":[\"node-2\",\"node-1\"],"
		"\"ha\":[{\"vmid\":100,\"nodes\":[\"node-2\"]}],"
		"\"hooks\":[{\"volume\":\"storage-1:snippets/hook-1\",\"state\":\"ours\",\"nodes\":"
		"[\"node-2\"]}]}");
	assert_masked("{\"devices\":[{\"serial\":\"00a0c9fffe000001\"},{\"serial\":\"\"}],"
		      "\"records\":[{\"functions\":[{\"serial\":\"00a0c9fffe000001\"}]}]}",
		"{\"devices\":[{\"serial\":\"0000000000000001\"},{\"serial\":\"\"}],"
		"\"records\":[{\"functions\":[{\"serial\":\"0000000000000001\"}]}]}");
}

static void uses_can_still_be_read(void **state)
{
	static const struct {
		const char *key, *text, *masked;
	} cases[] = {
		{"what", "nvme0n1p2", "nvme0n1p2"},
		{"what", "enp65s0f1", "enp65s0f1"},
		{"what", "enx00a0c9000001", "name-1"},
		{"what", "quux", "name-1"},
		{"what", "/dev/dri/card0", "/dev/dri/card0"},
		{"what", "/dev/mapper/quux", "/path-1"},
		{"what", "/dev/disk/by-id/nvme-quux", "/path-1"},
		{"via", "LVM volume pve-root (dm-1)", "LVM volume pve-root (dm-1)"},
		{"via", "LVM volume quux-root (dm-1)", "LVM volume name-1 (dm-1)"},
		{"via", "bridge vmbr0, vlan vmbr0.7", "bridge vmbr0, vlan vmbr0.7"},
		{"via", "raid1 array md127", "raid1 array md127"},
		{"place", "/", "/"},
		{"place", "/var/lib/vz", "/var/lib/vz"},
		{"place", "/mnt/quux 4711", "/path-1"},
		{"place", "rpool", "rpool"},
		{"place", "192.0.2.4/24", "address-1/24"},
		{"place", "0.0.0.0/0", "0.0.0.0/0"},
		{"place", "2001:db8::", "address-1"},
		{"place", "guest", "name-1"},
		{"what", "/dev/vg_quux", "/path-1"},
		{"what", "/dev/bus/usb/001/002", "/dev/bus/usb/001/002"},
		{"what", "vmbr0v100", "vmbr0v100"},
		{"what", "boot_vga", "boot_vga"},
		{"via", "vrf quux", "vrf name-1"},
		{"via", "LVM volume pve-vm--100--disk--0 (dm-1)",
			"LVM volume pve-vm--100--disk--0 (dm-1)"},
		{"end", "mdadm --stop /dev/md_quux", "mdadm --stop /path-1"},
		{"process", "quux helper", "process-1"},
		{"place", "2001:db8::1/64", "address-1/64"},
		{"place", "00:a0:c9:00:00:01", "mac-1"},
		{"end", "vgchange -an quux", "vgchange -an name-1"},
		{"end", "cryptsetup close 'quux quux2'", "cryptsetup close 'name-1 name-2'"},
		{"process", "kvm", "kvm"},
		{"process", "quuxd", "process-1"},
		{"container", "101", "101"},
		{"container", "quux", "name-1"},
		{"unit", "quux.service", "unit-1.service"},
		{"unit", "backup@quux.service", "unit-1.service"},
		{"unit", "101.scope", "101.scope"},
	};

	(void)state;
	pt_foreach (one, cases, PT_ARRAY_SIZE(cases)) {
		PT_FREE char *text = pt_format("{\"uses\":[{\"%s\":\"%s\"}]}", one->key, one->text);
		PT_FREE char *expected =
			pt_format("{\"uses\":[{\"%s\":\"%s\"}]}", one->key, one->masked);

		assert_masked(text, expected);
	}
}

static void sentences_lose_names_alone(void **state)
{
	(void)state;
	/* the name comes behind the sentence */
	assert_masked(
		"{\"claims_error\":\"guest 104: /run/pve-ptconf/guest/104.json: quux of "
		"/etc/pve/nodes/quux/x.conf, 'quux3', quux_4: is no JSON, nvme0n1\",\"node\":\"quux\"}",
		"{\"claims_error\":\"guest 104: /run/pve-ptconf/guest/104.json: node-1 of /path-1, "
		"'name-1', name-2: is no JSON, nvme0n1\",\"node\":\"node-1\"}");
}

static void configs_keep_their_form(void **state)
{
	static const struct {
		const char *text, *masked;
	} cases[] = {
		{"{\"name\":\"quux\"}", "{\"name\":\"guest-100\"}"},
		{"{\"hostpci0\":\"0000:01:00,pcie=1,x-vga=on\"}",
			"{\"hostpci0\":\"0000:01:00,pcie=1,x-vga=on\"}"},
		{"{\"hostpci1\":\"host=01:00.0;02:00.0,romfile=quux/../quux.rom\"}",
			"{\"hostpci1\":\"host=01:00.0;02:00.0,romfile=rom-1/../rom-2\"}"},
		{"{\"hostpci15\":\"mapping=quux,mdev=nvidia-63,vendor-id=0x10de\"}",
			"{\"hostpci15\":\"mapping=mapping-1,mdev=nvidia-63,vendor-id=0x10de\"}"},
		{"{\"hostpci2\":\"01:00.0,pcie=Yes\"}", "{\"hostpci2\":\"01:00.0,pcie=Yes\"}"},
		{"{\"cpu\":\"host,hidden=1,hv-vendor-id=Quux\"}",
			"{\"cpu\":\"host,hidden=1,hv-vendor-id=vendor-1\"}"},
		{"{\"cpu\":\"cputype=custom-quux\"}", "{\"cpu\":\"cputype=custom-model-1\"}"},
		{"{\"hookscript\":\"quux:snippets/a/pve-pthook\"}",
			"{\"hookscript\":\"storage-1:snippets/hook-1/pve-pthook\"}"},
		{"{\"hookscript\":\"quux:vm/pve-pthook\"}", "{\"hookscript\":\"volume-1\"}"},
		{"{\"cpu\":\"custom-quux,flags=+aes\"}", "{\"cpu\":\"custom-model-1,flags=+aes\"}"},
		{"{\"cpu\":\"host\",\"machine\":\"q35,viommu=intel\"}",
			"{\"cpu\":\"host\",\"machine\":\"q35,viommu=intel\"}"},
		{"{\"args\":\"X-PciMmio64Mb -device vfio-pci,host=0000:05:00.0\"}",
			"{\"args\":\"X-PciMmio64Mb -device vfio-pci,host=0000:05:00.0\"}"},
		{"{\"hookscript\":\"local:snippets/pve-pthook\"}",
			"{\"hookscript\":\"local:snippets/pve-pthook\"}"},
		/* a key without a rule, from a writer that knows more */
		{"{\"description\":\"quux\"}", "{\"description\":\"name-1\"}"},
	};

	(void)state;
	pt_foreach (one, cases, PT_ARRAY_SIZE(cases)) {
		PT_FREE char *text =
			pt_format("{\"guests\":[{\"vmid\":100,\"config\":%s}]}", one->text);
		PT_FREE char *expected =
			pt_format("{\"guests\":[{\"vmid\":100,\"config\":%s}]}", one->masked);

		assert_masked(text, expected);
	}
	assert_masked(
		"{\"guests\":[{\"dropped\":[{\"value\":\"9quux;,mapping=quux x,quux=1,pcie=maybe\"},"
		"{\"value\":\"0000:01:00.0,pcie=1,pcie=1\"}]}]}",
		"{\"guests\":[{\"dropped\":[{\"value\":\"0xxxx;,mapping=xxxx x,key-1=1,pcie=xxxxx\"},"
		"{\"value\":\"0000:01:00.0,pcie=1,pcie=1\"}]}]}");
	assert_masked("{\"guests\":[{\"dropped\":[{\"value\":\"01:00.0,pcie=ON,foo=1,bar=2\"},"
		      "{\"value\":\"01:00.0 , pcie=1\"},{\"value\":\"host=10.1.2.3\"},"
		      "{\"value\":\"host=00:a0:c9:11:22:33,mapping=cafe\"}]}]}",
		"{\"guests\":[{\"dropped\":[{\"value\":\"01:00.0,pcie=ON,key-1=1,key-2=0\"},"
		"{\"value\":\"01:00.0 ,key-3=1\"},{\"value\":\"host=00.0.0.0\"},"
		"{\"value\":\"host=00:x0:x0:00:00:00,mapping=xxxx\"}]}]}");
	/* a whole line */
	assert_masked("{\"guests\":[{\"dropped\":["
		      "{\"kind\":\"line\",\"value\":\"  HostPCI0 = mapping=quux,pcie=1\"},"
		      "{\"kind\":\"machine\",\"value\":\"q35 # quux\"}]}]}",
		"{\"guests\":[{\"dropped\":["
		"{\"kind\":\"line\",\"value\":\"  HostPCI0 = mapping=xxxx,pcie=1\"},"
		"{\"kind\":\"machine\",\"value\":\"x00 # xxxx\"}]}]}");
	assert_masked("{\"mappings\":\"quux\\n\\tmap id=10de:2204,node=quux2,path=0000:01:00\\n"
		      "\\tmdev 1\\n\\n\",\"nodes\":[\"quux2\"]}",
		"{\"mappings\":\"mapping-1\\n\\tmap id=10de:2204,node=node-1,path=0000:01:00\\n"
		"\\tmdev 1\\n\\n\",\"nodes\":[\"node-1\"]}");
	assert_masked("{\"policy\":[{\"line\":2,\"section\":\"guest 100\",\"key\":\"stop-units\","
		      "\"value\":\"quux.service pve-container@101.service mnt-quux.automount\"}]}",
		"{\"policy\":[{\"line\":2,\"section\":\"guest 100\",\"key\":\"stop-units\","
		"\"value\":\"unit-1.service pve-container@101.service unit-2.automount\"}]}");
}

/* Finds the places of texts in the tables that facts follow. */
static void find_rules(const struct pt_record *record, const char *at)
{
	pt_foreach (field, record->field, record->count) {
		PT_FREE char *place = field->key
					      ? pt_format("%s%s%s", at, *at ? "." : "", field->key)
					      : pt_strdup(at);
		PT_FREE char *element = pt_format("%s[]", place);

		switch (field->kind) {
		case PT_FIELD_TEXT:
		case PT_FIELD_CHARS:
		case PT_FIELD_WORD:
		case PT_FIELD_FORM:
			if (!pt_mask_has_rule(place))
				fail_msg("there is no rule for %s", place);
			break;
		case PT_FIELD_RECORD:
			find_rules(field->of, place);
			break;
		case PT_FIELD_LIST:
		case PT_FIELD_ROW:
			find_rules(field->of, element);
			break;
		default:
			break;
		}
	}
}

static void each_text_of_facts_has_a_rule(void **state)
{
	(void)state;
	assert_false(pt_mask_has_rule("uses[].other"));
	find_rules(&pt_node_record, "");
}

/* The findings but for their sentences. */
static char *outline_of(struct pt_node *node, const struct pt_guest *guest)
{
	struct pt_findings PT_FINDINGS findings = {0};
	struct pt_facts PT_FACTS facts = {0};
	char *outline = pt_strdup("");

	assert_int_equal(pt_facts_gather(node, guest, PT_DEPTH_CHECK, &facts, NULL), 0);
	pt_check_run(&facts, &findings);
	pt_foreach (finding, findings.finding, findings.count) {
		struct json_object *json = pt_record_to_json(&pt_finding_record, finding);
		struct json_object *value;

		static const char *const keys[] = {"tag", "severity", "entry", "function"};
		for (size_t i = 0; i < PT_ARRAY_SIZE(keys); i++) {
			if (json_object_object_get_ex(json, keys[i], &value))
				outline = pt_list_add(outline, i ? " " : "\n",
					value ? json_object_get_string(value) : "-");
		}
		json_object_put(json);
	}
	return outline;
}

static struct pt_node *node_of(struct json_object *json)
{
	struct pt_node *node = NULL;
	struct pt_err err = {0};

	if (pt_node_from_json(json, pt_check_allowing, &node, &err) < 0)
		fail_msg("%s", err.text);
	return node;
}

static void findings_are_the_same(void **state)
{
	struct fake *fake = *state;
	struct json_object *json = NULL, *copy, *again = NULL;
	struct pt_node *live, *node;
	struct pt_guest *const *guest = NULL, *const *theirs = NULL;
	size_t count = 0, other = 0, found = 0;

	make_busy(fake);
	for (size_t i = 0; i < PT_ARRAY_SIZE(busy_configs); i++) {
		PT_FREE char *path =
			pt_format("/etc/pve/nodes/node1/qemu-server/%zu.conf", 200 + i);

		fake_file(fake, path, busy_configs[i]);
	}
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/300.conf",
		"name: quux\nhostpci0: mapping=quux\nhostpci1: 03:00.0,romfile=quux.rom\n"
		"hostpci2: 01:00.0,quux=1\nhookscript: quux:snippets/quux\ndescription: quux\n");
	fake_file(fake, "/proc/4243/comm", "quuxd\n");
	fake_file(fake, "/proc/1/mountinfo", "22 1 259:7 / /mnt/quux rw - ext4 /dev/nvme1n1 rw\n");
	live = pt_node_open(fake->host, "node1", NULL, pt_check_allowing);
	assert_int_equal(pt_node_learn_all(live, NULL), 0);
	assert_int_equal(pt_node_to_json(live, &json, NULL), 0);
	assert_holds(json_object_to_json_string(json), SECRET);
	copy = pt_mask_node(json);
	assert_lacks(json_object_to_json_string(copy), SECRET);
	assert_lacks(json_object_to_json_string(copy), "node1");
	node = node_of(copy);
	/* nothing is lost on the way */
	assert_int_equal(pt_node_to_json(node, &again, NULL), 0);
	assert_string_equal(json_object_to_json_string(again), json_object_to_json_string(copy));
	assert_int_equal(pt_node_guests(live, &guest, &count, NULL), 0);
	assert_int_equal(pt_node_guests(node, &theirs, &other, NULL), 0);
	assert_int_equal(count, other);
	for (size_t i = 0; i < count; i++) {
		PT_FREE char *here = outline_of(live, guest[i]);
		PT_FREE char *there = outline_of(node, theirs[i]);

		assert_string_equal(here, there);
		found += strlen(here);
	}
	assert_true(found > 1000);
	json_object_put(again);
	json_object_put(copy);
	json_object_put(json);
	pt_node_close(node);
	pt_node_close(live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_has_one_mask_everywhere),
		cmocka_unit_test(uses_can_still_be_read),
		cmocka_unit_test(sentences_lose_names_alone),
		cmocka_unit_test(configs_keep_their_form),
		cmocka_unit_test(each_text_of_facts_has_a_rule),
		MACHINE_TEST(findings_are_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
