// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "lib/linux/systemd.h"
#include "pve/handover/units.h"

#define LOOK_MS 2000

static void record_running(
	const struct pt_host *host, struct pt_claim *claim, const struct pt_names *units)
{
	pt_foreach (unit, units->name, units->count) {
		struct pt_err why = {0};
		bool active = false;

		if (pt_names_hold(&claim->unit, *unit))
			continue;
		if (pt_unit_order(host, *unit, PT_UNIT_LOOK, pt_now_ms() + LOOK_MS, &active, &why) <
			0)
			pt_log(pt_host_log(host), PT_LOG_WARNING, "stop-units: %s; skipped",
				why.text);
		else if (active)
			pt_names_add(&claim->unit, *unit);
	}
}

static void stop_one(const struct pt_host *host, const char *unit, int budget_ms)
{
	long long begin = pt_now_ms();
	struct pt_err err = {0};
	bool active = false;
	int r = pt_unit_order(host, unit, PT_UNIT_STOP, begin + budget_ms, &active, &err);

	if (r == 0 && !active)
		pt_log(pt_host_log(host), PT_LOG_INFO,
			"%s is stopped (%.2f s); it is started again when the devices are back",
			unit, (double)(pt_now_ms() - begin) / 1000);
	else
		pt_log(pt_host_log(host), PT_LOG_WARNING, "stop-units: %s%s",
			r < 0 ? err.text : unit, r < 0 ? "" : " was stopped, and runs again");
}

int pt_units_stop(const struct pt_host *host, const struct pt_claims *claims,
	struct pt_claim *claim, const struct pt_names *units, int budget_ms, bool *ret_any,
	struct pt_err *err)
{
	size_t before = claim->unit.count;
	int r = 0;

	record_running(host, claim, units);
	*ret_any = claim->unit.count > before;
	if (*ret_any)
		r = pt_claims_save(claims, claim, err);
	for (size_t i = before; r == 0 && i < claim->unit.count; i++)
		stop_one(host, claim->unit.name[i], budget_ms);
	return r;
}

void pt_units_start(const struct pt_host *host, struct pt_claim *claim, int budget_ms)
{
	for (size_t i = claim->unit.count; i-- > 0;) {
		const char *unit = claim->unit.name[i];
		struct pt_err err = {0};
		bool active = false;
		int r = pt_unit_order(
			host, unit, PT_UNIT_START, pt_now_ms() + budget_ms, &active, &err);

		/* a oneshot that has done its work is not active, and fine */
		if (r == 0)
			pt_log(pt_host_log(host), PT_LOG_INFO, "%s is started again%s", unit,
				active ? "" : ", and has ended");
		else
			pt_log(pt_host_log(host), PT_LOG_ERROR,
				"%s could not be started again: %s; see 'systemctl status %s'",
				unit, err.text, unit);
	}
	pt_names_free(&claim->unit);
	claim->unit = (struct pt_names){0};
}
