// SPDX-License-Identifier: AGPL-3.0-or-later
#include <sys/stat.h>

#include "pve/check/check.h"
#include "pve/config/paths.h"
#include "tests/unit/shown.h"
#include "pve/config/policy.h"
#include "tests/unit/unit.h"

#define GPU   "0000:01:00.0"
#define AUDIO "0000:01:00.1"
#define DISK  "0000:02:00.0"

static void collect(void *data, unsigned int line, const char *message)
{
	char **list = data;
	char *longer = pt_format("%s%u: %s\n", *list, line, message);

	free(*list);
	*list = longer;
}

/* Every error of the text, "line: message" each on a line. */
static void expect_errors(const char *text, const char *errors)
{
	struct pt_policy policy = {0};
	char *list = strdup("");
	int r = pt_policy_parse(text, strlen(text), pt_check_allowing, collect, &list, &policy);

	assert_string_equal(list, errors);
	assert_int_equal(r, *errors ? -EINVAL : 0);
	free(list);
	pt_policy_clear(&policy);
}

static void parse(const char *text, struct pt_policy *ret)
{
	*ret = (struct pt_policy){0};
	assert_int_equal(
		pt_policy_parse(text, strlen(text), pt_check_allowing, NULL, NULL, ret), 0);
}

static void every_error_has_its_line(void **state)
{
	(void)state;
	expect_errors("", "");
	expect_errors("# nothing\n\n[defaults]\n; nor here\n", "");
	expect_errors("mode = advise\n", "1: is in no section: begin with [defaults]\n");
	expect_errors("[defaults]\nmode = off\ncolour = red\n\nallow = in-use-net\n",
		"2: mode is enforce or advise, not 'off'\n"
		"3: there is no key 'colour'\n"
		"5: allow does not go with the section [defaults]\n");
	expect_errors("[host]\nmode = advise\n",
		"2: there is no section '[host]': it is [defaults], [guest VMID] or [device ADDRESS]\n");
	expect_errors("[guest 99]\nmode = advise\nreturn = none\n",
		"2: '[guest 99]': is no VMID (100 to 999999999)\n");
	expect_errors("[device 1:0]\nreturn = none\n",
		"2: '[device 1:0]': is no PCI address (0000:01:00.0, or 0000:01:00 for all of its "
		"functions)\n");
	expect_errors("[device 01:00]\nreturn = ../x\n[device 02:00.0]\nreturn = vfio-pci\n",
		"2: return is origin, none, keep-vfio or a driver, not '../x'\n"
		"4: return: to leave it there write keep-vfio\n");
	expect_errors("[defaults]\nwrite-deadline = 0\nphase-deadline = 181\ngroup-deadline = 1s\n",
		"2: write-deadline is a number of seconds from 1 to 180, not '0'\n"
		"3: phase-deadline is a number of seconds from 1 to 180, not '181'\n"
		"4: group-deadline is a number of seconds from 1 to 180, not '1s'\n");
	expect_errors(
		"[guest 100]\nmode = advise\n[defaults]\nmode = enforce\n[guest 100]\nmode = enforce\n",
		"6: mode is there already, in line 2\n");
	expect_errors("[defaults\nmode = advise\n",
		"2: is in no section: begin with [defaults]\n1: is neither '[section]' nor 'key = value'\n");
	expect_errors("[defaults]\n  mode = advise\n\twrite-deadline = 90\n", "");
	expect_errors("[guest 100]\nallow = no-reset\n  in-use-net\n",
		"3: is neither '[section]' nor 'key = value'\n");
	expect_errors("[defaults]\nnonsense\n", "2: is neither '[section]' nor 'key = value'\n");
}

static void only_findings_can_be_allowed(void **state)
{
	(void)state;
	expect_errors("[guest 100]\nallow = no-reset no-reset@0000:01:00 in-use-net@01:00.0\n", "");
	/* a use is allowed for a device, not for any device of an entry */
	expect_errors("[guest 100]\nallow = in-use-net\n[device 01:00]\nallow = in-use-net\n",
		"2: in-use-net: for which device? write in-use-net@ADDRESS\n");
	expect_errors("[guest 100]\nallow = in-use-nett claimed-by-other no-reset@x\n",
		"2: there is no finding 'in-use-nett' ('pve-ptconf explain --list')\n"
		"2: claimed-by-other cannot be allowed: two guests cannot have one device\n"
		"2: no-reset@x: is no PCI address\n");
	expect_errors("[device 01:00]\nallow = no-reset@01:00\n",
		"2: no-reset@01:00: an address goes with [guest VMID] only\n");
}

static void units_are_named_by_guest_and_device(void **state)
{
	struct pt_policy PT_POLICY policy;
	struct pt_names PT_NAMES names = {0};
	struct pt_bdf gpu = bdf_of(GPU), disk = bdf_of(DISK);

	(void)state;
	expect_errors(
		"[guest 100]\nstop-units = a.service pve-container@101.service x\\x2d1.mount\n",
		"");
	expect_errors("[guest 100]\nstop-units = a ../b.service c.scope @d.service e.service;f\n"
		      "[defaults]\nstop-units = a.service\n",
		"2: stop-units: 'a' is no name of a unit (name.service)\n"
		"2: stop-units: '../b.service' is no name of a unit (name.service)\n"
		"2: stop-units: 'c.scope' is no name of a unit (name.service)\n"
		"2: stop-units: '@d.service' is no name of a unit (name.service)\n"
		"2: stop-units: 'e.service;f' is no name of a unit (name.service)\n"
		"4: stop-units does not go with the section [defaults]\n");
	parse("[guest 100]\nstop-units = a.service b.service\n[device 01:00]\nstop-units = c.service "
	      "a.service\n",
		&policy);
	pt_policy_units(&policy, 101, &disk, &names);
	assert_int_equal(names.count, 0);
	pt_policy_units(&policy, 100, NULL, &names);
	assert_int_equal(names.count, 2);
	pt_policy_units(&policy, 100, &gpu, &names);
	assert_int_equal(names.count, 3);
	assert_string_equal(names.name[2], "c.service");
}

static void a_vfio_driver_may_be_named(void **state)
{
	const struct pt_bdf disk = bdf_of("0000:02:00.0"), gpu = bdf_of("0000:01:00.0");
	struct pt_policy PT_POLICY policy = {0};

	(void)state;
	expect_errors("[defaults]\nvfio-driver = ../x\n",
		"2: vfio-driver is auto or a driver, not '../x'\n");
	parse("[guest 100]\nvfio-driver = auto\n[device 01:00]\nvfio-driver = mlx5_vfio_pci\n",
		&policy);
	assert_string_equal(pt_policy_vfio_driver(&policy, 100, &gpu), "mlx5_vfio_pci");
	assert_string_equal(pt_policy_vfio_driver(&policy, 101, &gpu), "mlx5_vfio_pci");
	assert_string_equal(pt_policy_vfio_driver(&policy, 100, &disk), "auto");
	assert_null(pt_policy_vfio_driver(&policy, 101, &disk));
}

static void lines_have_an_end(void **state)
{
	char *list = strdup("");
	struct pt_policy policy = {0};
	char text[512] = "[defaults]\nmode = ";

	(void)state;
	memset(text + strlen(text), 'x', 300);
	assert_int_equal(
		pt_policy_parse(text, strlen(text), pt_check_allowing, collect, &list, &policy),
		-EINVAL);
	assert_holds(list, "2: is longer than");
	free(list);
	list = strdup("");
	assert_int_equal(pt_policy_parse("[defaults]\nmo\0de = advise\n", 25, pt_check_allowing,
				 collect, &list, &policy),
		-EINVAL);
	assert_string_equal(list, "2: holds a NUL character\n");
	free(list);
}

static void the_closest_line_counts(void **state)
{
	struct pt_policy PT_POLICY policy;
	struct pt_bdf gpu = bdf_of(GPU), audio = bdf_of(AUDIO), disk = bdf_of(DISK);

	(void)state;
	parse("[device 0000:01:00.1]\nreturn = snd_hda_intel\n[device 01:00]\nreturn = none\n"
	      "[guest 100]\nreturn = keep-vfio\n[defaults]\nreturn = origin\n",
		&policy);
	assert_string_equal(pt_policy_return(&policy, 100, &audio), "snd_hda_intel");
	assert_string_equal(pt_policy_return(&policy, 100, &gpu), "none");
	assert_string_equal(pt_policy_return(&policy, 100, &disk), "keep-vfio");
	assert_string_equal(pt_policy_return(&policy, 101, &disk), "origin");
	pt_policy_clear(&policy);
	assert_null(pt_policy_return(&policy, 100, &gpu));
}

static void a_guest_may_be_advised_only(void **state)
{
	struct pt_policy PT_POLICY policy;

	(void)state;
	parse("[defaults]\nmode = advise\n[guest 100]\nmode = enforce\n", &policy);
	assert_false(pt_policy_advises(&policy, 100));
	assert_true(pt_policy_advises(&policy, 101));
	pt_policy_clear(&policy);
	assert_false(pt_policy_advises(&policy, 101));
}

static void limits_change_one_by_one(void **state)
{
	struct pt_policy PT_POLICY policy;
	struct pt_limits limits = pt_default_limits;

	(void)state;
	parse("[defaults]\nwrite-deadline = 90\ngroup-deadline = 20\n", &policy);
	pt_policy_limits(&policy, &limits);
	assert_int_equal(limits.write_ms, 90000);
	assert_int_equal(limits.group_ms, 20000);
	assert_int_equal(limits.phase_ms, pt_default_limits.phase_ms);
}

/* A finding of that tag about the function; NULL: about the host. */
static struct pt_findings found(
	struct pt_check *check, const char *tag, struct pt_case of, const char *function)
{
	struct pt_findings findings = {0};
	struct pt_subject on = {.kind = PT_ON_HOST};

	if (function)
		on = (struct pt_subject){.kind = PT_ON_FUNCTION, .function = bdf_of(function)};
	*check = (struct pt_check){.tag = tag, .of = {of}};
	pt_findings_add(&findings, check, check->of, on);
	return findings;
}

static void what_is_allowed_weighs_less(void **state)
{
	static const struct {
		const char *function;
		unsigned int vmid;
		bool allowed;
	} cases[] = {
		{DISK, 100, true},
		{AUDIO, 100, true},
		{GPU, 100, true},
		{GPU, 101, true},
		{AUDIO, 101, false},
		{DISK, 101, false},
		{NULL, 102, true},
		{NULL, 103, false},
	};
	static const struct pt_case refuses = {PT_ERROR, PT_REFUSES, .message = "is so"};
	static const struct pt_case warns = {PT_WARNING, PT_WARNS, .message = "is so"};
	static const struct pt_case always = {PT_ERROR, PT_REFUSES_ALWAYS, .message = "is so"};
	struct pt_policy PT_POLICY policy;
	struct pt_findings findings;
	struct pt_check check;

	(void)state;
	parse("[guest 100]\nallow = no-reset pf-with-vfs@0000:02:00\n  allow = pf-with-vfs@0000:01:00.1\n"
	      "[device 0000:01:00.0]\nallow = pf-with-vfs\n[guest 102]\nallow = pf-with-vfs\n",
		&policy);
	for (size_t i = 0; i < PT_ARRAY_SIZE(cases); i++) {
		findings = found(&check, "pf-with-vfs", refuses, cases[i].function);
		pt_findings_allow(&policy, cases[i].vmid, &findings);
		assert_int_equal(
			findings.finding[0].severity, cases[i].allowed ? PT_WARNING : PT_ERROR);
		assert_int_equal(pt_findings_refusing(&findings, true) == NULL, cases[i].allowed);
		if (cases[i].allowed)
			assert_holds(message_of(&findings.finding[0]), "is so (allowed in line ");
		pt_findings_clear(&findings);
	}
	findings = found(&check, "no-reset", warns, DISK);
	pt_findings_allow(&policy, 100, &findings);
	assert_int_equal(findings.finding[0].severity, PT_INFO);
	assert_string_equal(message_of(&findings.finding[0]),
		"is so (allowed in line 2 of " PT_POLICY_FILE ")");
	pt_findings_clear(&findings);
	/* no line allows another guest's device */
	findings = found(&check, "pf-with-vfs", always, DISK);
	pt_findings_allow(&policy, 100, &findings);
	assert_int_equal(findings.finding[0].severity, PT_ERROR);
	pt_findings_clear(&findings);
}

static void the_file_is_read_whole_or_not_at_all(void **state)
{
	struct fake *fake = *state;
	struct pt_policy PT_POLICY policy = {0};
	struct pt_err err = {0};

	assert_int_equal(pt_policy_read(fake->host, pt_check_allowing, &policy, &err), 0);
	assert_int_equal(policy.count, 0);
	fake_file(fake, PT_POLICY_FILE, "[defaults]\nmode = advise\nmode = x\nmoed = x\n");
	assert_int_equal(pt_policy_read(fake->host, pt_check_allowing, &policy, &err), -EINVAL);
	assert_string_equal(err.text, PT_POLICY_FILE ": line 3: mode is there already, in line 2");
	assert_int_equal(policy.count, 0);
	fake_file(fake, PT_POLICY_FILE, "[defaults]\nmode = advise\n");
	assert_int_equal(pt_policy_read(fake->host, pt_check_allowing, &policy, &err), 0);
	assert_true(pt_policy_advises(&policy, 100));
	pt_policy_clear(&policy);
	fake_remove(fake, PT_POLICY_FILE);
	fake_dir(fake, PT_POLICY_FILE);
	assert_int_equal(pt_policy_read(fake->host, pt_check_allowing, &policy, &err), -EISDIR);
	assert_holds(err.text, PT_POLICY_FILE ": Is a directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_error_has_its_line),
		cmocka_unit_test(only_findings_can_be_allowed),
		cmocka_unit_test(units_are_named_by_guest_and_device),
		cmocka_unit_test(a_vfio_driver_may_be_named),
		cmocka_unit_test(lines_have_an_end),
		cmocka_unit_test(the_closest_line_counts),
		cmocka_unit_test(a_guest_may_be_advised_only),
		cmocka_unit_test(limits_change_one_by_one),
		cmocka_unit_test(what_is_allowed_weighs_less),
		MACHINE_TEST(the_file_is_read_whole_or_not_at_all),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
