// SPDX-License-Identifier: AGPL-3.0-or-later
/* Linked into a pve-pthook of tests in place of its pre-start and its supervisor (ld --wrap). As
 * the program's name says, the worker crashes after everything was taken ("dies"), or hangs past a
 * deadline ("hangs"), or waits a short time only, for the kernel ("hasty") or for a return that is
 * under way ("impatient"), or a long one for the API ("unhurried"). */
#include <errno.h>
#include <signal.h>

#include "hook/supervisor.h"

#define HANGS_MS     20000 /* beyond everything that comes before */
#define HASTY_MS     5000
#define IMPATIENT_MS 500
#define UNHURRIED_MS 60000

int __real_pt_phase_pre_start(const struct pt_run *run);
int __wrap_pt_phase_pre_start(const struct pt_run *run);
int __real_pt_supervise(const struct pt_supervised *supervised, int out);
int __wrap_pt_supervise(const struct pt_supervised *supervised, int out);

static bool is_called(const char *what)
{
	return strstr(program_invocation_short_name, what);
}

int __wrap_pt_phase_pre_start(const struct pt_run *run)
{
	struct pt_run hasty = *run;
	int result;

	if (is_called("hasty"))
		hasty.limits.write_ms = HASTY_MS;
	if (is_called("impatient"))
		hasty.wait_ms = IMPATIENT_MS;
	if (is_called("unhurried"))
		hasty.api_ms = UNHURRIED_MS;
	result = __real_pt_phase_pre_start(&hasty);
	if (is_called("dies"))
		raise(SIGSEGV);
	if (is_called("hangs"))
		pause();
	return result;
}

int __wrap_pt_supervise(const struct pt_supervised *supervised, int out)
{
	struct pt_supervised shorter = *supervised;

	if (is_called("hangs"))
		shorter.deadline_ms = HANGS_MS;
	return __real_pt_supervise(&shorter, out);
}
