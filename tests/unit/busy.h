// SPDX-License-Identifier: AGPL-3.0-or-later
/* A busy machine and configs of all kinds, for tests of a node's facts. */
#ifndef PT_BUSY_H
#define PT_BUSY_H

#include "tests/unit/judge.h"

static const char *const busy_configs[] = {
	"hostpci0: 01:00\nmachine: i440fx\n",
	"hostpci0: 01:00.0\nhostpci1: 02:00.0,romfile=gpu.rom\nhookscript: local:snippets/pve-pthook\n",
	"hostpci0: mapping=disks\nmemory: 1048576\n",
	"hostpci0: 04:00\n",
	"hostpci0: 04:10.0\nhostpci1: 05:01.0\n",
	"hostpci0: 77:00.0\nhostpci1: 00:01.0\n",
	"hostpci0: 02:00.0,mdev=type-1\nhostpci1: 03:00.0,driver=keep\n",
};

static inline void make_busy(struct fake *fake)
{
	static const char rom[] = "no rom";

	fake_file(fake, PT_PVE_PCI_MAPPINGS, TWO_DISKS);
	fake_file(fake, PT_PVE_PCI_RESERVATIONS, "0000:02:00.0 101 pid:4242\n");
	fake_file(fake, PT_PVE_RUN "/101.pid", "4242\n");
	process_4242(fake, KVM_OF("101"));
	fake_link(fake, "/proc/4242/fd/3", "/dev/vfio/3");
	fake_file(fake, "/proc/4243/comm", "Xorg\n");
	fake_file(fake, "/proc/4243/cmdline", "");
	add_node(
		fake, "/sys/bus/pci/devices/0000:01:00.0/drm/card0", "drm", "226:0\n", "dri/card0");
	add_node(fake, "/sys/bus/pci/devices/0000:03:00.0/nvme/nvme1/nvme1n1", "block", "259:7\n",
		"nvme1n1");
	fake_file(fake, "/proc/1/mountinfo", "22 1 259:7 / / rw - ext4 /dev/nvme1n1 rw\n");
	fake_link(fake, "/proc/4243/fd/3", "/dev/dri/card0");
	fake_bytes(fake, PT_PVE_ROMS "/gpu.rom", rom, sizeof(rom));
	fake_file(fake, "/proc/meminfo", "MemTotal: 65536 kB\nMemAvailable: 32768 kB\n");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/101.conf", "hostpci0: 02:00.0\n");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/102.conf",
		"hostpci0: 01:00\nonboot: 1\ntemplate: 0\n");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/103.conf.bak", "hostpci0: 01:00\n");
}

/* The findings as JSON; the caller's. */
static inline char *findings_of(struct pt_node *node, const char *config, enum pt_depth depth)
{
	struct pt_guest_query query = {.vmid = 100, .node = "node1", .view = PT_VIEW_CURRENT};
	struct pt_findings PT_FINDINGS findings = {0};
	struct pt_guest PT_GUEST *guest = NULL;
	struct pt_facts PT_FACTS facts = {0};
	struct json_object *json;
	char *text;

	assert_int_equal(pt_guest_parse(config, strlen(config), &query, &guest, NULL), 0);
	assert_int_equal(pt_facts_gather(node, guest, depth, &facts, NULL), 0);
	pt_check_run(&facts, &findings);
	json = findings_to_json(&findings);
	text = strdup(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY));
	json_object_put(json);
	return text;
}

#endif
