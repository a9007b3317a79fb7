// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Linked into a pve-pthook of tests in place of its pre-start and its supervisor (ld --wrap): after
 * everything was taken the worker crashes, or hangs past a short deadline, as the program's name says.
 */
#include <errno.h>
#include <signal.h>

#include "hook/supervisor.h"

#define SHORT_MS 6000

int __real_pt_phase_pre_start(const struct pt_run *run);
int __wrap_pt_phase_pre_start(const struct pt_run *run);
int __real_pt_supervise(const struct pt_supervised *supervised, int out);
int __wrap_pt_supervise(const struct pt_supervised *supervised, int out);

int __wrap_pt_phase_pre_start(const struct pt_run *run)
{
	int result = __real_pt_phase_pre_start(run);

	if (strstr(program_invocation_short_name, "dies"))
		raise(SIGSEGV);
	if (strstr(program_invocation_short_name, "hangs"))
		pause();
	return result;
}

int __wrap_pt_supervise(const struct pt_supervised *supervised, int out)
{
	struct pt_supervised impatient = *supervised;

	impatient.deadline_ms = SHORT_MS;
	return __real_pt_supervise(&impatient, out);
}
