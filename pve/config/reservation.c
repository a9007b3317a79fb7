// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <regex.h>
#include <time.h>

#include "pve/config/guest.h"
#include "pve/config/paths.h"
#include "pve/config/reservation.h"
#include "pve/config/runstate.h"

#define FILE_MAX (1024U * 1024)
#define LINE                                                                                       \
	"^(([a-f0-9]{4,}:)?[a-f0-9]{2}:[a-f0-9]{2}(\\.[a-f0-9])?)[ \t\v\f\r]([0-9]+)"              \
	"[ \t\v\f\r](time|pid):([0-9]+)$"
#define PART_ID	    1
#define PART_VMID   4
#define PART_KIND   5
#define PART_NUMBER 6
#define PARTS	    7

static struct pt_reservation *find(const struct pt_reservations *reservations, const char *id)
{
	pt_foreach (reservation, reservations->reservation, reservations->count) {
		if (pt_streq(reservation->id, id))
			return reservation;
	}
	return NULL;
}

const struct pt_reservation *pt_reservation_find(
	const struct pt_reservations *reservations, const char *id)
{
	return find(reservations, id);
}

static void take_line(
	struct pt_reservations *reservations, const char *line, const regmatch_t part[static PARTS])
{
	PT_FREE char *id = pt_strndup(
		line + part[PART_ID].rm_so, (size_t)(part[PART_ID].rm_eo - part[PART_ID].rm_so));
	int64_t number = strtoll(line + part[PART_NUMBER].rm_so, NULL, 10);
	bool is_pid = line[part[PART_KIND].rm_so] == 'p';
	struct pt_reservation *slot;

	slot = find(reservations, id); /* the last line of an id counts */
	if (!slot) {
		slot = pt_array_grow(
			&reservations->reservation, &reservations->count, sizeof(*slot));
		slot->id = PT_STEAL(id);
	}
	slot->vmid = strtoull(line + part[PART_VMID].rm_so, NULL, 10);
	slot->has_pid = is_pid;
	slot->pid = is_pid ? number : 0;
	slot->has_time = !is_pid;
	slot->time = is_pid ? 0 : number;
}

static int compare(const void *a, const void *b)
{
	const struct pt_reservation *x = a, *y = b;

	return strcmp(x->id, y->id);
}

void pt_reservations_parse(const char *text, struct pt_reservations *ret)
{
	struct pt_reservations PT_RESERVATIONS reservations = {0};
	PT_FREE char *copy = pt_strdup(text);
	regmatch_t part[PARTS];
	regex_t regex;
	char *line, *rest;

	if (regcomp(&regex, LINE, REG_EXTENDED) != 0)
		pt_out_of_memory();
	for (line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (regexec(&regex, line, PARTS, part, 0) == 0)
			take_line(&reservations, line, part);
	}
	regfree(&regex);
	if (reservations.count)
		qsort(reservations.reservation, reservations.count,
			sizeof(*reservations.reservation), compare);
	*ret = reservations;
	reservations = (struct pt_reservations){0};
}

int pt_reservations_read(
	const struct pt_host *host, struct pt_reservations *ret, struct pt_err *err)
{
	PT_FREE char *text = NULL;
	int r = pt_host_read(host, PT_PVE_PCI_RESERVATIONS, FILE_MAX, &text, NULL);

	if (r == -ENOENT) {
		*ret = (struct pt_reservations){0};
		return 0;
	}
	if (r < 0)
		return pt_err_errno(err, r, PT_PVE_PCI_RESERVATIONS);
	pt_reservations_parse(text, ret);
	return 0;
}

void pt_reservations_clear(struct pt_reservations *reservations)
{
	pt_foreach (reservation, reservations->reservation, reservations->count)
		free(reservation->id);
	free(reservations->reservation);
	*reservations = (struct pt_reservations){0};
}

enum pt_reservation_verdict pt_reservation_judge(const struct pt_reservation *reservation,
	unsigned long long vmid, int64_t now, int running_pid)
{
	if (!reservation || reservation->vmid == vmid)
		return PT_RESERVATION_FREE;
	if (reservation->has_time && reservation->time > now)
		return PT_RESERVATION_HELD;
	if (reservation->has_pid && running_pid && reservation->pid == running_pid)
		return PT_RESERVATION_IN_USE;
	return PT_RESERVATION_FREE;
}

enum pt_reservation_verdict pt_reservation_look(
	const struct pt_host *host, const struct pt_reservation *reservation, unsigned int vmid)
{
	char process[32];
	int pid = 0;

	if (!reservation || reservation->vmid > PT_VMID_MAX)
		return PT_RESERVATION_FREE;
	if (reservation->has_pid)
		pid = pt_guest_pid_in_file(host, (unsigned int)reservation->vmid);
	snprintf(process, sizeof(process), "/proc/%d", pid);
	if (pid && pt_host_look(host, process) == -ENOENT)
		pid = 0;
	return pt_reservation_judge(reservation, vmid, time(NULL), pid);
}
