// SPDX-License-Identifier: AGPL-3.0-or-later
/* What a user may not write. */
#include "tests/unit/judge.h"

#define MAPPED                                                                                     \
	"gpu\n\tmap id=144d:a808,iommugroup=2,node=node1,path=0000:02:00.0,subsystem-id=144d:a801\n"

/* Judges again, with a writer. */
static void judge_as(struct fake *fake, const char *config, const struct pt_permissions *writer,
	struct judged *ret)
{
	fake_file(fake, PT_PVE_PCI_MAPPINGS, MAPPED);
	judge(fake, config, ret);
	pt_findings_clear(&ret->findings);
	ret->facts.writer = writer;
	pt_check_run(&ret->facts, &ret->findings);
	pt_foreach (finding, ret->findings.finding, ret->findings.count)
		has_a_known_severity(finding);
}

static void refused(struct fake *fake, const char *config, const struct pt_permissions *writer,
	const char *message)
{
	struct judged judged;
	const struct pt_finding *finding;

	judge_as(fake, config, writer, &judged);
	finding = find(&judged, "not-permitted");
	assert_non_null(finding);
	assert_holds(message_of(finding), message);
	clear(&judged);
}

static void allowed(struct fake *fake, const char *config, const struct pt_permissions *writer)
{
	struct judged judged;

	judge_as(fake, config, writer, &judged);
	assert_null(find(&judged, "not-permitted"));
	clear(&judged);
}

static char gpu[] = "gpu";
static char *only_gpu[] = {gpu};

static void addresses_are_for_root(void **state)
{
	const struct pt_permissions root = {.user = "root@pam", .is_root = true},
				    token = {.user = "root@pam!ci",
					    .hwtype = true,
					    .mapping = {only_gpu, 1}};
	struct fake *fake = *state;

	allowed(fake, "hostpci0: 02:00.0\nargs: -s\n", NULL);
	allowed(fake, "hostpci0: 02:00.0\nargs: -s\n" HOOKED, &root);
	refused(fake, "hostpci0: 02:00.0\n", &token,
		"root@pam!ci may neither write nor remove it: an entry with an address is for root@pam");
	refused(fake, "hostpci0: mapping=gpu\n" HOOKED, &token, "may not write hookscript");
	refused(fake, "hostpci0: mapping=gpu\nargs: -s\n", &token, "may not write args");
	refused(fake, "hostpci0: mapping=gpu,romfile=a.rom\n", &token, "may not write romfile");
	allowed(fake, "hostpci0: mapping=gpu\n", &token);
}

static void a_mapping_needs_two_privileges(void **state)
{
	struct pt_permissions user = {.user = "ci@pve"},
			      token = {.user = "ci@pve!a", .hwtype = true};
	struct fake *fake = *state;

	user.hwtype = true;
	refused(fake, "hostpci0: mapping=gpu\n", &user,
		"ci@pve may not write it: Mapping.Use on /mapping/pci/gpu is missing");
	refused(fake, "hostpci0: mapping=gpu\n", &token, "Mapping.Use on /mapping/pci/gpu");
	user.mapping = (struct pt_names){only_gpu, 1};
	allowed(fake, "hostpci0: mapping=gpu\n", &user);
	user.hwtype = false;
	refused(fake, "hostpci0: mapping=gpu\n", &user, "VM.Config.HWType on the guest is missing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(addresses_are_for_root),
		MACHINE_TEST(a_mapping_needs_two_privileges),
	};

	return cmocka_run_group_tests_name("check-writer", tests, NULL, NULL);
}
