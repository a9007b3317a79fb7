// SPDX-License-Identifier: AGPL-3.0-or-later
/* The two programs as they ship: their arguments, terminals, and verbs without a guest. */
#include <fcntl.h>
#include <pty.h>

#include <sys/stat.h>

#include "tests/unit/ran.h"

static void what_cannot_be_read_or_written_is_told(void **state)
{
	struct fake *fake = *state;
	char *big = calloc(1100 * 1024 + 1, 1);
	char path[128];
	struct ran ran;

	assert_non_null(big);
	memset(big, '#', 1100 * 1024);
	fake_file(fake, "/planned.conf", big);
	free(big);
	snprintf(path, sizeof(path), "%s/planned.conf", fake->root);
	PTCONF(&ran, "check", "100", "--root", fake->root, "--config", path);
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said, "planned.conf: is larger than any guest's config");
	PTCONF(&ran, "check", "100", "--root", fake->root, "--config", fake->root);
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said, ": Is a directory");
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
		"{\"version\":1,\"errors\":[{\"line\":2,\"message\":\"mode is enforce or advise, not 'advice'\"},"
		"{\"line\":4,\"message\":\"there is no key 'mood'\"}]}\n");
}

static void explain_tells_the_story(void **state)
{
	struct ran ran;

	(void)state;
	PTCONF(&ran, "explain", "partial-slot");
	assert_int_equal(ran.code, 0);
	assert_holds(ran.said, "partial-slot (warning; effect on a start: warns)\n");
	assert_holds(ran.said,
		"\nFix\n  Write the value that 'pve-ptconf check' names: 0000:01:00 (all");
	PTCONF(&ran, "explain", "iommu-disabled");
	assert_holds(ran.said, "\nFix\n  1. Enable the IOMMU in the firmware setup");
	assert_holds(ran.said, "\n     Technology for Directed I/O' on Intel");
	assert_holds(ran.said, "\n  5. systemd-boot: edit the one line of /etc/kernel/cmdline");
	PTCONF(&ran, "explain", "device-identity-changed");
	assert_holds(ran.said,
		"(warning; effect on a start: warns)\n"
		"  error (effect on a start: warns) when the device has another class");
	PTCONF(&ran, "explain", "--list");
	assert_int_equal(ran.code, 0);
	assert_holds(ran.said, "\nin-use-block                 error, warning, info  refuses, if");
	PTCONF(&ran, "explain", "--list", "--output-format", "json");
	assert_holds(ran.said,
		"{\"tag\":\"no-reset\",\"severity\":\"warning\",\"severities\":\"warning\",\"start\":\"warns\"");
	assert_holds(ran.said, "{\"version\":1,\"findings\":[{\"tag\":");
	assert_holds(ran.said,
		"{\"severity\":\"warning\",\"start\":\"warns\",\"when\":\"the entry has rombar=0");
	PTCONF(&ran, "explain", "in-use-block", "--output-format", "json");
	assert_holds(ran.said, "\"why\":\"The host or another guest would lose");
	assert_holds(ran.said, "{\"version\":1,\"findings\":[{\"tag\":\"in-use-block\"");
	PTCONF(&ran, "explain", "no-such-tag");
	assert_int_equal(ran.code, 2);
	assert_holds(ran.said,
		"'no-such-tag' is neither a finding ('pve-ptconf explain --list' lists them) nor");
	/* as it stands in the output */
	PTCONF(&ran, "explain", "[PARTIAL-SLOT]");
	assert_int_equal(ran.code, 0);
	PTCONF(&ran, "explain", "vfio 0000:01:00.0: group 15 is not viable");
	assert_int_equal(ran.code, 0);
	assert_holds(
		ran.said, "a function of the IOMMU group still has a host driver\n(seen in QEMU");
	assert_holds(ran.said,
		"\n[group-companions]\n  Other functions share the IOMMU group.\n\nFix\n");
	PTCONF(&ran, "explain", "got timeout", "--output-format", "json");
	assert_holds(ran.said, "{\"version\":1,\"cause\":\"QEMU did not answer in time");
	assert_holds(ran.said, "\"findings\":[{\"tag\":\"start-timeout-risk\"");
	PTCONF(&ran, "explain");
	assert_int_equal(ran.code, 2);
	PTCONF(&ran, "explain", "--list", "partial-slot");
	assert_int_equal(ran.code, 2);
	assert_holds(ran.said, "usage: pve-ptconf explain TAG | 'MESSAGE' | --list");
	PTCONF(&ran, "explain", "--man");
	assert_int_equal(ran.code, 2);
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
	fake_remove(fake, PT_CLAIMS_DIR);
	save_claim(fake, PT_CLAIMS_DIR, 101, "0000:04:00.0", NULL);
	PTCONF(&ran, "claims", "--root", fake->root);
	assert_int_equal(ran.code, 0);
	assert_holds(ran.said,
		"101    stopped  stale  hostpci0  assigned  0000:04:00.0  igb     1970-01-01");
	fake_file(fake, PT_CLAIMS_DIR "/function/0000:04:00.0.json", "x");
	fake_file(fake, PT_CLAIMS_DIR "/guest/102.json", "x");
	PTCONF(&ran, "claims", "--root", fake->root);
	assert_int_equal(ran.code, 3);
	assert_holds(ran.said, "101    stopped  stale");
	assert_holds(ran.said, "claim of 102 is damaged");
}

static void bad_usage_changes_nothing(void **state)
{
	static const struct {
		const char *arguments[4];
		const char *why;
	} bad[] = {
		{{"check"},
			"usage: pve-ptconf check VMID... | --all | --host | --cluster | --config FILE"},
		{{"check", "abc"}, "not a VMID: abc"},
		{{"check", "99"}, "not a VMID: 99"},
		{{"show"}, "usage: pve-ptconf VERB VMID"},
		{{"frobnicate"}, "there is no verb frobnicate"},
		{{"list", "100"}, "usage: pve-ptconf VERB, without arguments"},
		{{"list", "--current"}, "this option does not belong to the verb list"},
		{{"check", "100", "--nonsense"},
			"unknown option, or one without its value: --nonsense"},
		{{"check", "100", "--source=smoke"}, "not a value for this option: smoke"},
		{{"check", "100", "--output-format=xml"}, "not a value for this option: xml"},
		{{"check", "100", "--snapshot=1a"}, "not a value for this option: 1a"},
		{{"release", "100", "--root=/tmp"},
			"this option does not belong to the verb release"},
		{{"check", "100", "--root"}, "unknown option, or one without its value: --root"},
		{{"check", "100", "--current", "--snapshot=ab"},
			"--current and --snapshot exclude each other"},
		{{"show", "100", "--source=file", "--config=/x"},
			"--source and --config exclude each other"},
		{{"check", "--all", "--config=/x"}, "--config goes with one VMID"},
		{{"check", "100", "--node=a", "--facts=/x"}, "--facts asks nobody"},
		{{"check", "100", "--node=a", "--source=file"},
			"--node and --cluster ask others: they exclude guest options"},
		{{"claims", "--cluster", "--root=/x"},
			"--node and --cluster ask others: they exclude guest options"},
		{{"check", "100", "--as=root"}, "not a value for this option: root"},
		{{"check", "100", "--as=a@pve", "--root=/x"},
			"--as asks the API: --root excludes it"},
		{{"facts", "--node=a"}, "this option does not belong to the verb facts"},
		{{"check", "--cluster", "--node=a"},
			"--cluster already means all nodes and all guests"},
		{{"check", "100", "--anonymous", "--config=/x"},
			"--anonymous masks the facts of one node"},
		{{"check", "--cluster", "--anonymous"}, "--anonymous masks the facts of one node"},
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
	assert_holds(ran.said, "no verb given");
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

/* One sentence, and nothing false about owners of files. */
static void others_than_root_are_told(void **state)
{
	static const char *const verbs[][3] = {{"check", "100"}, {"list"}, {"claims"},
		{"release", "100"}, {"reconcile"}, {"config-test"}, {"facts"}};
	struct fake *fake = *state;
	struct ran ran;

	pt_foreach (verb, verbs, PT_ARRAY_SIZE(verbs)) {
		RUN_AS(&ran, 65534, "pve-ptconf", (*verb)[0], (*verb)[1]);
		assert_int_equal(ran.code, 3);
		assert_holds(ran.said, (*verb)[0]);
		assert_holds(
			ran.said, " reads what only root may read on this host: run it as root");
		assert_lacks(ran.said, "chown");
	}
	RUN_AS(&ran, 65534, "pve-ptconf", "explain", "no-reset");
	assert_int_equal(ran.code, 0);
	assert_int_equal(chmod(fake->root, 0755), 0);
	RUN_AS(&ran, 65534, "pve-ptconf", "list", "--root", fake->root);
	assert_int_equal(ran.code, 0);
	RUN_AS(&ran, 65534, "pve-pthook", "100", "pre-start");
	assert_int_equal(ran.code, 0);
	assert_holds(
		ran.said, "pve-pthook: only root can move devices; nothing is moved or returned\n");
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
		MACHINE_TEST(what_cannot_be_read_or_written_is_told),
		MACHINE_TEST(a_full_disk_is_told),
		MACHINE_TEST(policies_are_tested),
		cmocka_unit_test(explain_tells_the_story),
		MACHINE_TEST(claims_are_listed),
		cmocka_unit_test(bad_usage_changes_nothing),
		MACHINE_TEST(colour_is_for_terminals),
		MACHINE_TEST(others_than_root_are_told),
		cmocka_unit_test(help_and_version),
		cmocka_unit_test(the_hook_knows_its_arguments),
	};

	return cmocka_run_group_tests_name("programs", tests, NULL, NULL);
}
