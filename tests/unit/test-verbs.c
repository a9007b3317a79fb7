// SPDX-License-Identifier: AGPL-3.0-or-later
/* The verbs that change something: as shipped they work on the running host only. */
#include <fcntl.h>
#include <sys/file.h>

#include "pve/config/paths.h"
#include "pve/ptconf/ptconf.h"
#include "tests/unit/unit.h"

#define DISK "0000:02:00.0"

/* Returns the verb's output, the caller's; its exit code in ret. */
static char *run(struct fake *fake, pt_verb *verb, enum pt_output_format format, int *ret,
	struct pt_err *err)
{
	struct pt_cli cli = {.host = fake->host, .vmid = 100, .format = format, .root = "/"};
	PT_FREE char *path = pt_format("%s/out", fake->root);
	int out = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int kept = dup(STDOUT_FILENO);

	*err = (struct pt_err){0};
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	*ret = (int)verb(&cli, err);
	pt_node_close(cli.node);
	pt_store_close(cli.store);
	fflush(stdout);
	dup2(kept, STDOUT_FILENO);
	close(kept);
	close(out);
	return fake_read(fake, "/out");
}

static void assert_prints(
	struct fake *fake, pt_verb *verb, enum pt_output_format format, int code, const char *text)
{
	struct pt_err err;
	int result;
	char *printed = run(fake, verb, format, &result, &err);

	assert_string_equal(err.text, "");
	assert_int_equal(result, code);
	assert_string_equal(printed, text);
	free(printed);
}

static void assert_fails(struct fake *fake, pt_verb *verb, int code, const char *text)
{
	struct pt_err err;
	int result;
	char *printed = run(fake, verb, PT_OUTPUT_TEXT, &result, &err);

	assert_int_equal(result, code);
	assert_holds(err.text, text);
	assert_string_equal(printed, "");
	free(printed);
}

static void take(struct fake *fake)
{
	struct pt_handover handover = {.host = fake->host, .write_ms = 30000, .phase_ms = 60000};
	struct pt_claim PT_CLAIM claim = {0};

	save_claim(fake, PT_CLAIMS_DIR, 100, DISK, NULL);
	claim_function(fake, &claim, DISK);
	assert_int_equal(pt_handover_take(&handover, &claim, NULL), 0);
}

static void release_returns(void **state)
{
	struct fake *fake = *state;

	assert_prints(fake, pt_cmd_release, PT_OUTPUT_TEXT, 0, "guest 100 holds no device\n");
	take(fake);
	assert_prints(fake, pt_cmd_release, PT_OUTPUT_TEXT, 0, "guest 100: 1 function returned\n");
	assert_driver(fake, DISK, "nvme");
	assert_prints(fake, pt_cmd_release, PT_OUTPUT_TEXT, 0, "guest 100 holds no device\n");
	take(fake);
	assert_prints(fake, pt_cmd_release, PT_OUTPUT_JSON, 0, "{\"vmid\":100,\"returned\":1}\n");
	assert_driver(fake, DISK, "nvme");
}

static void release_tells_why_not(void **state)
{
	struct fake *fake = *state;

	take(fake);
	fake_file(fake, PT_PVE_RUN "/100.pid", "4242\n");
	process_4242(fake, KVM_OF("100"));
	assert_fails(fake, pt_cmd_release, 1,
		"guest 100 runs as process 4242 and uses its devices; stop it first");
	assert_driver(fake, DISK, "vfio-pci");
	fake_remove(fake, PT_PVE_RUN "/100.pid");
	fake_fault(fake, "bind-nvme", DISK, "5");
	assert_fails(fake, pt_cmd_release, 1, "1 function not returned: " DISK);
	fake_file(fake, PT_CLAIMS_DIR "/guest/100.json", "{\"version\":2}");
	assert_fails(fake, pt_cmd_release, 1, "claim of 100 is of a later version");
	fake_remove(fake, PT_CLAIMS_DIR);
	fake_file(fake, PT_CLAIMS_DIR, "no folder");
	assert_fails(fake, pt_cmd_release, 3, PT_CLAIMS_DIR ": Not a directory");
}

static void accept_writes_the_record(void **state)
{
	struct fake *fake = *state;
	char *record;

	assert_fails(fake, pt_cmd_accept, 3, "guest 100: there is no ");
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/100.conf",
		"hostpci0: 05:00.0\nhostpci1: 02:00.0\n");
	assert_prints(fake, pt_cmd_accept, PT_OUTPUT_TEXT, 0,
		"guest 100: 2 functions accepted as they are\n");
	record = fake_read(fake, PT_IDENTITY_DIR "/100.json");
	assert_holds(record, DISK);
	/* the companion is not the guest's */
	assert_lacks(record, "0000:05:01.0");
	free(record);
	assert_prints(fake, pt_cmd_accept, PT_OUTPUT_JSON, 0, "{\"vmid\":100,\"accepted\":2}\n");
	/* less than all is not taken for all */
	fake_file(fake, "/etc/pve/nodes/node1/qemu-server/100.conf",
		"hostpci0: 77:00.0\nhostpci1: 02:00.0\n");
	assert_fails(fake, pt_cmd_accept, 1,
		"hostpci0: there is no PCI device 77:00.0 on this host; fix that "
		"first");
	record = fake_read(fake, PT_IDENTITY_DIR "/100.json");
	assert_holds(record, "0000:05:00.0");
	free(record);
}

static void reconcile_counts(void **state)
{
	struct fake *fake = *state;

	assert_prints(fake, pt_cmd_reconcile, PT_OUTPUT_TEXT, 0, "0 claims returned, 0 not\n");
	take(fake);
	fake_fault(fake, "bind-nvme", DISK, "5");
	assert_prints(fake, pt_cmd_reconcile, PT_OUTPUT_TEXT, 1, "0 claims returned, 1 not\n");
	assert_holds(fake->said, "error: 1 function not returned: " DISK);
	fake_remove(fake, "/fault");
	assert_prints(fake, pt_cmd_reconcile, PT_OUTPUT_JSON, 0, "{\"returned\":1,\"failed\":0}\n");
	assert_driver(fake, DISK, "nvme");
	fake_remove(fake, PT_CLAIMS_DIR);
	fake_file(fake, PT_CLAIMS_DIR, "no folder");
	assert_fails(fake, pt_cmd_reconcile, 3, PT_CLAIMS_DIR ": Not a directory");
	assert_fails(fake, pt_cmd_claims, 3, PT_CLAIMS_DIR ": Not a directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(release_returns),
		MACHINE_TEST(release_tells_why_not),
		MACHINE_TEST(accept_writes_the_record),
		MACHINE_TEST(reconcile_counts),
	};

	return cmocka_run_group_tests_name("verbs", tests, NULL, NULL);
}
