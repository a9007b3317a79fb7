// SPDX-License-Identifier: AGPL-3.0-or-later
/* Units of systemd that local policy stops before a guest takes its devices ('stop-units') and that
 * run again when the devices are back. The running ones are on record before they are stopped. */
#ifndef PT_UNITS_H
#define PT_UNITS_H

#include "lib/claim/store.h"

/* Stops the running ones of the units for the functions, each within budget_ms, and logs each with
 * its time. The guest's record must be written: else they start again at once. ret_any: one was
 * stopped, so facts are old. An unknown or stubborn unit is a warning: the checks find its uses. An
 * error: a unit could not be recorded, and was not stopped. */
int pt_units_stop(const struct pt_host *host, const struct pt_store *store,
	const struct pt_names *units, const struct pt_bdf *bdf, size_t count, int budget_ms,
	bool *ret_any, struct pt_err *err);

/* Starts each unit of the records again whose functions are back and wanted by nobody, the last
 * stopped first, and removes its record, unless systemd cannot be asked. Warns about a unit that
 * does not start. */
void pt_units_start(const struct pt_host *host, const struct pt_store *store,
	const struct pt_records *records, int budget_ms);

#endif
