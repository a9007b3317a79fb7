// SPDX-License-Identifier: AGPL-3.0-or-later
/* The reading verbs on a simulated host and its guests: check, show, list, report, facts. */
#include <fcntl.h>

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <sys/stat.h>

#include "pve/ptconf/report-page.h"
#include "tests/unit/ran.h"

static void check_tells_and_exits(void **state)
{
	struct fake *fake = *state;
	struct ran ran;

	PTCONF(&ran, "check", "100", "--root", fake->root);
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said, "pve-ptconf: guest 100: there is no " CONFIG);
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	PTCONF(&ran, "check", "100", "--root", fake->root);
	assert_int_equal(ran.code, 0);
	/* an info of every healthy guest: shown on request */
	assert_lacks(ran.said, "not-migratable");
	assert_holds(ran.said, "\nguest 100: 0 errors, 1 warning\n");
	fake_file(fake, CONFIG,
		"hostpci0: 01:00.0,pcie=1\n[PENDING]\nmachine: q35\n[old]\nmemory: 1\n");
	PTCONF(&ran, "check", "100", "--root", fake->root, "--current");
	assert_int_equal(ran.code, 1);
	assert_holds(ran.said, "error    hostpci0: pcie=1 needs the machine type q35");
	assert_holds(ran.said, "         -> 'qm set 100 --machine q35'");
	assert_holds(ran.said, "guest 100: 1 error, 1 warning\n");
	assert_lacks(ran.said, "\033");
	PTCONF(&ran, "check", "100", "--root", fake->root);
	assert_int_equal(ran.code, 0);
	PTCONF(&ran, "check", "100", "--root", fake->root, "--snapshot", "old");
	assert_int_equal(ran.code, 0);
	PTCONF(&ran, "check", "100", "--root", fake->root, "--snapshot", "none");
	assert_int_equal(ran.code, 3);
	PTCONF(&ran, "check", "100", "--root", fake->root, "--source", "api");
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said, "--source api does not go with --root");
	PTCONF(&ran, "check", "100", "--root", fake->root, "--current", "--output-format", "json");
	assert_int_equal(ran.code, 1);
	assert_holds(ran.said,
		"{\"version\":2,\"node\":\"node1\",\"errors\":1,\"warnings\":1,\"unknown\":0,"
		"\"guests\":[{\"vmid\":100,\"errors\":1,\"warnings\":1,\"entries\":1,\"findings\":[{\"tag\":");
	PTCONF(&ran, "check", "100", "--root", fake->root, "--output-format", "json-pretty");
	assert_holds(ran.said, "\"errors\": 0");
	fake_file(fake, PT_CLAIMS_DIR "/guest/101.json", "damaged");
	PTCONF(&ran, "check", "100", "--root", fake->root);
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said, "claim of 101 is damaged");
}

static void many_guests_are_checked(void **state)
{
	static const char folder[] = "/etc/pve/nodes/node1/qemu-server";
	struct fake *fake = *state;
	struct ran ran;

	PTCONF(&ran, "check", "--all", "--root", fake->root);
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said, folder);
	fake_file(fake, CONFIG, "hostpci0: 01:00,pcie=1\n");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/101.conf", "hostpci0: 01:00\n");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/102.conf", "memory: 64\n");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/103.conf",
		"template: 1\nhostpci0: 01:00\n");
	PTCONF(&ran, "check", "--all", "--root", fake->root);
	assert_int_equal(ran.code, 1);
	assert_holds(ran.said, "\nguest 100: 1 error, ");
	assert_holds(ran.said, "\nguest 101: 0 errors, ");
	assert_holds(ran.said,
		"hostpci0: 0000:01:00.0, 0000:01:00.1: guest 101 names it too [configured-elsewhere]");
	assert_holds(ran.said, " in 2 guests\n");
	assert_lacks(ran.said, "guest 102");
	PTCONF(&ran, "check", "101", "102", "--root", fake->root);
	assert_int_equal(ran.code, 0);
	assert_holds(ran.said, "guest 102 has no hostpci entry: nothing is passed through\n");
	assert_holds(ran.said, "\n0 errors, ");
	/* for a job that must not go on */
	PTCONF(&ran, "check", "101", "--root", fake->root, "--fail-on", "error");
	assert_int_equal(ran.code, 0);
	PTCONF(&ran, "check", "101", "--root", fake->root, "--fail-on", "warning");
	assert_int_equal(ran.code, 1);
	PTCONF(&ran, "check", "101", "--root", fake->root, "--fail-on", "info");
	assert_int_equal(ran.code, 2);
	PTCONF(&ran, "check", "101", "--root", fake->root, "--require-entries");
	assert_int_equal(ran.code, 0);
	PTCONF(&ran, "check", "102", "--root", fake->root, "--require-entries");
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said, "guest 102 has no hostpci entry, and --require-entries asks");
	PTCONF(&ran, "check", "102", "--root", fake->root, "--output-format", "json");
	assert_int_equal(ran.code, 0);
	assert_holds(ran.said, "\"warnings\":0,\"entries\":0,\"findings\":[");
	/* one that cannot be checked does not keep the others from it */
	PTCONF(&ran, "check", "555", "100", "--root", fake->root);
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said, "pve-ptconf: guest 555: there is no ");
	assert_holds(ran.said, "guest 100: 1 error, ");
	PTCONF(&ran, "check", "--root", fake->root);
	assert_int_equal(ran.code, 2);
	PTCONF(&ran, "check", "100", "--all", "--root", fake->root);
	assert_int_equal(ran.code, 2);
	PTCONF(&ran, "check", "100", "x", "--root", fake->root);
	assert_int_equal(ran.code, 2);
	PTCONF(&ran, "check", "100", "101", "--config", "x", "--root", fake->root);
	assert_int_equal(ran.code, 2);
	assert_holds(ran.said, "--config goes with one VMID");
}

static void a_config_of_ones_own(void **state)
{
	struct fake *fake = *state;
	char path[128];
	struct ran ran;

	snprintf(path, sizeof(path), "%s/planned.conf", fake->root);
	PTCONF(&ran, "check", "500", "--root", fake->root, "--config", path);
	assert_int_equal(ran.code, 3);
	fake_file(fake, "/planned.conf", "hostpci0: 77:00.0\n");
	PTCONF(&ran, "check", "500", "--root", fake->root, "--config", path);
	assert_int_equal(ran.code, 1);
	assert_holds(ran.said, "[device-missing]");
	/* as a plan has it */
	fake_file(fake, "/planned.conf",
		"\n {\"hostpci0\": \"02:00.0,pcie=1\", \"memory\": 4096, \"hostpci1\": \"x\"}\n");
	PTCONF(&ran, "check", "500", "--root", fake->root, "--config", path);
	assert_int_equal(ran.code, 1);
	assert_holds(ran.said, "[pcie-needs-q35]");
	assert_holds(ran.said, "[hostpci-syntax]");
	fake_file(fake, "/planned.conf", "{\"hostpci0\": [\"02:00.0\"]}");
	PTCONF(&ran, "check", "500", "--root", fake->root, "--config", path);
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said, "planned.conf: \"hostpci0\" is neither text nor number");
	fake_file(fake, "/planned.conf", "{\"hostpci0\": ");
	PTCONF(&ran, "check", "500", "--root", fake->root, "--config", path);
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said, "planned.conf: not JSON");
}

/* Standard input is this program's own. */
/* Each is a guest, and they are held against each other. */
static void several_configs_are_several_guests(void **state)
{
	struct fake *fake = *state;
	PT_FREE char *one = pt_format("%s/one.conf", fake->root);
	PT_FREE char *two = pt_format("%s/two.conf", fake->root);
	struct ran ran;

	fake_file(fake, "/one.conf", "hostpci0: 02:00.0\n");
	fake_file(fake, "/two.conf", "hostpci0: 02:00.0\n");
	PTCONF(&ran, "check", "--config", one, "--config", two, "--root", fake->root);
	assert_int_equal(ran.code, 0);
	assert_holds(ran.said, "0000:02:00.0: ");
	assert_holds(ran.said, "[configured-elsewhere]");
	assert_holds(ran.said, "/one.conf: 0 errors");
	assert_holds(ran.said, "/two.conf: 0 errors");
	assert_holds(ran.said, "warnings in 2 guests");
	PTCONF(&ran, "check", "--config", one, "--config", "/gone", "--root", fake->root);
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said, "/gone: No such file or directory");
	PTCONF(&ran, "check", "100", "--config", one, "--config", two);
	assert_int_equal(ran.code, 2);
	assert_holds(ran.said, "several --config go with check alone, without a VMID");
	PTCONF(&ran, "check", "--config", "-", "--config", "-");
	assert_int_equal(ran.code, 2);
}

#define CLONE_OF(name)                                                                                  \
	"{\"format_version\":\"1.2\",\"planned_values\":{\"root_module\":{\"resources\":[{\"address\":" \
	"\"proxmox_vm_qemu.a\",\"mode\":\"managed\",\"type\":\"proxmox_vm_qemu\",\"values\":{\"vmid\":" \
	"500,\"target_node\":\"node1\",\"clone\":\"" name "\"}}]}}}"

/* Telmate's clones name their template. */
static void a_clone_gets_the_entries_of_its_template(void **state)
{
	struct fake *fake = *state;
	struct ran ran;
	PT_FREE char *path = pt_format("%s/tmp/plan.json", fake->root);

	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/900.conf",
		"name: gold\nhostpci0: 02:00.0\ntemplate: 1\n");
	fake_file(fake, "/tmp/plan.json", CLONE_OF("gold"));
	PTCONF(&ran, "check", "--root", fake->root, "--config", path);
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said, "proxmox_vm_qemu.a: is a clone of guest 900, and gets its hostpci0");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/900.conf",
		"name: gold\nargs: -device vfio-pci,host=02:00.0\ntemplate: 1\n");
	PTCONF(&ran, "check", "--root", fake->root, "--config", path);
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said, "is a clone of guest 900, and gets its args");
	/* the cluster's files have the guests of all nodes */
	fake_file(fake, "/etc/pve/nodes/node2/qemu-server/901.conf", "name: silver\n");
	fake_file(fake, "/tmp/plan.json", CLONE_OF("silver"));
	PTCONF(&ran, "check", "--root", fake->root, "--config", path);
	assert_int_equal(ran.code, 0);
	fake_file(fake, "/tmp/plan.json", CLONE_OF("lead"));
	PTCONF(&ran, "check", "--root", fake->root, "--config", path);
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said, "is a clone of lead, but there is no such guest");
}

static void a_config_from_standard_input(void **state)
{
	struct fake *fake = *state;
	struct ran ran;
	int kept = dup(STDIN_FILENO);
	char path[128];
	int in;

	fake_file(fake, "/planned.conf", "hostpci0: 77:00.0\n");
	snprintf(path, sizeof(path), "%s/planned.conf", fake->root);
	in = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(in >= 0);
	dup2(in, STDIN_FILENO);
	/* of no guest at all */
	PTCONF(&ran, "check", "--root", fake->root, "--config", path);
	assert_int_equal(ran.code, 1);
	assert_holds(ran.said, "\nthis config: 1 error, 0 warnings\n");
	PTCONF(&ran, "check", "--root", fake->root, "--config", path, "--output-format", "json");
	assert_holds(ran.said, "\"vmid\":0,");
	PTCONF(&ran, "check", "500", "--root", fake->root, "--config", "-");
	dup2(kept, STDIN_FILENO);
	close(kept);
	close(in);
	assert_int_equal(ran.code, 1);
	assert_holds(ran.said, "[device-missing]");
}

static void show_says_why(void **state)
{
	struct fake *fake = *state;
	struct ran ran;

	fake_file(fake, PT_PVE_PCI_MAPPINGS, TWO_DISKS);
	fake_file(fake, CONFIG,
		"hostpci0: 05:00.0\nhostpci1: mapping=disks\nhostpci2: 04:10.0,driver=keep\n"
		"hostpci3: 04:00.1,mdev=x\nhostpci4: 66:00.0\n");
	PTCONF(&ran, "show", "100", "--root", fake->root);
	assert_int_equal(ran.code, 1);
	assert_holds(ran.said, "hostpci0  0000:05:00.0  -            05:00.0");
	assert_holds(ran.said, "hostpci0  0000:05:01.0  snd_emu10k1  shares IOMMU group 7");
	assert_holds(ran.said, "mapping disks, first free device");
	assert_holds(ran.said, "hostpci2: driver=keep; its functions stay");
	assert_holds(ran.said, "hostpci3: a mediated device; its functions stay");
	assert_holds(ran.said, "error: hostpci4: there is no PCI device 66:00.0");
	PTCONF(&ran, "show", "100", "--root", fake->root, "--output-format", "json");
	assert_holds(ran.said, "{\"version\":1,\"functions\":[{\"entry\":");
	assert_holds(ran.said, "\"function\":\"0000:05:01.0\",\"driver\":\"snd_emu10k1\"");
	assert_holds(ran.said, "\"companion\":true,\"why\":\"shares IOMMU group 7\"");
	/* its problem, allowed or not, and no other error about the entry */
	fake_file(fake, CONFIG, "hostpci0: 66:00.0,pcie=1\n");
	fake_file(fake, PT_POLICY_FILE, "[guest 100]\nallow = device-missing\n");
	PTCONF(&ran, "show", "100", "--root", fake->root);
	assert_holds(ran.said, "error: hostpci0: there is no PCI device 66:00.0");
	fake_remove(fake, PT_POLICY_FILE);
	fake_file(fake, CONFIG, "memory: 64\n");
	PTCONF(&ran, "show", "100", "--root", fake->root);
	assert_string_equal(ran.said, "guest 100 has no hostpci entry\n");
	/* a line that Proxmox VE drops is no entry, but not to be passed over either */
	fake_file(fake, CONFIG, "hostpci0: 02:00.0,pcie=2\n");
	PTCONF(&ran, "show", "100", "--root", fake->root);
	assert_int_equal(ran.code, 1);
	assert_string_equal(ran.said,
		"error: '02:00.0,pcie=2' is not valid, so Proxmox VE drops it; "
		"'pve-ptconf check 100' shows the place\n");
	/* its obstacle */
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	PTCONF(&ran, "show", "100", "--root", fake->root);
	assert_int_equal(ran.code, 0);
	add_node(fake, "/sys/bus/pci/devices/0000:02:00.0/nvme/nvme0/nvme0n1", "block", "259:0\n",
		"nvme0n1");
	fake_file(fake, "/proc/1/mountinfo", "22 1 259:0 / / rw - ext4 /dev/nvme0n1 rw\n");
	PTCONF(&ran, "show", "100", "--root", fake->root);
	assert_int_equal(ran.code, 1);
	assert_holds(ran.said, "\n       is in use on this host: nvme0n1 is mounted at /");
	PTCONF(&ran, "show", "100", "--root", fake->root, "--output-format", "json");
	assert_holds(ran.said, "\"hindrance\":\"is in use on this host: nvme0n1 is mounted at /");
	fake_file(fake, "/proc/1/mountinfo", "");
	/* an error of the guest as a whole */
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\nhookscript: local:snippets/gone\n");
	PTCONF(&ran, "show", "100", "--root", fake->root);
	assert_int_equal(ran.code, 1);
	assert_holds(ran.said,
		"error: guest 100: its hookscript local:snippets/gone is no executable file on this node");
	assert_holds(ran.said, "hostpci0  0000:02:00.0");
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\ntemplate: 1\n");
	PTCONF(&ran, "show", "100", "--root", fake->root);
	assert_int_equal(ran.code, 0);
	assert_holds(ran.said, "guest 100 is a template: Proxmox VE passes nothing to it");
	/* an obstacle of the host is one of each function */
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	fake_remove(fake, "/sys/class/iommu/dmar0");
	PTCONF(&ran, "show", "100", "--root", fake->root);
	assert_int_equal(ran.code, 1);
	assert_holds(ran.said, "no IOMMU is active");
	PTCONF(&ran, "show", "999", "--root", fake->root);
	assert_int_equal(ran.code, 3);
}

static void list_goes_by_group(void **state)
{
	struct fake *fake = *state;
	struct ran ran;

	fake_file(fake, "/sys/bus/pci/devices/0000:05:01.0/driver_override", "evil\033[2Jname\n");
	PTCONF(&ran, "list", "--root", fake->root);
	assert_int_equal(ran.code, 0);
	assert_holds(ran.said, "GROUP  FUNCTION      ID         DRIVER");
	assert_holds(ran.said, "7      0000:05:00.0  1234:11e8  -");
	/* texts of a device or an admin must not steer the terminal */
	assert_holds(ran.said, "evil?[2Jname");
	assert_lacks(ran.said, "\033");
	PTCONF(&ran, "list", "--root", fake->root, "--output-format", "json");
	assert_holds(ran.said,
		"{\"version\":1,\"iommu_active\":true,\"functions\":[{\"bdf\":\"0000:00:01.0\"");
	/* the guests that name it, and the one in the way */
	fake_file(fake, CONFIG, "hostpci0: 05:00.0\nhostpci1: 02:00.0\n");
	PTCONF(&ran, "list", "--root", fake->root);
	assert_int_equal(ran.code, 0);
	fake_file(fake, "/proc/1/mountinfo", "22 1 259:0 / / rw - ext4 /dev/nvme0n1 rw\n");
	add_node(fake, "/sys/bus/pci/devices/0000:02:00.0/nvme/nvme0/nvme0n1", "block", "259:0\n",
		"nvme0n1");
	PTCONF(&ran, "list", "--root", fake->root);
	assert_int_equal(ran.code, 1);
	assert_holds(ran.said, "7      0000:05:00.0  1234:11e8  -              100     yes");
	assert_holds(ran.said, "7      0000:05:01.0  1102:0002  snd_emu10k1    (100)   yes");
	assert_holds(ran.said, "2      0000:02:00.0  144d:a808  nvme           100     no ");
	assert_holds(ran.said, "\n       is in use: nvme0n1 is mounted at /\n");
	PTCONF(&ran, "list", "--root", fake->root, "--output-format", "json");
	assert_holds(
		ran.said, "\"guests\":[{\"vmid\":100,\"entry\":\"hostpci1\",\"companion\":false,");
	assert_holds(ran.said, "\"uses\":[\"nvme0n1 is mounted at /\"],\"why_not\":\"is in use: ");
	/* a mapping of a function that is not there is a finding of its guest */
	fake_file(fake, PT_PVE_PCI_MAPPINGS,
		"gone\n\tmap node=node1,path=0000:77:00.0,id=144d:a808,iommugroup=2\n");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/102.conf", "hostpci0: mapping=gone\n");
	PTCONF(&ran, "list", "--root", fake->root);
	assert_lacks(ran.said, "0000:77:00.0");
	fake_remove(fake, "/sys/class/iommu/dmar0");
	PTCONF(&ran, "list", "--root", fake->root);
	assert_holds(ran.said, "error    host: no IOMMU is active, and the firmware offers none");
}

/* What check does not judge show does not show. */
static void show_knows_what_is_not_known_yet(void **state)
{
	struct fake *fake = *state;
	char path[128];
	struct ran ran;

	snprintf(path, sizeof(path), "%s/plan", fake->root);
	fake_file(fake, "/plan",
		"{\"format_version\":\"1.2\",\"planned_values\":{\"root_module\":{\"resources\":[{"
		"\"address\":\"proxmox_virtual_environment_vm.a\",\"type\":\"proxmox_virtual_"
		"environment_vm\",\"values\":{\"vm_id\":105}}]}},\"resource_changes\":[{\"address\":"
		"\"proxmox_virtual_environment_vm.a\",\"type\":\"proxmox_virtual_environment_vm\","
		"\"change\":{\"actions\":[\"create\"],\"after_unknown\":{\"hostpci\":true}}}]}");
	PTCONF(&ran, "show", "105", "--root", fake->root, "--config", path);
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said, "its hostpci is known after apply only");
	PTCONF(&ran, "show", "106", "--root", fake->root, "--config", path);
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said, "holds guest 105, not guest 106");
}

/* Bridges lead to the functions below them; one that claims to be below itself is not followed. /
 */
static void list_draws_a_tree(void **state)
{
	struct fake *fake = *state;
	struct ran ran;

	put_below(fake, "0000:00:01.0", "0000:01:00.0");
	put_below(fake, "0000:00:01.0", "0000:01:00.1");
	PTCONF(&ran, "list", "--tree", "--root", fake->root);
	assert_int_equal(ran.code, 0);
	assert_holds(ran.said, "\n0000:00:01.0      1      pcieport       -       -     ");
	assert_holds(ran.said, "\n|-- 0000:01:00.0  1      nouveau        -       yes   ");
	assert_holds(ran.said, "\n`-- 0000:01:00.1  1      snd_hda_intel  -       yes   ");
	assert_holds(ran.said, "\n0000:02:00.0      2      nvme ");
	put_below(fake, "0000:00:01.0", "0000:00:01.0");
	PTCONF(&ran, "list", "--tree", "--root", fake->root);
	assert_int_equal(ran.code, 0);
	assert_lacks(ran.said, "0000:01:00.0");
	assert_holds(ran.said, "0000:02:00.0");
}

static void a_page_is_written(void **state)
{
	struct fake *fake = *state;
	struct ran ran;
	char path[128];
	char *page;

	fake_file(fake, CONFIG,
		"name: <script>alert(1)</script>\nhostpci0: 02:00.0,romfile=<b>&\"\nhostpci1: 66:00.0\n");
	snprintf(path, sizeof(path), "%s/page.html", fake->root);
	PTCONF(&ran, "report", "--html", path, "--root", fake->root);
	assert_int_equal(ran.code, 0);
	assert_string_equal(ran.said, "");
	page = fake_read(fake, "/page.html");
	assert_lacks(page, "<script>alert");
	assert_lacks(page, "<b>&\"");
	assert_holds(page, "&lt;script&gt;alert(1)");
	assert_holds(page, "&lt;b&gt;&amp;&quot;");
	assert_holds(page, "default-src 'none'");
	assert_holds(page, "IOMMU group 2");
	assert_holds(page, "there is no PCI device 66:00.0");
	free(page);
	PTCONF(&ran, "report", "--html", "-", "--root", fake->root);
	assert_holds(ran.said, "</html>");
	/* a link there does not choose the file that root writes to */
	fake_link(fake, "/link.html", "/etc/hostname");
	snprintf(path, sizeof(path), "%s/link.html", fake->root);
	PTCONF(&ran, "report", "--html", path, "--root", fake->root);
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said, "link.html: Too many levels of symbolic links");
	PTCONF(&ran, "report", "--html", "/dev/full", "--root", fake->root);
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said, "/dev/full cannot be written");
	PTCONF(&ran, "report");
	assert_int_equal(ran.code, 2);
	assert_holds(ran.said, "usage: pve-ptconf report --html FILE");
	fake_remove(fake, "/sys/class/iommu/dmar0");
	PTCONF(&ran, "report", "--html", "-", "--root", fake->root);
	assert_holds(ran.said, "no IOMMU is active, and the firmware offers none");
}

/* Another node's facts, with the programs as they ship. */
static void facts_are_written_and_read(void **state)
{
	struct fake *fake = *state;
	struct ran ran;
	char path[128];
	char *at;

	fake_file(fake, CONFIG, "hostpci0: 05:00.0\nhostpci1: zz\n");
	PTCONF(&ran, "facts", "--root", fake->root, "--output-format", "json");
	assert_int_equal(ran.code, 0);
	fake_file(fake, "/node.json", ran.said);
	snprintf(path, sizeof(path), "%s/node.json", fake->root);
	PTCONF(&ran, "check", "100", "--facts", path);
	assert_int_equal(ran.code, 1);
	assert_holds(ran.said,
		"0000:05:01.0 (snd_emu10k1): will be taken from the host with IOMMU group 7");
	assert_holds(ran.said, "hostpci1: 'zz'");
	PTCONF(&ran, "check", "--all", "--facts", path);
	assert_holds(ran.said, " in 1 guest\n");
	PTCONF(&ran, "check", "555", "--facts", path);
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said,
		"guest 555 is not known of node node1: it is not there, or has no passthrough");
	PTCONF(&ran, "show", "100", "--facts", path);
	assert_holds(ran.said, "hostpci0  0000:05:01.0  snd_emu10k1  shares IOMMU group 7");
	PTCONF(&ran, "check", "100", "--facts", path, "--source", "api");
	assert_int_equal(ran.code, 2);
	assert_holds(ran.said, "of the guest options --facts takes --config only");
	PTCONF(&ran, "check", "100", "--facts", "-", "--config", "-");
	assert_int_equal(ran.code, 2);
	/* an id is a number, and no markup */
	PTCONF(&ran, "facts", "--root", fake->root, "--output-format", "json");
	at = strstr(ran.said, "\"vendor\":\"1234\"");
	assert_non_null(at);
	memcpy(at, "\"vendor\":\"<b x\"", strlen("\"vendor\":\"1234\""));
	fake_file(fake, "/node.json", ran.said);
	PTCONF(&ran, "report", "--html", "-", "--facts", path);
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said, "\"vendor\" is no hexadecimal number of that size");
	fake_file(fake, "/node.json", "{\"format\":\"x\"}");
	PTCONF(&ran, "list", "--facts", path);
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said, "node.json: \"format\" is not 'pve-ptconf facts'");
	fake_file(fake, "/node.json", "x");
	PTCONF(&ran, "list", "--facts", path);
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said, "node.json: not JSON");
}

/* Every verb that shows facts. Standard error has a node's own errors, and is not shown to others.
 */
static void facts_are_masked(void **state)
{
	static const char *const verbs[][2] = {{"facts"}, {"list"}, {"list", "--tree"},
		{"list", "--output-format=json"}, {"check", "--all"}, {"check", "100"},
		{"report", "--html=-"}};
	struct fake *fake = *state;
	struct ran ran;

	fake_file(fake, CONFIG,
		"name: quux\nhostpci0: mapping=quuxes\nhostpci1: 02:00.0,romfile=quux.rom\n"
		"hookscript: quux:snippets/quux.sh\n");
	fake_file(fake, PT_PVE_PCI_MAPPINGS,
		"quuxes\n\tmap node=node1,path=0000:03:00.0,id=1234:5678,iommugroup=3\n");
	add_node(fake, "/sys/bus/pci/devices/0000:02:00.0/nvme/nvme1/nvme1n1", "block", "259:7\n",
		"nvme1n1");
	fake_file(fake, "/proc/1/mountinfo", "22 1 259:7 / /mnt/quux rw - ext4 /dev/nvme1n1 rw\n");
	pt_foreach (verb, verbs, PT_ARRAY_SIZE(verbs)) {
		PTCONF(&ran, (*verb)[0], "--root", fake->root, (*verb)[1]);
		assert_holds(ran.said, "/mnt/quux");
		PTCONF(&ran, (*verb)[0], "--root", fake->root, "--anonymous", (*verb)[1]);
		assert_lacks(ran.said, "quux");
		assert_lacks(ran.said, "node1");
		assert_holds(ran.said, "0000:02:00.0");
	}
	/* a "yes" is a checked yes: one that cannot be read counts, here and in a facts file */
	fake_dir(fake, "/etc/pve/nodes/node1/qemu-server/105.conf");
	PTCONF(&ran, "check", "--all", "--root", fake->root);
	assert_int_equal(ran.code, 3);
	PTCONF(&ran, "check", "--all", "--root", fake->root, "--anonymous");
	assert_int_equal(ran.code, 3);
	PTCONF(&ran, "facts", "--root", fake->root);
	assert_holds(ran.said, "\"unread\": 1");
}

/* The page's policy lets this one script run. */
static void the_page_runs_its_script_alone(void **state)
{
	unsigned char digest[32], text[64] = "";

	(void)state;
	assert_non_null(
		SHA256((const unsigned char *)PT_PAGE_SCRIPT, strlen(PT_PAGE_SCRIPT), digest));
	EVP_EncodeBlock(text, digest, sizeof(digest));
	assert_string_equal((const char *)text, PT_PAGE_SCRIPT_SHA256);
	assert_holds(PT_PAGE_POLICY, "base-uri 'none'; form-action 'none'");
}

/* An old page stays whole until the new one is; a link in its place is not followed. */
static void the_page_is_a_new_file(void **state)
{
	struct fake *fake = *state;
	PT_FREE char *page = pt_format("%s/page.html", fake->root);
	PT_FREE char *link = pt_format("%s/link.html", fake->root);
	PT_FREE char *gone = pt_format("%s/none/page.html", fake->root);
	PT_FREE char *text = NULL;
	struct pt_names PT_NAMES names = {0};
	struct stat before, after;
	struct ran ran;

	fake_file(fake, "/page.html", "old");
	assert_int_equal(stat(page, &before), 0);
	PTCONF(&ran, "report", "--root", fake->root, "--html", page);
	assert_int_equal(ran.code, 0);
	assert_int_equal(stat(page, &after), 0);
	assert_int_not_equal(before.st_ino, after.st_ino);
	text = fake_read(fake, "/page.html");
	assert_holds(text, "</html>");
	fake_file(fake, "/target", "mine");
	assert_int_equal(symlink("target", link), 0);
	PTCONF(&ran, "report", "--root", fake->root, "--html", link);
	assert_int_equal(ran.code, 3);
	free(text);
	text = fake_read(fake, "/target");
	assert_string_equal(text, "mine");
	PTCONF(&ran, "report", "--root", fake->root, "--html", gone);
	assert_int_equal(ran.code, 3);
	PTCONF(&ran, "report", "--root", fake->root, "--html", "/dev/full");
	assert_int_equal(ran.code, 3);
	/* nothing half-made is left */
	assert_int_equal(pt_host_list(fake->host, "/", &names), 0);
	pt_foreach (name, names.name, names.count)
		assert_lacks(*name, "page.html.");
}

static void put_hook(struct fake *fake, mode_t mode)
{
	PT_FREE char *path = pt_format("%s/var/lib/vz/snippets/pve-pthook", fake->root);

	fake_file(fake, "/var/lib/vz/snippets/pve-pthook", "#!/bin/sh\n");
	assert_int_equal(chmod(path, mode), 0);
}

static void the_host_alone_is_checked(void **state)
{
	struct fake *fake = *state;
	struct ran ran;

	PTCONF(&ran, "check", "--host", "--root", fake->root);
	assert_int_equal(ran.code, 0);
	assert_holds(ran.said, "IOMMU      active");
	assert_holds(ran.said, "hook       local:snippets/pve-pthook missing\n");
	assert_holds(ran.said,
		"warning  host: local:snippets/pve-pthook is not on this node: a guest "
		"with it would not start here [hook-missing]");
	PTCONF(&ran, "list", "--root", fake->root);
	assert_holds(ran.said, "warning  host: local:snippets/pve-pthook is not on this node");
	put_hook(fake, 0644);
	PTCONF(&ran, "check", "--host", "--root", fake->root);
	assert_int_equal(ran.code, 1);
	assert_holds(ran.said, "hook       local:snippets/pve-pthook not executable\n");
	assert_holds(ran.said, "error    host: ");
	put_hook(fake, 0755);
	PTCONF(&ran, "check", "--host", "--root", fake->root);
	assert_int_equal(ran.code, 0);
	assert_holds(ran.said, "hook       local:snippets/pve-pthook there\n");
	assert_holds(ran.said, "\nhost: 0 errors, 0 warnings\n");
	fake_remove(fake, "/sys/class/iommu/dmar0");
	PTCONF(&ran, "check", "--host", "--root", fake->root);
	assert_int_equal(ran.code, 1);
	assert_holds(ran.said, "IOMMU      not active");
	assert_holds(ran.said, "error    host: no IOMMU is active");
	PTCONF(&ran, "check", "--host", "--root", fake->root, "--output-format", "json");
	assert_holds(ran.said, "\"guests\":[{\"vmid\":0,\"name\":\"host\",\"errors\":1,");
	PTCONF(&ran, "check", "100", "--host");
	assert_int_equal(ran.code, 2);
	PTCONF(&ran, "check", "--host", "--all");
	assert_int_equal(ran.code, 2);
}

#define UPID "UPID:node1:0000ABCD:00112233:66AA1001:qmstart:100:root@pam:"

static void the_last_start_is_explained(void **state)
{
	struct fake *fake = *state;
	struct ran ran;

	PTCONF(&ran, "check", "100", "--last-start", "--root", fake->root);
	assert_int_equal(ran.code, 3);
	fake_file(fake, PT_PVE_TASKS "/index", UPID " 66AA1009 start failed: exit code 1\n");
	fake_file(fake, PT_PVE_TASKS "/1/" UPID,
		"kvm: vfio 0000:01:00.0: group 15 is not viable\nPlease wait\n"
		"kvm: vfio 0000:01:00.0: group 15 is not viable\nTASK ERROR: start failed\n");
	PTCONF(&ran, "check", "100", "--last-start", "--root", fake->root);
	assert_int_equal(ran.code, 1);
	assert_holds(ran.said, ": start failed: exit code 1\n"
			       "task     kvm: vfio 0000:01:00.0: group 15 is not viable\n"
			       "         = a function of the IOMMU group still has a host driver\n"
			       "         -> [group-companions] ");
	/* once */
	assert_null(strstr(strstr(ran.said, "viable") + 1, "viable"));
	PTCONF(&ran, "check", "100", "--last-start", "--root", fake->root, "--output-format",
		"json");
	assert_holds(ran.said, "\"tags\":[\"group-companions\",\"partial-slot\",");
	fake_file(fake, PT_PVE_TASKS "/index", UPID " 66AA1009 OK\n");
	fake_file(fake, PT_PVE_TASKS "/1/" UPID, "TASK OK\n");
	PTCONF(&ran, "check", "100", "--last-start", "--root", fake->root);
	assert_int_equal(ran.code, 0);
	assert_holds(ran.said, "no trouble with passthrough in it");
	PTCONF(&ran, "check", "100", "101", "--last-start");
	assert_int_equal(ran.code, 2);
	PTCONF(&ran, "check", "100", "--last-start", "--all-infos");
	assert_int_equal(ran.code, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(check_tells_and_exits),
		MACHINE_TEST(the_last_start_is_explained),
		MACHINE_TEST(the_host_alone_is_checked),
		MACHINE_TEST(many_guests_are_checked),
		MACHINE_TEST(a_config_of_ones_own),
		MACHINE_TEST(several_configs_are_several_guests),
		MACHINE_TEST(a_clone_gets_the_entries_of_its_template),
		MACHINE_TEST(a_config_from_standard_input),
		MACHINE_TEST(show_says_why),
		MACHINE_TEST(list_goes_by_group),
		MACHINE_TEST(show_knows_what_is_not_known_yet),
		MACHINE_TEST(list_draws_a_tree),
		MACHINE_TEST(a_page_is_written),
		MACHINE_TEST(facts_are_written_and_read),
		MACHINE_TEST(facts_are_masked),
		cmocka_unit_test(the_page_runs_its_script_alone),
		MACHINE_TEST(the_page_is_a_new_file),
	};

	return cmocka_run_group_tests_name("programs-reading", tests, NULL, NULL);
}
