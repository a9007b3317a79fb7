// SPDX-License-Identifier: AGPL-3.0-or-later
/* Shared by the tests of phases: runs them on a simulated host. The shipped hook always works on
 * the running one. */
#ifndef PT_UNIT_PHASES_H
#define PT_UNIT_PHASES_H

#include "hook/phases.h"
#include "pve/check/check.h"
#include "pve/config/paths.h"
#include "tests/unit/unit.h"

#define GPU    "0000:01:00.0"
#define AUDIO  "0000:01:00.1"
#define DISK   "0000:02:00.0"
#define CONFIG "/etc/pve/nodes/node1/qemu-server/100.conf"
#define CLAIM  PT_CLAIMS_DIR "/guest/100.json"

/* Whether the guest has any record left. */
static inline bool has_claim(struct fake *fake, unsigned int vmid)
{
	struct pt_store PT_STORE *store = open_store(fake, PT_CLAIMS_DIR);

	return pt_store_has_guest(store, vmid);
}

static inline struct pt_run run_of(struct fake *fake)
{
	return (struct pt_run){.host = fake->host,
		.node = "node1",
		.vmid = 100,
		.limits = {.lock_ms = 100,
			.group_ms = 200,
			.write_ms = 30000,
			.phase_ms = 60000,
			.allowing = pt_check_allowing},
		.config_node = "node1",
		.api_ms = 300,
		.wait_ms = 200,
		.release_ms = 20000};
}

static inline int phase(struct fake *fake, const char *name)
{
	struct pt_run run = run_of(fake);

	free(fake->said);
	fake->said = strdup("");
	return pt_phase_find(name)(&run);
}

static inline bool has(struct fake *fake, const char *path)
{
	return pt_host_exists(fake->host, path);
}

static inline void run_guest(struct fake *fake)
{
	fake_file(fake, PT_PVE_RUN "/100.pid", "4242\n");
	process_4242(fake, KVM_OF("100"));
}

#endif
