// SPDX-License-Identifier: AGPL-3.0-or-later
#include <regex.h>

#include "pve/check/check.h"
#include "pve/check/messages.h"
#include "tests/unit/unit.h"

static void each_row_is_whole(void **state)
{
	const struct pt_message *message;
	size_t at;

	(void)state;
	for (at = 0; (message = pt_message_at(at)); at++) {
		regex_t expression;

		assert_int_equal(
			regcomp(&expression, message->pattern, REG_EXTENDED | REG_ICASE), 0);
		/* not every text */
		assert_int_not_equal(regexec(&expression, "", 0, NULL, 0), 0);
		assert_int_not_equal(regexec(&expression, "TASK OK", 0, NULL, 0), 0);
		regfree(&expression);
		assert_true(*message->cause && *message->seen);
		for (size_t i = 0; message->tags[i]; i++) {
			if (!pt_check_find(message->tags[i]))
				fail_msg("there is no %s", message->tags[i]);
		}
	}
	assert_true(at > 20);
}

static void messages_lead_to_findings(void **state)
{
	static const struct {
		const char *text, *tag;
	} cases[] = {
		{"cannot prepare PCI pass-through, IOMMU not present", "iommu-disabled"},
		{"no PCI device found for '0000:01:00'", "device-missing"},
		{"Cannot bind 0000:01:00.0 to vfio", "vfio-module-missing"},
		{"vfio-pci 0000:b1:00.0: 8086:37c8 exists in vfio-pci device denylist, driver probing "
		 "disallowed.",
			"vfio-pci-denies"},
		{"q35 machine model is not enabled at /usr/share/perl5/PVE", "pcie-needs-q35"},
		{"PCI device '0000:01:00.0' already in use by VMID '101'", "used-by-running"},
		{"kvm: -device vfio-pci,host=0000:01:00.0: vfio 0000:01:00.0: group 15 is not viable\\n"
		 "Please ensure all devices within the iommu_group are bound to their vfio bus driver.",
			"group-companions"},
		{"vfio 0000:01:00.0: failed to setup container for group 15: Failed to set group "
		 "container: Invalid argument",
			"reserved-region"},
		{"vfio 0000:01:00.0: failed to open /dev/vfio/15: Device or resource busy",
			"used-by-running"},
		{"start failed: command '/usr/bin/kvm -id 100' failed: got timeout",
			"start-timeout-risk"},
		{"trying to acquire lock... can't lock file '/var/lock/qemu-server/lock-100.conf' - got "
		 "timeout",
			"stale-claim"},
		{"vfio-pci 0000:01:00.0: not ready 65535ms after bus reset; giving up",
			"reset-quirk"},
		{"vfio-pci 0000:01:00.0: BAR 1: can't reserve [mem 0xd0000000-0xdfffffff 64bit pref]",
			"framebuffer-stays"},
		{"failed to reset PCI device '0000:01:00.0', but trying to continue as not all devices "
		 "need a reset",
			"no-reset"},
		{"error writing '1' to '/sys/bus/pci/devices/0000:01:00.0/reset': Inappropriate ioctl for "
		 "device",
			"no-reset"},
		{"vfio_iommu_type1_attach_group: No interrupt remapping support.  Use the module param",
			"interrupt-remapping-missing"},
		{"Firmware has requested this device have a 1:1 IOMMU mapping, rejecting configuring",
			"reserved-region"},
		{"table & pba overlap, or they don't fit in BARs, or don't align", "msix-layout"},
		{"aw-bits 48 > host aw-bits 39", "viommu-too-wide"},
		{"vfio-pci 0000:01:00.0: Unable to change power state from D3cold to D0, device "
		 "inaccessible",
			"device-dead"},
		{"vfio: Cannot reset device 0000:03:00.0, depends on group 20 which is not owned.",
			"bus-reset-shared"},
		{"VFIO_MAP_DMA failed: Cannot allocate memory", "memory-not-pinnable"},
		{"can't unbind/bind PCI group to VFIO '0000:01:00.0'", "vfio-module-missing"},
		{"PCI device '0000:01:00.0' already in use by VMID '7' assigned more than once",
			"device-assigned-twice"},
		{"legacy IGD assignment is not compatible with x-vga", "legacy-igd-q35"},
		{"vm 100 - unable to parse value of 'machine' - format error", "hostpci-syntax"},
		{"script '/var/lib/vz/snippets/x' does not exist", "hook-missing"},
		{"pci device '0000:01:00.0' has no available instances of 'nvidia-1'",
			"mdev-none-free"},
		{"vfio-pci 0000:01:00.0: vfio_bar_restore: reset recovery - restoring BARs",
			"device-dead"},
	};

	(void)state;
	pt_foreach (one, cases, PT_ARRAY_SIZE(cases)) {
		const struct pt_message *message;
		size_t at = 0;

		message = pt_message_next(one->text, &at);
		if (!message)
			fail_msg("nothing is known of: %s", one->text);
		assert_string_equal(message->tags[0], one->tag);
	}
}

static void other_lines_say_nothing(void **state)
{
	static const char *const lines[] = {"TASK OK",
		"swtpm_setup: Not overwriting existing state", "generating cloud-init ISO",
		"  Logical volume created.", "no device"};

	(void)state;
	pt_foreach (line, lines, PT_ARRAY_SIZE(lines)) {
		size_t at = 0;

		assert_null(pt_message_next(*line, &at));
	}
}

/* Other guests start, and hang, meanwhile. */
static void lines_about_other_devices_are_of_others(void **state)
{
	static const char *const own[] = {
		"vfio-pci 0000:02:00.0: not ready 1023ms after FLR; waiting",
		"DMAR: [DMA Read] Request device [0000:02:00.0] fault addr 0x0",
		"AMD-Vi: Completion-Wait loop timed out",
		"pcieport 0000:77:00.0: link to 0000:02:00.0 is down", "at 12:00.5 it was 1.2"};
	static const char *const others[] = {
		"vfio-pci 0000:77:00.0: not ready 1023ms after FLR; waiting",
		"nvme 10000:e1:00.0: gone", "0000:77:00.1"};
	struct fake *fake = *state;
	struct pt_node PT_NODE *node = pt_node_open(fake->host, "node1", NULL, pt_check_allowing);
	const struct pt_guest_query query = {.vmid = 100, .node = "node1"};
	struct pt_guest PT_GUEST *guest = NULL;
	struct pt_facts PT_FACTS facts = {0};

	assert_int_equal(pt_guest_parse("hostpci0: 02:00.0\n", strlen("hostpci0: 02:00.0\n"),
				 &query, &guest, NULL),
		0);
	assert_int_equal(pt_facts_gather(node, guest, PT_DEPTH_CHECK, &facts, NULL), 0);
	pt_foreach (line, own, PT_ARRAY_SIZE(own)) {
		if (!pt_message_concerns(*line, &facts))
			fail_msg("is not told: %s", *line);
	}
	pt_foreach (line, others, PT_ARRAY_SIZE(others)) {
		if (pt_message_concerns(*line, &facts))
			fail_msg("is told: %s", *line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_is_whole),
		cmocka_unit_test(messages_lead_to_findings),
		cmocka_unit_test(other_lines_say_nothing),
		MACHINE_TEST(lines_about_other_devices_are_of_others),
	};

	return cmocka_run_group_tests_name("messages", tests, NULL, NULL);
}
