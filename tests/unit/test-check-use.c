// SPDX-License-Identifier: AGPL-3.0-or-later
/* The checks of the host's own uses; the real uses are in the lab's scenarios host-*. */
#include <sys/wait.h>
#include <time.h>

#include "pve/check/check.h"
#include "pve/config/paths.h"
#include "tests/unit/judge.h"

#define DISK_BLOCK "/sys/bus/pci/devices/0000:02:00.0/nvme/nvme0/nvme0n1"

static void in_use_block(void **state)
{
	struct fake *fake = *state;
	struct judged judged;
	const struct pt_finding *finding;

	add_node(fake, DISK_BLOCK, "block", "259:0\n", "nvme0n1");
	add_node(fake, DISK_BLOCK "/nvme0n1p2", "block", "259:2\n", "nvme0n1p2");
	passes(fake, "in-use-block", "hostpci0: 02:00.0\n");
	fake_file(fake, "/proc/1/mountinfo",
		"22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw\n");
	triggers(fake, "in-use-block", "hostpci0: 02:00.0\n",
		"is in use on this host: nvme0n1p2 is mounted at /");
	passes(fake, "in-use-block", "hostpci0: 03:00.0\n");
	judge(fake, "hostpci0: 02:00.0\n", &judged);
	finding = find(&judged, "in-use-block");
	assert_non_null(finding);
	assert_int_equal(finding->severity, PT_ERROR);
	assert_string_equal(subject_of(finding), "hostpci0: 0000:02:00.0");
	assert_int_equal(finding->uses.count, 1);
	assert_string_equal(finding->uses.use[0].what, "nvme0n1p2");
	assert_string_equal(hint_of(finding),
		"0000:03:00.0 is the same model, and nothing uses it on this host; check its contents first");
	/* no line of local policy, and no mode, lets the system go */
	assert_int_equal(finding->effect, PT_REFUSES_ALWAYS);
	assert_ptr_equal(pt_findings_refusing(&judged.findings, true), finding);
	clear(&judged);
	/* the twin is wanted as well, so it is none to offer */
	judge(fake, "hostpci0: 02:00.0\nhostpci1: 03:00.0\n", &judged);
	finding = find(&judged, "in-use-block");
	assert_string_equal(hint_of(finding), "the system runs from it: name another device");
	clear(&judged);
	/* another file system is ended by its own command, and may be allowed to go */
	fake_file(fake, "/proc/1/mountinfo",
		"22 1 259:2 / /mnt/data rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw\n");
	judge(fake, "hostpci0: 02:00.0\nhostpci1: 03:00.0\n", &judged);
	finding = find(&judged, "in-use-block");
	assert_string_equal(hint_of(finding), "umount /mnt/data, or name another device");
	assert_int_equal(finding->effect, PT_REFUSES);
	clear(&judged);
	/* already on vfio-pci: its remains in sysfs are no use of the host */
	fake_remove(fake, "/sys/bus/pci/devices/0000:02:00.0/driver");
	fake_link(
		fake, "/sys/bus/pci/devices/0000:02:00.0/driver", "/sys/bus/pci/drivers/vfio-pci");
	passes(fake, "in-use-block", "hostpci0: 02:00.0\n");
}

/* Of a mapping's devices the one that is taken only if the first is not free; and the VFs of a PF.
 */
static void in_use_beside(void **state)
{
	struct fake *fake = *state;
	struct judged judged;

	fake_file(fake, "/etc/pve/mapping/pci.cfg", TWO_DISKS);
	add_node(fake, "/sys/bus/pci/devices/0000:03:00.0/nvme/nvme1/nvme1n1", "block", "259:7\n",
		"nvme1n1");
	fake_file(fake, "/proc/1/mountinfo", "22 1 259:7 / / rw - ext4 /dev/nvme1n1 rw\n");
	judge(fake, "hostpci0: mapping=disks\n", &judged);
	assert_int_equal(find(&judged, "in-use-block")->severity, PT_WARNING);
	assert_holds(message_of(find(&judged, "in-use-block")),
		"nvme1n1 is mounted at /; it is another device of the mapping");
	clear(&judged);
	add_node(fake, "/sys/bus/pci/devices/0000:04:10.0/drm/renderD129", "drm", "226:129\n",
		"dri/renderD129");
	fake_link(fake, "/proc/77/fd/4", "/dev/dri/renderD129");
	triggers(fake, "pf-with-vfs", "hostpci0: 04:00.0\n",
		"0000:04:10.0 is in use: /dev/dri/renderD129 is open in process 77");
}

/* udev and others open a node for a moment; in another root it has another name. */
static void open_for_a_moment(void **state)
{
	struct fake *fake = *state;
	pid_t pid;

	add_node(fake, DISK_BLOCK, "block", "259:0\n", "nvme0n1");
	fake_link(fake, "/proc/77/fd/4", "/srv/root/dev/nvme0n1 (deleted)");
	triggers(fake, "in-use-block", "hostpci0: 02:00.0\n", "is open in process 77");
	pid = fork();
	if (pid == 0) {
		struct timespec moment = {.tv_nsec = 400000000};

		nanosleep(&moment, NULL);
		fake_remove(fake, "/proc/77/fd/4");
		_exit(0);
	}
	passes(fake, "in-use-block", "hostpci0: 02:00.0\n");
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* A container that has the device by its config is told, running or not, and keeps no guest from
 * starting. */
static void configured_for_a_container(void **state)
{
	struct fake *fake = *state;
	struct judged judged;

	add_node(
		fake, "/sys/bus/pci/devices/0000:01:00.0/drm/card0", "drm", "226:0\n", "dri/card0");
	fake_file(fake, "/etc/pve/nodes/node1/lxc/101.conf", "dev0: /dev/dri/card0,gid=44\n");
	judge(fake, "hostpci0: 01:00\n", &judged);
	assert_int_equal(find(&judged, "in-use-gpu")->severity, PT_WARNING);
	assert_string_equal(message_of(find(&judged, "in-use-gpu")),
		"/dev/dri/card0 is configured for container 101, which does not have it while the "
		"guest runs");
	assert_null(pt_findings_refusing(&judged.findings, true));
	clear(&judged);
}

static void assert_stopped_first(struct fake *fake, const char *policy)
{
	const struct pt_finding *finding;
	struct judged judged;

	fake_file(fake, PT_POLICY_FILE, policy);
	judge(fake, "hostpci0: 01:00\n", &judged);
	/* nobody stops it without the hook */
	assert_int_equal(find(&judged, "in-use-gpu")->severity, PT_ERROR);
	clear(&judged);
	judge(fake, "hostpci0: 01:00\n" HOOKED, &judged);
	finding = find(&judged, "in-use-gpu");
	assert_non_null(finding);
	assert_int_equal(finding->severity, PT_INFO);
	assert_holds(
		message_of(finding), "a start stops that first, and starts it again afterwards");
	assert_null(pt_findings_refusing(&judged.findings, true));
	clear(&judged);
}

static void in_use_by_processes(void **state)
{
	static const struct {
		const char *folder, *subsystem, *name, *config, *tag;
	} nodes[] = {
		{"/sys/bus/pci/devices/0000:01:00.0/drm/card0", "drm", "dri/card0",
			"hostpci0: 01:00\n", "in-use-gpu"},
		{"/sys/bus/pci/devices/0000:01:00.1/sound/card1/controlC1", "sound",
			"snd/controlC1", "hostpci0: 01:00\n", "in-use-sound"},
		{"/sys/bus/pci/devices/0000:04:10.0/ptp/ptp0", "ptp", "ptp0", "hostpci0: 04:10.0\n",
			"in-use-node"},
	};
	struct fake *fake = *state;

	/* any byte may stand in a name */
	fake_file(fake, "/proc/4242/comm", "X\xff\xc3\n");
	add_node(
		fake, "/sys/bus/pci/devices/0000:01:00.0/drm/card0", "drm", "226:0\n", "dri/card0");
	fake_link(fake, "/proc/4242/fd/4", "/dev/dri/card0");
	triggers(fake, "in-use-gpu", "hostpci0: 01:00\n",
		"/dev/dri/card0 is open in process 4242 (X?"
		"?)");
	fake_remove(fake, "/proc/4242/fd/4");
	fake_file(fake, "/proc/4242/comm", "Xorg\n");
	fake_file(fake, "/proc/4242/cgroup", "0::/lxc/101/ns/init.scope\n");
	/* local policy has the container stopped first: a remark, and a unit that is not its own
	 * changes nothing */
	fake_link(fake, "/proc/4242/fd/4", "/dev/dri/card0");
	fake_file(fake, PT_POLICY_FILE, "[device 01:00]\nstop-units = pve-container@102.service\n");
	triggers(fake, "in-use-gpu", "hostpci0: 01:00\n", "is in use on this host");
	assert_stopped_first(fake, "[device 01:00]\nstop-units = pve-container@101.service\n");
	fake_file(fake, "/proc/4242/cgroup",
		"1:name=x:/\n0::/system.slice/system-a.slice/player.service/sub\n");
	assert_stopped_first(fake, "[guest 100]\nstop-units = player.service\n");
	/* before cgroup v2 alone */
	fake_file(fake, "/proc/4242/cgroup",
		"1:name=systemd:/system.slice/player.service\n0::/x.service\n");
	assert_stopped_first(fake, "[guest 100]\nstop-units = player.service\n");
	/* a user names the parts behind his manager, or behind a service of his own */
	fake_file(fake, "/proc/4242/cgroup",
		"0::/user.slice/user-1000.slice/user@1000.service/app.slice/player.service\n");
	triggers(fake, "in-use-gpu", "hostpci0: 01:00\n", "is in use on this host");
	fake_file(fake, "/proc/4242/cgroup", "0::/system.slice/x.service/player.service/sub\n");
	triggers(fake, "in-use-gpu", "hostpci0: 01:00\n", "is in use on this host");
	/* a process that may make control groups may name them by any bytes: none is a unit, and
	 * nothing fails */
	fake_file(fake, "/proc/4242/cgroup", "0::/lxc/101/ns/system.slice/ev\xffil.service\n");
	triggers(fake, "in-use-gpu", "hostpci0: 01:00\n", "is in use on this host");
	/* a service of that name inside a container is another one */
	fake_file(fake, "/proc/4242/cgroup", "0::/lxc/101/ns/system.slice/player.service\n");
	triggers(fake, "in-use-gpu", "hostpci0: 01:00\n", "is in use on this host");
	fake_remove(fake, PT_POLICY_FILE);
	fake_remove(fake, "/proc/4242/fd/4");
	fake_file(fake, "/proc/4242/cgroup", "0::/lxc/101/ns/init.scope\n");
	for (size_t i = 0; i < PT_ARRAY_SIZE(nodes); i++) {
		PT_FREE char *target = pt_format("/dev/%s", nodes[i].name);
		PT_FREE char *message =
			pt_format("%s is open in process 4242 (Xorg) of container 101", target);

		add_node(fake, nodes[i].folder, nodes[i].subsystem, "13:7\n", nodes[i].name);
		passes(fake, nodes[i].tag, nodes[i].config);
		fake_link(fake, "/proc/4242/fd/5", target);
		triggers(fake, nodes[i].tag, nodes[i].config, message);
		fake_remove(fake, "/proc/4242/fd/5");
	}
	/* a companion is asked the same */
	fake_link(fake, "/proc/4242/fd/5", "/dev/snd/controlC1");
	triggers(fake, "in-use-sound", "hostpci0: 01:00.0\n", "snd/controlC1 is open in process");
	/* NVIDIA's nodes are not below the device */
	passes(fake, "in-use-gpu", "hostpci0: 01:00\n");
	fake_file(fake, "/proc/driver/nvidia/gpus/0000:01:00.0/information",
		"Model: \t\t GeForce\nDevice Minor: \t 3\n");
	fake_link(fake, "/proc/4242/fd/6", "/dev/nvidia3");
	triggers(fake, "in-use-gpu", "hostpci0: 01:00\n", "/dev/nvidia3 is open in process 4242");
	/* a guest is called by its name */
	add_node(fake, DISK_BLOCK, "block", "259:0\n", "nvme0n1");
	process_4242(fake, KVM_OF("102"));
	fake_link(fake, "/proc/4242/fd/7", "/dev/nvme0n1");
	triggers(fake, "in-use-block", "hostpci0: 02:00.0\n",
		"nvme0n1 is open in guest 102 (process 4242) of container 101");
}

/* A process chooses its name. That name must not turn its unit, or the advice, into another one. */
static void a_process_named_like_our_words(void **state)
{
	static const char *const names[] = {
		" of container 1", "x) of container 1", "process 4242 (a"};
	struct fake *fake = *state;

	add_node(
		fake, "/sys/bus/pci/devices/0000:01:00.0/drm/card0", "drm", "226:0\n", "dri/card0");
	fake_link(fake, "/proc/4242/fd/4", "/dev/dri/card0");
	fake_file(fake, "/proc/4242/cgroup", "0::/system.slice/jellyfin.service\n");
	for (size_t i = 0; i < PT_ARRAY_SIZE(names); i++) {
		PT_FREE char *comm = pt_format("%s\n", names[i]);
		PT_FREE char *message = pt_format("is open in process 4242 (%s)", names[i]);
		struct judged judged;

		fake_file(fake, "/proc/4242/comm", comm);
		fake_remove(fake, PT_POLICY_FILE);
		triggers(fake, "in-use-gpu", "hostpci0: 01:00\n", message);
		judge(fake, "hostpci0: 01:00\n", &judged);
		assert_string_equal(judged.facts.uses.use[0].unit, "jellyfin.service");
		assert_lacks(hint_of(find(&judged, "in-use-gpu")), "container");
		clear(&judged);
		assert_stopped_first(fake, "[guest 100]\nstop-units = jellyfin.service\n");
	}
}

static void in_use_usb(void **state)
{
	static const char usb[] = "/sys/bus/pci/devices/0000:05:00.0/usb1/1-1/1-1:1.0";
	struct fake *fake = *state;
	PT_FREE char *disk = pt_format("%s/host0/target0:0:0/0:0:0:0/block/sda", usb);
	PT_FREE char *keyboard = pt_format("%s/input/input3/event3", usb);
	struct judged judged;

	add_node(fake, disk, "block", "8:0\n", "sda");
	add_node(fake, keyboard, "input", "13:67\n", "input/event3");
	fake_file(fake, "/sys/bus/pci/devices/0000:05:00.0/class", "0x0c0330\n");
	passes(fake, "in-use-usb", "hostpci0: 05:00.0\n");
	/* a mouse has buttons, a keyboard letters */
	fake_file(fake, "/sys/class/input/event3/device/capabilities/key", "1f0000 0 0 0 0\n");
	passes(fake, "in-use-usb", "hostpci0: 05:00.0\n");
	fake_file(fake, "/sys/class/input/event3/device/capabilities/key",
		"1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe\n");
	triggers(fake, "in-use-usb", "hostpci0: 05:00.0\n", "/dev/input/event3 is a keyboard");
	fake_link(fake, "/proc/77/fd/3", "/dev/input/event3");
	judge(fake, "hostpci0: 05:00.0\n", &judged);
	assert_int_equal(find(&judged, "in-use-usb")->severity, PT_WARNING);
	clear(&judged);
	fake_file(fake, "/proc/1/mountinfo",
		"22 1 8:0 / /media/my\\040stick rw - vfat /dev/sda rw\n");
	triggers(fake, "in-use-usb", "hostpci0: 05:00.0\n", "sda is mounted at /media/my stick");
}

static void in_use_module(void **state)
{
	struct fake *fake = *state;

	fake_link(fake, "/sys/bus/pci/drivers/nvme/module", "/sys/module/nvme");
	fake_link(fake, "/sys/bus/pci/drivers/nvme/0000:02:00.0",
		"/sys/bus/pci/devices/0000:02:00.0");
	fake_file(fake, "/sys/module/nvme/refcnt", "1\n");
	fake_dir(fake, "/sys/module/nvme/holders/nvme_fabrics");
	passes(fake, "in-use-module", "hostpci0: 02:00.0\n");
	fake_file(fake, "/sys/module/nvme/refcnt", "3\n");
	triggers(fake, "in-use-module", "hostpci0: 02:00.0\n", "nvme is in use 3 times");
}

static void console_on_device(void **state)
{
	struct fake *fake = *state;

	passes(fake, "console-on-device", "hostpci0: 01:00\n");
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.0/boot_vga", "0\n");
	passes(fake, "console-on-device", "hostpci0: 01:00\n");
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.0/boot_vga", "1\n");
	triggers(fake, "console-on-device", "hostpci0: 01:00\n",
		"the firmware chose it as the screen");
	fake_file(fake, "/sys/bus/pci/devices/0000:01:00.0/resource",
		"0x00000000e0000000 0x00000000efffffff 0x0000000000040200\n");
	fake_file(fake, "/proc/iomem", "d0000000-d02fffff : BOOTFB\n");
	triggers(fake, "console-on-device", "hostpci0: 01:00\n",
		"the firmware chose it as the screen");
	fake_file(fake, "/proc/iomem",
		"c0000000-efffffff : PCI Bus 0000:00\n  e1000000-e12fffff : BOOTFB\n");
	triggers(fake, "console-on-device", "hostpci0: 01:00\n",
		"framebuffer of the firmware lies in its memory");
}

/* Links are read on the running system only: they are made here. */
static void in_use_net(void **state)
{
	struct fake *fake = *state;
	char eth0[] = "eth0", address[] = "10.0.0.1/24";
	const struct pt_use use = {.bdf = bdf_of("0000:04:10.0"),
		.kind = PT_USE_NET,
		.how = PT_USE_ADDRESS,
		.what = eth0,
		.place = address};
	struct judged judged;

	/* a card without interface: it may be a container's */
	triggers(fake, "in-use-net", "hostpci0: 04:10.0\n", "is not in this network namespace");
	fake_dir(fake, "/sys/bus/pci/devices/0000:04:10.0/net/eth0");
	passes(fake, "in-use-net", "hostpci0: 04:10.0\n");
	judge(fake, "hostpci0: 04:10.0\n", &judged);
	pt_findings_clear(&judged.findings);
	pt_uses_add(&judged.facts.uses, &use);
	pt_check_run(&judged.facts, &judged.findings);
	assert_holds(message_of(find(&judged, "in-use-net")),
		"is in use on this host: eth0 carries the address 10.0.0.1/24");
	assert_non_null(pt_findings_refusing(&judged.findings, true));
	judged.facts.uses.use[0].weak = true;
	pt_findings_clear(&judged.findings);
	pt_check_run(&judged.facts, &judged.findings);
	assert_int_equal(find(&judged, "in-use-net")->severity, PT_WARNING);
	assert_null(pt_findings_refusing(&judged.findings, true));
	clear(&judged);
}

/* For each kind: a possible use warns, one that local policy stops first is an info, the others
 * refuse. */
static void weights(void **state)
{
	static const struct {
		const char *tag, *bdf;
		enum pt_use_kind kind;
	} rows[] = {
		{"in-use-block", "0000:02:00.0", PT_USE_BLOCK},
		{"in-use-net", "0000:04:10.0", PT_USE_NET},
		{"in-use-gpu", "0000:01:00.0", PT_USE_GPU},
		{"in-use-sound", "0000:01:00.1", PT_USE_SOUND},
		{"in-use-usb", "0000:05:00.0", PT_USE_BLOCK},
		{"in-use-node", "0000:04:10.0", PT_USE_DEVFILE},
	};
	static const enum pt_severity severity[] = {PT_ERROR, PT_WARNING, PT_INFO};
	struct fake *fake = *state;

	fake_file(fake, "/sys/bus/pci/devices/0000:05:00.0/class", "0x0c0330\n");
	fake_file(fake, PT_POLICY_FILE, "[guest 100]\nstop-units = player.service\n");
	for (size_t i = 0; i < PT_ARRAY_SIZE(rows) * PT_ARRAY_SIZE(severity); i++) {
		size_t row = i / PT_ARRAY_SIZE(severity), weight = i % PT_ARRAY_SIZE(severity);
		PT_FREE char *config = pt_format("hostpci0: %s\n" HOOKED, rows[row].bdf);
		char it[] = "it";
		struct pt_use use = {.bdf = bdf_of(rows[row].bdf),
			.kind = rows[row].kind,
			.how = PT_USE_SWAP,
			.weak = severity[weight] == PT_WARNING,
			.what = it};
		struct judged judged;

		snprintf(use.unit, sizeof(use.unit), "%s",
			severity[weight] == PT_INFO ? "player.service" : "other.service");
		judge(fake, config, &judged);
		pt_uses_clear(&judged.facts.uses);
		pt_uses_add(&judged.facts.uses, &use);
		pt_findings_clear(&judged.findings);
		pt_check_run(&judged.facts, &judged.findings);
		assert_non_null(find(&judged, rows[row].tag));
		assert_int_equal(find(&judged, rows[row].tag)->severity, severity[weight]);
		assert_int_equal(pt_findings_refusing(&judged.findings, true) != NULL,
			severity[weight] == PT_ERROR);
		clear(&judged);
	}
}

/* A bridge without address carries guests: those that start at boot may be on their way. */
static void bridges_of_guests(void **state)
{
	static const struct {
		const char *file, *config, *said;
		bool strong;
	} rows[] = {
		/* its own, another bridge, a snapshot, no network, a template */
		{"qemu-server/101.conf",
			"net0: virtio=AA:BB:CC:DD:EE:FF,bridge=vmbr10\nnet: bridge=vmbr1\n[snap]\nnet0: bridge=vmbr1\n",
			"is the only port of bridge vmbr1", false},
		{"qemu-server/102.conf", "template: 1\nonboot: 1\nnet0: virtio,bridge=vmbr1\n",
			"is the only port of bridge vmbr1", false},
		{"qemu-server/103.conf", "net0: virtio,bridge=vmbr1\n[snap]\nonboot: 1\n",
			"eth0 is the only port of bridge vmbr1, which carries the network of guest 103",
			false},
		{"lxc/105.conf", "net1: name=eth0,bridge=vmbr1,type=veth\nonboot: 1",
			"eth0 is the only port of bridge vmbr1, which carries the network of guest 105; that guest starts at boot",
			true},
	};
	struct pt_guest_query query = {.vmid = 100, .node = "node1", .view = PT_VIEW_CURRENT};
	static const char config[] = "hostpci0: 04:00.0\n";
	struct fake *fake = *state;
	char eth0[] = "eth0", vmbr1[] = "vmbr1";
	const struct pt_use use = {.bdf = bdf_of("0000:04:00.0"),
		.kind = PT_USE_NET,
		.how = PT_USE_ONLY_PORT,
		.weak = true,
		.what = eth0,
		.place = vmbr1};
	struct pt_guest PT_GUEST *guest = NULL;

	assert_int_equal(pt_guest_parse(config, strlen(config), &query, &guest, NULL), 0);
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/100.conf",
		"onboot: 1\nnet0: virtio,bridge=vmbr1\n");
	for (size_t i = 0; i < PT_ARRAY_SIZE(rows); i++) {
		PT_FREE char *path = pt_format("/etc/pve/nodes/node1/%s", rows[i].file);
		struct pt_findings PT_FINDINGS findings = {0};
		struct pt_facts PT_FACTS facts = {0};
		struct pt_node PT_NODE *node = NULL;
		const struct pt_finding *found = NULL;

		fake_file(fake, path, rows[i].config);
		node = pt_node_open(fake->host, "node1", NULL, pt_check_allowing);
		assert_int_equal(pt_node_learn_all(node, NULL), 0);
		pt_uses_add(&node->uses, &use);
		assert_int_equal(pt_facts_gather(node, guest, PT_DEPTH_CHECK, &facts, NULL), 0);
		pt_check_run(&facts, &findings);
		/* the interface itself is not on this simulated host, which is told as well */
		pt_foreach (finding, findings.finding, findings.count) {
			if (pt_streq(finding->check->tag, "in-use-net") &&
				strstr(message_of(finding), "vmbr1"))
				found = finding;
		}
		assert_non_null(found);
		assert_holds(message_of(found), rows[i].said);
		assert_int_equal(found->severity, rows[i].strong ? PT_ERROR : PT_WARNING);
		if (rows[i].strong)
			assert_string_equal(hint_of(found),
				"give bridge vmbr1 another port, or name another device");
		assert_int_equal(pt_findings_refusing(&findings, true) != NULL, rows[i].strong);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(in_use_block),
		MACHINE_TEST(in_use_beside),
		MACHINE_TEST(open_for_a_moment),
		MACHINE_TEST(in_use_by_processes),
		MACHINE_TEST(configured_for_a_container),
		MACHINE_TEST(a_process_named_like_our_words),
		MACHINE_TEST(in_use_net),
		MACHINE_TEST(bridges_of_guests),
		MACHINE_TEST(in_use_usb),
		MACHINE_TEST(in_use_module),
		MACHINE_TEST(console_on_device),
		MACHINE_TEST(weights),
	};

	return cmocka_run_group_tests_name("check-use", tests, NULL, NULL);
}
