// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/base/durable.h"
#include "lib/claim/older.h"
#include "lib/claim/store.h"

#define SUFFIX	    ".json"
#define RECORD_MAX  (4U * 1024 * 1024)
#define NAME_TEXT   280
#define BOOT_KEY    "boot"
#define VERSION_KEY "version"

enum folder { FUNCTION, GUEST, ENDED, UNDONE, UNIT, HOLD, LOCK, FOLDERS };

static const char *const folder_name[] = {
	[FUNCTION] = "function",
	[GUEST] = "guest",
	[ENDED] = "ended",
	[UNDONE] = "undone",
	[UNIT] = "unit",
	[HOLD] = "hold",
	[LOCK] = "lock",
};

struct pt_store {
	struct pt_host *gate; /* to dir */
	int folder[FOLDERS];  /* -1: there is none */
	int older, older_locks;
	char *dir;  /* for messages */
	char *boot; /* id of this boot; "": unknown */
	bool writes;
};

/* Opens a folder of the records. A captured host is anybody's, and only looked at. */
static int open_folder(
	const struct pt_host *host, const char *path, bool writes, struct pt_err *err)
{
	int r;

	if (writes || pt_host_is_live(host))
		return pt_host_open_private(host, path, err);
	r = pt_host_openat(host, path, O_RDONLY | O_DIRECTORY);
	return r < 0 ? pt_err_errno(err, r, "%s", path) : r;
}

/* The same, and makes it if it is not there. */
static int make_folder(const struct pt_host *host, const char *path, struct pt_err *err)
{
	int r = open_folder(host, path, true, err);

	if (r != -ENOENT)
		return r;
	r = pt_host_make_dir(host, path);
	return r < 0 ? pt_err_errno(err, r, "%s", path) : open_folder(host, path, true, err);
}

/* Opens one of them below dir. -1: there is none, and nobody writes. */
static int open_below(const struct pt_store *store, const struct pt_host *host, const char *name,
	bool make, int *ret, struct pt_err *err)
{
	PT_FREE char *path = pt_format("%s/%s", store->dir, name);

	*ret = make ? make_folder(host, path, err) : open_folder(host, path, store->writes, err);
	return *ret == -ENOENT && !make ? 0 : *ret;
}

static int open_all(struct pt_store *store, const struct pt_host *host, struct pt_err *err)
{
	struct pt_err none = {0};
	int r = 0;

	for (int i = 0; r >= 0 && i < FOLDERS; i++)
		r = open_below(store, host, folder_name[i], store->writes, &store->folder[i], err);
	/* those of older claims are never made */
	if (r >= 0)
		r = open_below(store, host, "claims", false, &store->older, err);
	if (r >= 0)
		r = open_below(store, host, "work", false, &store->older_locks, err);
	if (r >= 0 && err)
		*err = none;
	return r < 0 ? r : 0;
}

int pt_store_open(struct pt_store **ret, const struct pt_host *host, const char *dir, bool create,
	struct pt_err *err)
{
	struct pt_store PT_STORE *store = NULL;
	PT_CLOSE int root = -1;
	int r = root = create ? make_folder(host, dir, err) : open_folder(host, dir, false, err);

	if (r < 0)
		return r;
	store = pt_calloc(1, sizeof(*store));
	for (int i = 0; i < FOLDERS; i++)
		store->folder[i] = -1;
	store->older = store->older_locks = -1;
	store->dir = pt_strdup(dir);
	store->writes = create;
	r = pt_host_read_line(host, "/proc/sys/kernel/random/boot_id", &store->boot);
	if (r < 0 && pt_host_is_live(host))
		return pt_err_errno(err, r, "id of this boot");
	if (r < 0)
		store->boot = pt_strdup("");
	r = open_all(store, host, err);
	if (r == 0) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/self/fd/%d", root);
		r = pt_host_open(&store->gate, path, NULL, err);
	}
	if (r < 0)
		return r;
	*ret = PT_STEAL(store);
	return 0;
}

void pt_store_close(struct pt_store *store)
{
	if (!store)
		return;
	pt_host_close(store->gate);
	for (int i = 0; i < FOLDERS; i++)
		pt_close_fd(&store->folder[i]);
	pt_close_fd(&store->older);
	pt_close_fd(&store->older_locks);
	free(store->dir);
	free(store->boot);
	free(store);
}

void pt_store_close_p(struct pt_store **store)
{
	pt_store_close(PT_STEAL(*store));
}

const char *pt_store_dir(const struct pt_store *store)
{
	return store->dir;
}

int pt_store_locks(const struct pt_store *store)
{
	return store->folder[LOCK];
}

int pt_store_older(const struct pt_store *store, int *ret_locks)
{
	*ret_locks = store->older_locks;
	return store->older;
}

/* A kind of records: its table, and how its memory is freed. */
struct kind {
	const char *what; /* for messages */
	const struct pt_record *table;
	void (*clear)(void *record);
};

static void clear_function(void *record)
{
	pt_function_record_clear(record);
}

static void clear_guest(void *record)
{
	pt_guest_record_clear(record);
}

static void clear_unit(void *record)
{
	pt_unit_record_clear(record);
}

static const struct kind kinds[] = {
	[FUNCTION] = {"record of function", &pt_function_file, clear_function},
	[GUEST] = {"claim of", &pt_guest_file, clear_guest},
	[ENDED] = {"ended claim", &pt_guest_file, clear_guest},
	[UNDONE] = {"undone claim", &pt_guest_file, clear_guest},
	[UNIT] = {"record of unit", &pt_unit_file, clear_unit},
};

/* Fills ret from a text of length bytes. -ESTALE: of another boot. */
static int parse(const struct pt_store *store, const struct kind *kind, const char *text,
	size_t length, void *ret, struct pt_err *err)
{
	struct json_object PT_JSON *json = pt_json_parse(text, length, err);
	struct json_object *boot = json_object_object_get(json, BOOT_KEY);
	int r;

	if (!json)
		return -EINVAL;
	if (!json_object_is_type(boot, json_type_string))
		return pt_err_set(err, -EINVAL, "\"" BOOT_KEY "\" is no string");
	if (*store->boot && *json_object_get_string(boot) &&
		!pt_streq(json_object_get_string(boot), store->boot))
		return pt_err_set(err, -ESTALE, "it is of another boot");
	r = pt_record_from_json(kind->table, json, ret, err);
	if (r < 0)
		kind->clear(ret);
	return r;
}

/* Whether the text is of a later version, which is no damage. */
static bool is_newer(const struct kind *kind, const char *text, size_t length)
{
	struct json_object PT_JSON *json = pt_json_parse(text, length, NULL);
	struct json_object *version = json_object_object_get(json, VERSION_KEY);

	return json_object_is_type(version, json_type_int) &&
	       json_object_get_int64(version) > kind->table->version;
}

/* Reads a record into ret, which is zeroed. -ENOENT, without a sentence: there is none. */
static int load(const struct pt_store *store, enum folder folder, const char *name, void *ret,
	struct pt_err *err)
{
	const struct kind *kind = &kinds[folder];
	PT_FREE char *path = pt_format("/%s/%s" SUFFIX, folder_name[folder], name);
	PT_FREE char *text = NULL;
	size_t length;
	int r = pt_host_read(store->gate, path, RECORD_MAX, &text, &length);

	if (r == -ENOENT)
		return r;
	if (r < 0)
		return pt_err_errno(err, r, "%s %s", kind->what, name);
	r = parse(store, kind, text, length, ret, err);
	if (r == -ESTALE) {
		if (store->writes)
			unlinkat(store->folder[folder], strrchr(path, '/') + 1, 0);
		return -ENOENT;
	}
	if (r == 0)
		return 0;
	if (is_newer(kind, text, length))
		return pt_err_set(err, -EOPNOTSUPP,
			"%s %s is of a later version of this program, which must return it",
			kind->what, name);
	pt_err_wrap(err, "%s %s is damaged (bind its devices by hand, then remove %s%s)",
		kind->what, name, store->dir, path);
	return -EINVAL;
}

static int save(const struct pt_store *store, enum folder folder, const char *name,
	const void *record, struct pt_err *err)
{
	const struct kind *kind = &kinds[folder];
	struct json_object PT_JSON *json = pt_record_to_json(kind->table, record);
	PT_FREE char *again = NULL;
	PT_FREE char *file = pt_format("%s" SUFFIX, name);
	const char *text;
	int r;

	pt_json_add_text(json, BOOT_KEY, store->boot);
	text = pt_json_print(json, JSON_C_TO_STRING_PLAIN);
	again = pt_calloc(1, kind->table->size);
	/* everything returns from it: it must be readable */
	r = parse(store, kind, text, strlen(text), again, err);
	if (r == 0 && strlen(text) > RECORD_MAX)
		r = pt_err_set(err, -EFBIG, "it is too large");
	if (r == 0)
		kind->clear(again);
	if (r < 0)
		return pt_err_wrap(err, "write %s %s", kind->what, name);
	r = pt_durable_write(store->folder[LOCK], store->folder[folder], file, text);
	return r < 0 ? pt_err_errno(err, r, "write %s %s", kind->what, name) : 0;
}

static int forget(
	const struct pt_store *store, enum folder folder, const char *name, struct pt_err *err)
{
	PT_FREE char *file = pt_format("%s" SUFFIX, name);

	if ((unlinkat(store->folder[folder], file, 0) < 0 && errno != ENOENT) ||
		fsync(store->folder[folder]) < 0)
		return pt_err_errno(err, -errno, "remove %s %s", kinds[folder].what, name);
	return 0;
}

static const char *name_of_guest(unsigned int vmid, char text[static NAME_TEXT])
{
	snprintf(text, NAME_TEXT, "%u", vmid);
	return text;
}
#define GUEST_NAME(vmid) name_of_guest((vmid), (char[NAME_TEXT]){0})

static const char *name_of_end(const struct pt_guest_record *record, char text[static NAME_TEXT])
{
	snprintf(text, NAME_TEXT, "%u-%s", record->vmid, record->start);
	return text;
}
#define END_NAME(record) name_of_end((record), (char[NAME_TEXT]){0})

int pt_function_load(const struct pt_store *store, const struct pt_bdf *bdf,
	struct pt_function_record *ret, struct pt_err *err)
{
	int r = load(store, FUNCTION, PT_BDF(bdf), ret, err);

	if (r == 0 && pt_bdf_compare(&ret->bdf, bdf) != 0)
		r = pt_err_set(err, -EINVAL, "record of function %s belongs to %s", PT_BDF(bdf),
			PT_BDF(&ret->bdf));
	return r;
}

int pt_guest_load(const struct pt_store *store, unsigned int vmid, struct pt_guest_record *ret,
	struct pt_err *err)
{
	int r = load(store, GUEST, GUEST_NAME(vmid), ret, err);

	if (r == 0 && ret->vmid != vmid)
		r = pt_err_set(err, -EINVAL, "claim of %u belongs to %u", vmid, ret->vmid);
	return r;
}

int pt_function_save(
	const struct pt_store *store, const struct pt_function_record *record, struct pt_err *err)
{
	return save(store, FUNCTION, PT_BDF(&record->bdf), record, err);
}

int pt_guest_save(
	const struct pt_store *store, const struct pt_guest_record *record, struct pt_err *err)
{
	return save(store, GUEST, GUEST_NAME(record->vmid), record, err);
}

int pt_unit_save(
	const struct pt_store *store, const struct pt_unit_record *record, struct pt_err *err)
{
	return save(store, UNIT, record->unit, record, err);
}

int pt_function_forget(const struct pt_store *store, const struct pt_bdf *bdf, struct pt_err *err)
{
	return forget(store, FUNCTION, PT_BDF(bdf), err);
}

int pt_unit_forget(const struct pt_store *store, const char *unit, struct pt_err *err)
{
	return forget(store, UNIT, unit, err);
}

static enum folder folder_of(enum pt_guest_state state)
{
	return state == PT_GUEST_ENDED ? ENDED : UNDONE;
}

int pt_guest_end(const struct pt_store *store, const struct pt_guest_record *record,
	enum pt_guest_state state, struct pt_err *err)
{
	enum folder to = folder_of(state);
	PT_FREE char *from = pt_format("%u" SUFFIX, record->vmid);
	PT_FREE char *name = pt_format("%s" SUFFIX, END_NAME(record));

	pt_store_end_hold(store, record->vmid);
	if (record->unreadable)
		return forget(store, GUEST, GUEST_NAME(record->vmid), err);
	/* two names of one file stay both: the last start was kept, and no new one was written */
	if (renameat(store->folder[GUEST], from, store->folder[to], name) < 0 ||
		(unlinkat(store->folder[GUEST], from, 0) < 0 && errno != ENOENT) ||
		fsync(store->folder[to]) < 0 || fsync(store->folder[GUEST]) < 0)
		return pt_err_errno(err, -errno, "end the claim of %u", record->vmid);
	return 0;
}

int pt_guest_keep_last(const struct pt_store *store, const struct pt_guest_record *record,
	enum pt_guest_state state, struct pt_err *err)
{
	enum folder to = folder_of(state);
	PT_FREE char *from = pt_format("%u" SUFFIX, record->vmid);
	PT_FREE char *name = pt_format("%s" SUFFIX, END_NAME(record));

	if (record->unreadable)
		return 0;
	if (linkat(store->folder[GUEST], from, store->folder[to], name, 0) < 0 && errno != EEXIST)
		return pt_err_errno(err, -errno, "keep the last claim of %u", record->vmid);
	return fsync(store->folder[to]) < 0
		       ? pt_err_errno(err, -errno, "keep the last claim of %u", record->vmid)
		       : 0;
}

int pt_guest_forget(
	const struct pt_store *store, const struct pt_guest_record *record, struct pt_err *err)
{
	return forget(store, folder_of(record->state), END_NAME(record), err);
}

/* The records of a folder, without their suffix. */
static int list(const struct pt_store *store, enum folder folder, struct pt_names *ret)
{
	PT_FREE char *path = pt_format("/%s", folder_name[folder]);
	struct pt_names PT_NAMES names = {0};
	int r = pt_host_list(store->gate, path, &names);

	if (r == -ENOENT)
		return 0;
	pt_foreach (name, names.name, names.count) {
		if (!pt_ends_with(*name, SUFFIX))
			continue;
		(*name)[strlen(*name) - strlen(SUFFIX)] = '\0';
		pt_names_add(ret, *name);
	}
	return r;
}

/* Keeps the first error. */
static void note(struct pt_records *records, const struct pt_err *err)
{
	if (!records->err.code)
		records->err = *err;
}

static void read_function(
	const struct pt_store *store, const char *name, struct pt_records *records)
{
	struct pt_function_record record = {0};
	struct pt_err err = {0};
	struct pt_bdf bdf;
	int r;

	if (!pt_bdf_parse(name, &bdf))
		return;
	r = pt_function_load(store, &bdf, &record, &err);
	if (r == -ENOENT)
		return;
	if (r < 0) {
		note(records, &err);
		pt_function_record_clear(&record);
		record = (struct pt_function_record){.bdf = bdf, .unreadable = true};
		pt_set_text(&record.error, err.text);
	}
	*(struct pt_function_record *)pt_array_grow(
		&records->function, &records->count, sizeof(record)) = record;
}

static bool parse_vmid(const char *name, unsigned int *ret)
{
	size_t length = strspn(name, "0123456789");

	if (!length || length > 9 || name[length])
		return false;
	*ret = (unsigned int)strtoul(name, NULL, 10);
	return true;
}

static void read_guest(const struct pt_store *store, const char *name, struct pt_records *records)
{
	struct pt_guest_record record = {0};
	struct pt_err err = {0};
	unsigned int vmid;
	int r;

	if (!parse_vmid(name, &vmid))
		return;
	r = pt_guest_load(store, vmid, &record, &err);
	if (r == -ENOENT)
		return;
	if (r < 0) {
		note(records, &err);
		pt_guest_record_clear(&record);
		record = (struct pt_guest_record){.vmid = vmid, .unreadable = true};
	}
	*(struct pt_guest_record *)pt_array_grow(
		&records->guest, &records->guest_count, sizeof(record)) = record;
}

/* One that has ended and cannot be read is of no use, and no harm. */
static void read_end(const struct pt_store *store, enum folder folder, const char *name,
	struct pt_records *records)
{
	struct pt_guest_record record = {0};
	char own[NAME_TEXT];
	int r = load(store, folder, name, &record, NULL);

	if (r == 0 && !pt_streq(name_of_end(&record, own), name)) {
		pt_guest_record_clear(&record);
		r = -EINVAL;
	}
	if (r == -EINVAL && store->writes)
		forget(store, folder, name, NULL);
	if (r < 0)
		return;
	record.state = folder == ENDED ? PT_GUEST_ENDED : PT_GUEST_UNDONE;
	*(struct pt_guest_record *)pt_array_grow(
		&records->guest, &records->guest_count, sizeof(record)) = record;
}

static void read_unit(const struct pt_store *store, const char *name, struct pt_records *records)
{
	struct pt_unit_record record = {0};
	struct pt_err err = {0};
	int r = load(store, UNIT, name, &record, &err);

	if (r < 0 && r != -ENOENT)
		note(records, &err);
	if (r < 0)
		return;
	*(struct pt_unit_record *)pt_array_grow(
		&records->unit, &records->unit_count, sizeof(record)) = record;
}

static void read_folder(
	const struct pt_store *store, enum folder folder, struct pt_records *records)
{
	struct pt_names PT_NAMES names = {0};
	struct pt_err err = {0};
	int r = list(store, folder, &names);

	if (r < 0) {
		pt_err_fill_errno(&err, r, "list %s/%s", store->dir, folder_name[folder]);
		note(records, &err);
		records->guests_unknown |= folder == GUEST;
	}
	pt_foreach (name, names.name, names.count) {
		if (folder == FUNCTION)
			read_function(store, *name, records);
		else if (folder == GUEST)
			read_guest(store, *name, records);
		else if (folder == UNIT)
			read_unit(store, *name, records);
		else
			read_end(store, folder, *name, records);
	}
}

void pt_records_read(const struct pt_store *store, struct pt_records *ret)
{
	static const enum folder folders[] = {GUEST, ENDED, UNDONE, FUNCTION, UNIT};
	struct pt_records records = {0};
	struct pt_records older = {0};

	/* first: one that is taken over meanwhile is seen as a record then */
	if (store)
		pt_older_read(store, &older);
	for (size_t i = 0; store && i < PT_ARRAY_SIZE(folders); i++)
		read_folder(store, folders[i], &records);
	pt_older_add(&older, &records);
	pt_records_sort(&records);
	*ret = records;
}

static bool has_end(const struct pt_store *store, enum folder folder, unsigned int vmid)
{
	struct pt_names PT_NAMES names = {0};
	PT_FREE char *begin = pt_format("%u-", vmid);

	list(store, folder, &names);
	pt_foreach (name, names.name, names.count) {
		if (pt_starts_with(*name, begin))
			return true;
	}
	return false;
}

bool pt_store_has_guest(const struct pt_store *store, unsigned int vmid)
{
	PT_FREE char *path = pt_format("/guest/%u" SUFFIX, vmid);

	return pt_host_exists(store->gate, path) || has_end(store, ENDED, vmid) ||
	       has_end(store, UNDONE, vmid) || pt_older_has(store, vmid);
}

/* The age of this file is the time for which the guest is on hold. */
int pt_store_hold(const struct pt_store *store, unsigned int vmid)
{
	PT_CLOSE int fd = openat(store->folder[HOLD], GUEST_NAME(vmid),
		O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	return fd < 0 || futimens(fd, NULL) < 0 ? -errno : 0;
}

bool pt_store_on_hold(const struct pt_store *store, unsigned int vmid, int seconds)
{
	struct stat st;

	return store &&
	       fstatat(store->folder[HOLD], GUEST_NAME(vmid), &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       llabs(time(NULL) - st.st_mtime) < seconds;
}

void pt_store_end_hold(const struct pt_store *store, unsigned int vmid)
{
	unlinkat(store->folder[HOLD], GUEST_NAME(vmid), 0);
}
