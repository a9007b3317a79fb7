// SPDX-License-Identifier: AGPL-3.0-or-later
/* The records from which everything returns: where a function was, a guest's wishes, which units
 * were stopped. A function's and its guest's together are the guest's claim. store.h has their
 * files. */
#ifndef PT_RECORDS_H
#define PT_RECORDS_H

#include <stdint.h>

#include "lib/claim/origin.h"

enum pt_role {
	PT_ROLE_CANDIDATE, /* recorded, and not taken: another alternative may be chosen */
	PT_ROLE_TAKEN,
	PT_ROLE_COMPANION, /* shares the IOMMU group of a function that is taken */
};
#define PT_ROLES (PT_ROLE_COMPANION + 1)
extern const char *const pt_role_name[PT_ROLES];

/* A function that a guest wants or has. */
struct pt_wish {
	struct pt_bdf bdf;
	char *entry; /* that names it: "hostpci0" */
	enum pt_role role;
	char *driver; /* the vfio driver that it is taken to; NULL: vfio-pci */
	char *home;   /* where local policy sends it after a run, "" for no driver; NULL: origin */
	int group;    /* its IOMMU group now; not in the record */
};

#define PT_START_TEXT 20

enum pt_guest_state {
	PT_GUEST_WANTS,	 /* no function of it returns */
	PT_GUEST_ENDED,	 /* it ran: its functions go where local policy sends them */
	PT_GUEST_UNDONE, /* it never ran: they go to their origins */
};

struct pt_guest_record {
	unsigned int vmid;
	char start[PT_START_TEXT]; /* one name for each start; "" in memory: unknown */
	int64_t since;		   /* seconds since 1970 */
	bool ran;
	bool for_backup;      /* a backup started it, and nothing starts it again */
	bool watched;	      /* it has a watch, which ends it if it never runs */
	struct pt_wish *wish; /* in order of address, each once */
	size_t count;
	/* not in the record: */
	enum pt_guest_state state;
	bool unreadable; /* it wants everything, and has taken nothing that is known */
	bool older;	 /* a claim of an older version, that was not taken over yet */
};

/* A VF, and where it was before its PF left its driver. */
struct pt_vf_record {
	struct pt_bdf bdf;
	struct pt_origin origin;
};

/* Where a function was before a guest wanted it, and why it is not back there. */
struct pt_function_record {
	struct pt_bdf bdf;
	char vendor[PT_PCI_ID_TEXT], device[PT_PCI_ID_TEXT]; /* as in struct pt_function */
	int64_t since;
	struct pt_origin origin;
	struct pt_vf_record *vf; /* of a PF */
	size_t vf_count;
	char *home;  /* where local policy keeps it; NULL: it is to return */
	char *error; /* why it could not return; NULL: all is well */
	int64_t error_since;
	bool unreadable; /* not in the record: only bdf is known */
};

/* A unit of systemd that runs again when its functions are back. */
struct pt_unit_record {
	char *unit;
	int64_t order; /* the last stopped has the highest */
	struct pt_bdf *bdf;
	size_t count;
};

/* All records, as they were at one time. */
struct pt_records {
	struct pt_function_record *function; /* in order of address */
	size_t count;
	struct pt_guest_record *guest; /* the oldest first */
	size_t guest_count;
	struct pt_unit_record *unit;
	size_t unit_count;
	struct pt_err err;   /* why not all could be read; code 0: they could */
	bool guests_unknown; /* the wishes of guests cannot be read */
};

void pt_function_record_clear(struct pt_function_record *record);
void pt_guest_record_clear(struct pt_guest_record *record);
void pt_unit_record_clear(struct pt_unit_record *record);
void pt_records_clear(struct pt_records *records);
#define PT_FUNCTION_RECORD PT_CLEANUP(pt_function_record_clear)
#define PT_GUEST_RECORD	   PT_CLEANUP(pt_guest_record_clear)
#define PT_UNIT_RECORD	   PT_CLEANUP(pt_unit_record_clear)
#define PT_RECORDS	   PT_CLEANUP(pt_records_clear)

/* Adds a wish, or finds it, and sets its entry. The pointer is good until the next add. */
struct pt_wish *pt_wish_add(
	struct pt_guest_record *record, const struct pt_bdf *bdf, const char *entry);
void pt_wish_remove(struct pt_guest_record *record, const struct pt_bdf *bdf);

/* NULL: none. */
struct pt_wish *pt_wish_find(const struct pt_guest_record *record, const struct pt_bdf *bdf);
struct pt_function_record *pt_records_function(
	const struct pt_records *records, const struct pt_bdf *bdf);
/* The guest that wants something; NULL: it wants nothing. */
struct pt_guest_record *pt_records_guest(const struct pt_records *records, unsigned int vmid);
/* The record of the PF that has the VF on its list. */
struct pt_function_record *pt_records_pf(const struct pt_records *records, const struct pt_bdf *vf);

/* The record of a unit; NULL: none. */
struct pt_unit_record *pt_records_unit(const struct pt_records *records, const char *unit);
/* Adds functions that the unit is to wait for, each once. */
void pt_unit_add(struct pt_unit_record *unit, const struct pt_bdf *bdf, size_t count);

/* Whether text can name a start. */
bool pt_start_valid(const char *text);

/* Puts functions and guests into their order. */
void pt_records_sort(struct pt_records *records);

/* Whether policy keeps the function where it is, and no guest has had it since. */
bool pt_records_kept(const struct pt_records *records, const struct pt_function_record *record);

/* Whether the device at the address is the one that is on record, as far as can be seen. */
bool pt_function_is_recorded(const struct pt_host *host, const struct pt_function_record *record);

/* Reads the IOMMU group of each wish. */
void pt_records_learn_groups(const struct pt_host *host, struct pt_records *records);

/* The first guest but one that wants a function of the IOMMU group, or the function itself; taken:
 * only one that has taken it. NULL: nobody. Groups must be known. */
const struct pt_guest_record *pt_records_wanted(const struct pt_records *records,
	const struct pt_bdf *bdf, int group, unsigned int but, bool taken);

/* The last guest that had the function and wants nothing any more, and its wish: one that had taken
 * it, before any that had it as a candidate. NULL: none. */
const struct pt_guest_record *pt_records_last(const struct pt_records *records,
	const struct pt_bdf *bdf, const struct pt_wish **ret_wish);

/* A driver's name, which becomes part of a path; "" stands for none. And the name of a unit. */
extern const struct pt_form pt_driver_form, pt_unit_form;

extern const struct pt_record pt_function_file, pt_guest_file, pt_unit_file;

#endif
