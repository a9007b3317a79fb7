// SPDX-License-Identifier: AGPL-3.0-or-later
/* The two programs as they ship, run on a made host by --root: what they print and how they exit. */
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <pty.h>
#include <sys/wait.h>

#include "tests/unit/judge.h"

#define CONFIG	      "/etc/pve/nodes/node1/qemu-server/100.conf"
#define MAX_ARGUMENTS 12

struct ran {
	int code;
	char said[65536]; /* stdout and stderr */
};

/* The programs lie beside the folder of the test programs. */
static void path_of(const char *program, char path[static PATH_MAX])
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert_true(n > 0);
	self[n] = '\0';
	assert_true(snprintf(path, PATH_MAX, "%s/../%s", dirname(self), program) < PATH_MAX);
}

static void read_all(int fd, struct ran *ran)
{
	size_t length = 0;
	ssize_t n;

	while ((n = read(fd, ran->said + length, sizeof(ran->said) - 1 - length)) > 0)
		length += (size_t)n;
	ran->said[length] = '\0';
}

static void run(struct ran *ran, const char *program, const char *const *arguments)
{
	char path[PATH_MAX];
	int out[2], status;
	pid_t pid;

	path_of(program, path);
	assert_int_equal(pipe(out), 0);
	pid = fork();
	if (pid == 0) {
		char *argv[MAX_ARGUMENTS + 2] = {path};

		for (size_t i = 0; i < MAX_ARGUMENTS && arguments[i]; i++)
			argv[i + 1] = strdup(arguments[i]);
		dup2(out[1], STDOUT_FILENO);
		dup2(out[1], STDERR_FILENO);
		close(out[0]);
		close(out[1]);
		execv(path, argv);
		exit(99);
	}
	close(out[1]);
	read_all(out[0], ran);
	close(out[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	ran->code = WEXITSTATUS(status);
}

#define RUN(ran, program, ...) run((ran), program, (const char *const[]){__VA_ARGS__, NULL})
#define PTCONF(ran, ...)       RUN((ran), "pve-ptconf", __VA_ARGS__)

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
	assert_holds(ran.said, "info     guest: cannot be migrated, suspended");
	assert_holds(ran.said, "\nguest 100: 0 errors, 2 warnings\n");
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
		"{\"version\":1,\"node\":\"node1\",\"errors\":1,\"warnings\":1,\"unknown\":0,"
		"\"guests\":[{\"vmid\":100,\"errors\":1,\"warnings\":1,\"findings\":[{\"tag\":");
	PTCONF(&ran, "check", "100", "--root", fake->root, "--output-format", "json-pretty");
	assert_holds(ran.said, "\"errors\": 0");
	fake_file(fake, PT_CLAIMS_DIR "/claims/101.json", "damaged");
	fake_dir(fake, PT_CLAIMS_DIR "/work");
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
		"hostpci0: 0000:01:00.0: guest 101 names it as well [configured-elsewhere]");
	assert_holds(ran.said, " in 2 guests\n");
	assert_lacks(ran.said, "guest 102");
	PTCONF(&ran, "check", "101", "102", "--root", fake->root);
	assert_int_equal(ran.code, 0);
	assert_holds(ran.said, "guest 102: 0 errors, 0 warnings\n");
	assert_holds(ran.said, "\n0 errors, ");
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

static void what_cannot_be_read_or_written_is_told(void **state)
{
	struct fake *fake = *state;
	char *big = calloc(600 * 1024 + 1, 1);
	char path[128];
	struct ran ran;

	assert_non_null(big);
	memset(big, '#', 600 * 1024);
	fake_file(fake, "/planned.conf", big);
	free(big);
	snprintf(path, sizeof(path), "%s/planned.conf", fake->root);
	PTCONF(&ran, "check", "100", "--root", fake->root, "--config", path);
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said, "planned.conf: larger than any guest's config");
	PTCONF(&ran, "check", "100", "--root", fake->root, "--config", fake->root);
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said, ": Input/output error");
	fake_dir(fake, CONFIG);
	PTCONF(&ran, "check", "100", "--root", fake->root);
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said, "guest 100: " CONFIG ": Is a directory");
	PTCONF(&ran, "list", "--root", "/no/such/folder");
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said, "pve-ptconf: /no/such/folder: No such file or directory");
	/* a group that cannot be looked into */
	fake_remove(fake, CONFIG);
	fake_file(fake, CONFIG, "hostpci0: 02:00.0\n");
	fake_remove(fake, "/sys/kernel/iommu_groups/2/devices");
	fake_file(fake, "/sys/kernel/iommu_groups/2/devices", "");
	PTCONF(&ran, "check", "100", "--root", fake->root);
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said, "0000:02:00.0: members of IOMMU group 2: Not a directory");
}

static void a_full_disk_is_told(void **state)
{
	struct fake *fake = *state;
	static const char *const format[] = {"text", "json"};
	char path[PATH_MAX];

	path_of("pve-ptconf", path);
	for (size_t i = 0; i < PT_ARRAY_SIZE(format); i++) {
		struct ran ran;
		int status, said[2];
		pid_t pid;

		assert_int_equal(pipe(said), 0);
		pid = fork();
		if (pid == 0) {
			dup2(open("/dev/full", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
			dup2(said[1], STDERR_FILENO);
			execl(path, path, "list", "--root", fake->root, "--output-format",
				format[i], NULL);
			_exit(99);
		}
		close(said[1]);
		read_all(said[0], &ran);
		close(said[0]);
		assert_string_equal(ran.said, "pve-ptconf: the output cannot be written\n");
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 3);
	}
}

static void policies_are_tested(void **state)
{
	struct fake *fake = *state;
	struct ran ran;

	PTCONF(&ran, "config-test", "--root", fake->root);
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said, "there is no " PT_POLICY_FILE ": the defaults count");
	fake_file(fake, PT_POLICY_FILE, "[defaults]\nmode = advise\n");
	PTCONF(&ran, "config-test", "--root", fake->root);
	assert_int_equal(ran.code, 0);
	assert_string_equal(ran.said, PT_POLICY_FILE ": 0 errors\n");
	fake_file(fake, PT_POLICY_FILE, "[defaults]\nmode = advice\n\nmood = good\n");
	PTCONF(&ran, "config-test", "--root", fake->root);
	assert_int_equal(ran.code, 1);
	assert_string_equal(ran.said,
		PT_POLICY_FILE ": line 2: mode is enforce or advise, not 'advice'\n" PT_POLICY_FILE
			       ": line 4: there is no key 'mood'\n" PT_POLICY_FILE ": 2 errors\n");
	PTCONF(&ran, "config-test", "--root", fake->root, "--output-format", "json");
	assert_int_equal(ran.code, 1);
	assert_string_equal(ran.said,
		"{\"errors\":[{\"line\":2,\"message\":\"mode is enforce or advise, not 'advice'\"},"
		"{\"line\":4,\"message\":\"there is no key 'mood'\"}]}\n");
}

static void explain_tells_the_story(void **state)
{
	struct ran ran;

	(void)state;
	PTCONF(&ran, "explain", "partial-slot");
	assert_int_equal(ran.code, 0);
	assert_holds(ran.said, "partial-slot (warning; at start: told, and the start goes on)\n");
	assert_holds(ran.said, "\nHow to mend it\n  Write the address without function number");
	PTCONF(&ran, "explain", "iommu-disabled");
	assert_holds(ran.said, "\nHow to mend it\n  1. Enter the firmware set-up and enable");
	assert_holds(ran.said, "\n     Virtualization Technology for Directed I/O' on Intel");
	assert_holds(
		ran.said, "\n  5. systemd-boot: the option in the one line of /etc/kernel/cmdline");
	PTCONF(&ran, "explain", "device-identity-changed");
	assert_holds(ran.said,
		"(warning; at start: told, and the start goes on)\n"
		"  error (at start: told, and the start goes on) when the device is");
	PTCONF(&ran, "explain", "--list");
	assert_int_equal(ran.code, 0);
	assert_holds(ran.said, "\nin-use-block                 error, warning, info  the start");
	PTCONF(&ran, "explain", "--list", "--output-format", "json");
	assert_holds(ran.said,
		"{\"tag\":\"no-reset\",\"severity\":\"warning\",\"variants\":[],\"start\":\"told");
	assert_holds(ran.said,
		"{\"severity\":\"warning\",\"start\":\"told, and the start goes on\",\"when\":\"the entry has rombar=0");
	PTCONF(&ran, "explain", "in-use-block", "--output-format", "json");
	assert_holds(ran.said, "\"why\":\"The host, or another guest, would lose");
	PTCONF(&ran, "explain", "no-such-tag");
	assert_int_equal(ran.code, 2);
	assert_holds(ran.said,
		"there is no finding 'no-such-tag'; 'pve-ptconf explain --list' lists them");
	PTCONF(&ran, "explain");
	assert_int_equal(ran.code, 2);
	PTCONF(&ran, "explain", "--list", "partial-slot");
	assert_int_equal(ran.code, 2);
	assert_holds(ran.said, "usage: pve-ptconf explain TAG | --list | --man | --markdown");
	PTCONF(&ran, "explain", "--man", "--list");
	assert_int_equal(ran.code, 2);
	PTCONF(&ran, "explain", "--markdown", "no-reset");
	assert_int_equal(ran.code, 2);
	PTCONF(&ran, "explain", "--markdown");
	assert_int_equal(ran.code, 0);
	assert_holds(
		ran.said, "| [in-use-block](#in-use-block) | error, warning, info | the start");
	assert_holds(ran.said,
		"\n## romfile-missing\n\nerror; at start: the start is refused, unless "
		"nothing has to be moved.\n- warning (at start: told, and the start goes on) when the entry has rombar=0");
	PTCONF(&ran, "explain", "--man");
	assert_int_equal(ran.code, 0);
	assert_holds(ran.said, ".TH PVE\\-PTCONF\\-FINDINGS 7");
	assert_holds(ran.said,
		"\n.SS in\\-use\\-block\nerror; at start: the start is refused, unless nothing has to be moved.\n.br\nwarning (at start: told, and the start goes on) when\n");
	assert_holds(ran.said, ".IP 2. 4\nLVM: 'vgchange \\-an VG'. MD: 'mdadm \\-\\-stop'.");
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
	assert_holds(ran.said, "\"function\":\"0000:05:01.0\",\"driver\":\"snd_emu10k1\"");
	assert_holds(ran.said, "\"companion\":true,\"why\":\"shares IOMMU group 7\"");
	fake_file(fake, CONFIG, "memory: 64\n");
	PTCONF(&ran, "show", "100", "--root", fake->root);
	assert_string_equal(ran.said, "guest 100 has no hostpci entry\n");
	/* a line that Proxmox VE drops is no entry, but not to be passed over either */
	fake_file(fake, CONFIG, "hostpci0: 02:00.0,pcie=2\n");
	PTCONF(&ran, "show", "100", "--root", fake->root);
	assert_int_equal(ran.code, 1);
	assert_string_equal(ran.said,
		"error: hostpci0: Proxmox VE drops it, since it is not valid: "
		"'pve-ptconf check 100' shows where\n");
	/* what hinders it */
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
	/* what a device or an admin wrote must not steer the terminal */
	assert_holds(ran.said, "evil?[2Jname");
	assert_lacks(ran.said, "\033");
	PTCONF(&ran, "list", "--root", fake->root, "--output-format", "json");
	assert_holds(ran.said, "{\"iommu_active\":true,\"functions\":[{\"bdf\":\"0000:00:01.0\"");
	/* who names it, and who is in the way */
	fake_file(fake, CONFIG, "hostpci0: 05:00.0\nhostpci1: 02:00.0\n");
	fake_file(fake, "/proc/1/mountinfo", "22 1 259:0 / / rw - ext4 /dev/nvme0n1 rw\n");
	add_node(fake, "/sys/bus/pci/devices/0000:02:00.0/nvme/nvme0/nvme0n1", "block", "259:0\n",
		"nvme0n1");
	PTCONF(&ran, "list", "--root", fake->root);
	assert_holds(ran.said, "7      0000:05:00.0  1234:11e8  -              100     yes");
	assert_holds(ran.said, "7      0000:05:01.0  1102:0002  snd_emu10k1    (100)   yes");
	assert_holds(ran.said, "2      0000:02:00.0  144d:a808  nvme           100     no ");
	assert_holds(ran.said, "\n       is in use: nvme0n1 is mounted at /\n");
	PTCONF(&ran, "list", "--root", fake->root, "--output-format", "json");
	assert_holds(
		ran.said, "\"guests\":[{\"vmid\":100,\"entry\":\"hostpci1\",\"companion\":false,");
	assert_holds(ran.said, "\"uses\":[\"nvme0n1 is mounted at /\"],\"why_not\":\"is in use: ");
	fake_remove(fake, "/sys/class/iommu/dmar0");
	PTCONF(&ran, "list", "--root", fake->root);
	assert_holds(ran.said, "no IOMMU is active: nothing can be passed through");
}

/* Bridges lead to what is below them; what says it is below itself has no end, and is not followed. */
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
	/* whoever laid a link there does not choose what root writes to */
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
	assert_holds(ran.said, "No IOMMU is active");
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
	assert_holds(ran.said, "0000:05:01.0: is not assigned, but shares IOMMU group 7");
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
	assert_holds(ran.said, "--facts goes with --config alone");
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

/* As run, but on a terminal of so many columns; 0: it does not say. */
static void run_on_terminal(struct ran *ran, unsigned short columns, const char *const *arguments)
{
	const struct winsize size = {.ws_row = 24, .ws_col = columns};
	char path[PATH_MAX];
	int terminal, status;
	pid_t pid;

	path_of("pve-ptconf", path);
	pid = forkpty(&terminal, NULL, NULL, &size);
	assert_true(pid >= 0);
	if (pid == 0) {
		char *argv[MAX_ARGUMENTS + 2] = {path};

		for (size_t i = 0; i < MAX_ARGUMENTS && arguments[i]; i++)
			argv[i + 1] = strdup(arguments[i]);
		execv(path, argv);
		exit(99);
	}
	read_all(terminal, ran);
	close(terminal);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	ran->code = WEXITSTATUS(status);
}

static void claims_are_listed(void **state)
{
	struct fake *fake = *state;
	struct ran ran;

	PTCONF(&ran, "claims", "--root", fake->root);
	assert_string_equal(ran.said, "no guest holds a device\n");
	fake_dir(fake, PT_CLAIMS_DIR "/work");
	fake_file(fake, PT_CLAIMS_DIR "/claims/100.json",
		"{\"version\":4,\"owner\":\"100\",\"state\":\"returning\",\"since\":5,\"functions\":[{"
		"\"function\":\"0000:02:00.0\",\"label\":\"hostpci0\",\"companion\":false,\"spare\":false,\"moved\":true,\"home\":null,\"pf\":null,"
		"\"origin\":{\"driver\":\"nvme\",\"driver_override\":null,\"sriov_numvfs\":-1,"
		"\"sriov_drivers_autoprobe\":-1,\"console\":null},"
		"\"error\":\"does not answer, and that is a long story\",\"error_since\":7}],"
		"\"units\":[\"player.service\"]}");
	PTCONF(&ran, "claims", "--root", fake->root);
	assert_int_equal(ran.code, 0);
	assert_holds(ran.said,
		"100    stopped  returning  hostpci0    assigned  0000:02:00.0    nvme    1970-01-01");
	assert_holds(ran.said, "\n       does not answer, and that is a long story\n");
	assert_holds(ran.said,
		"100    stopped  returning  stop-units  stopped   player.service  -       1970-01-01");
	/* at any width the reason is there whole */
	run_on_terminal(&ran, 30, (const char *const[]){"claims", "--root", fake->root, NULL});
	assert_holds(ran.said, "\n       does not answer, and\r\n       that is a long story\r\n");
	PTCONF(&ran, "claims", "--root", fake->root, "--output-format", "json");
	assert_holds(ran.said, "\"error\":\"does not answer, and that is a long story\"");
	fake_file(fake, PT_CLAIMS_DIR "/claims/100.json", "x");
	PTCONF(&ran, "claims", "--root", fake->root);
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said, "claim of 100 is damaged");
}

static void bad_usage_changes_nothing(void **state)
{
	static const struct {
		const char *arguments[4];
		const char *why;
	} bad[] = {
		{{"check"}, "usage: pve-ptconf check VMID... | --all | --cluster | --config FILE"},
		{{"check", "abc"}, "not a VMID: abc"},
		{{"check", "99"}, "not a VMID: 99"},
		{{"show"}, "usage: pve-ptconf VERB VMID"},
		{{"frobnicate"}, "there is no verb frobnicate"},
		{{"list", "100"}, "usage: pve-ptconf VERB, without arguments"},
		{{"list", "--current"}, "an option that is not for the verb list"},
		{{"check", "100", "--nonsense"},
			"unknown option, or one without its value: --nonsense"},
		{{"check", "100", "--source=smoke"}, "not a value for this option: smoke"},
		{{"check", "100", "--output-format=xml"}, "not a value for this option: xml"},
		{{"check", "100", "--snapshot=1a"}, "not a value for this option: 1a"},
		{{"release", "100", "--root=/tmp"}, "an option that is not for the verb release"},
		{{"check", "100", "--root"}, "unknown option, or one without its value: --root"},
		{{"check", "100", "--current", "--snapshot=ab"},
			"exclude each other: --current and --snapshot"},
		{{"show", "100", "--source=file", "--config=/x"}, "exclude each other: --current"},
		{{"check", "--all", "--config=/x"}, "--config goes with one VMID"},
		{{"check", "100", "--node=a", "--facts=/x"},
			"--node and --cluster ask the API: they go with --config alone"},
		{{"check", "--cluster", "--node=a"},
			"--cluster is all nodes and all guests already"},
		{{"check", "100", "--facts=-", "--config=-"},
			"only one of --facts and --config can be standard input"},
	};
	struct ran ran;

	(void)state;
	for (size_t i = 0; i < PT_ARRAY_SIZE(bad); i++) {
		const char *const *one = bad[i].arguments;

		PTCONF(&ran, one[0], one[1], one[2], one[3]);
		if (ran.code != 2)
			fail_msg("%s %s: exit %d", one[0], one[1] ? one[1] : "", ran.code);
		assert_holds(ran.said, bad[i].why);
		assert_holds(ran.said, "; see pve-ptconf --help");
	}
	PTCONF(&ran, NULL);
	assert_int_equal(ran.code, 2);
	assert_holds(ran.said, "which verb?");
	PTCONF(&ran, "list", "--root", "/nonexistent");
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said, "/nonexistent: No such file");
}

static void colour_is_for_terminals(void **state)
{
	struct fake *fake = *state;
	const char *const arguments[] = {"check", "100", "--root", fake->root, NULL};
	struct ran ran;

	fake_file(fake, CONFIG, "hostpci0: 77:00.0\n");
	run_on_terminal(&ran, 0, arguments);
	assert_int_equal(ran.code, 1);
	assert_holds(ran.said, "\033[1;31merror");
	PTCONF(&ran, "check", "100", "--root", fake->root);
	assert_lacks(ran.said, "\033");
}

static void help_and_version(void **state)
{
	struct ran ran;

	(void)state;
	PTCONF(&ran, "--help");
	assert_int_equal(ran.code, 0);
	assert_holds(ran.said, "release VMID");
	PTCONF(&ran, "--version");
	assert_holds(ran.said, "pve-ptconf 0.");
	RUN(&ran, "pve-pthook", "--help");
	assert_int_equal(ran.code, 0);
	assert_holds(ran.said, "usage: pve-pthook VMID PHASE");
	RUN(&ran, "pve-pthook", "--version");
	assert_holds(ran.said, "pve-pthook 0.");
}

static void the_hook_knows_its_arguments(void **state)
{
	struct ran ran;

	(void)state;
	RUN(&ran, "pve-pthook", "100");
	assert_int_equal(ran.code, 2);
	assert_holds(ran.said, "usage: pve-pthook");
	RUN(&ran, "pve-pthook", "../100", "pre-start");
	assert_int_equal(ran.code, 2);
	assert_holds(ran.said, "'../100' is no VMID");
	RUN(&ran, "pve-pthook", "100", "pre-migrate");
	assert_int_equal(ran.code, 0);
	assert_holds(ran.said, "phase 'pre-migrate' is not known to this version; nothing to do");
	RUN(&ran, "pve-pthook", "999999999", "post-start");
	assert_int_equal(ran.code, 0);
	assert_string_equal(ran.said, "");
	RUN(&ran, "pve-pthook", "999999999", "post-stop");
	assert_int_equal(ran.code, 0);
	assert_string_equal(ran.said, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(check_tells_and_exits),
		MACHINE_TEST(many_guests_are_checked),
		MACHINE_TEST(a_config_of_ones_own),
		MACHINE_TEST(a_config_from_standard_input),
		MACHINE_TEST(what_cannot_be_read_or_written_is_told),
		MACHINE_TEST(a_full_disk_is_told),
		MACHINE_TEST(policies_are_tested),
		cmocka_unit_test(explain_tells_the_story),
		MACHINE_TEST(show_says_why),
		MACHINE_TEST(list_goes_by_group),
		MACHINE_TEST(list_draws_a_tree),
		MACHINE_TEST(a_page_is_written),
		MACHINE_TEST(facts_are_written_and_read),
		MACHINE_TEST(claims_are_listed),
		cmocka_unit_test(bad_usage_changes_nothing),
		MACHINE_TEST(colour_is_for_terminals),
		cmocka_unit_test(help_and_version),
		cmocka_unit_test(the_hook_knows_its_arguments),
	};

	return cmocka_run_group_tests_name("programs", tests, NULL, NULL);
}
