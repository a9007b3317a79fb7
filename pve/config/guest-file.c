// SPDX-License-Identifier: AGPL-3.0-or-later
/* Guest configs as text. Source: qemu-server, QemuServer.pm, parse_vm_config. */
#include <ctype.h>
#include <errno.h>

#include "lib/base/json.h"
#include "pve/config/guest.h"
#include "pve/config/hostpci.h"
#include "pve/config/paths.h"

enum section {
	SECTION_CURRENT,
	SECTION_PENDING,
	SECTION_WANTED_SNAPSHOT,
	SECTION_OTHER,
};

struct piece {
	const char *text;
	size_t length;
};

struct reader {
	const struct pt_guest_query *query;
	struct pt_guest *guest;
	enum section section;
	size_t pending;		 /* sections to come: the last one counts */
	struct piece deleted;	 /* keys that the pending section removes */
	struct json_object *set; /* keys that it sets; borrowed */
	bool seen_snapshot;
};

static struct piece trim(const char *text, size_t length)
{
	while (length && isspace((unsigned char)*text)) {
		text++;
		length--;
	}
	while (length && isspace((unsigned char)text[length - 1]))
		length--;
	return (struct piece){text, length};
}

/* "[name]", white space allowed behind it. */
static bool section_header(const char *line, size_t length, struct piece *ret)
{
	struct piece whole = trim(line, length);

	if (whole.text != line || whole.length < 3 || line[0] != '[' ||
		memchr(line, ']', whole.length) != line + whole.length - 1)
		return false;
	*ret = (struct piece){line + 1, whole.length - 2};
	return true;
}

const char *pt_config_line(const char **at, size_t *ret_length)
{
	const char *line = *at;
	struct piece section;

	*ret_length = strcspn(line, "\n");
	if (!*line || section_header(line, *ret_length, &section))
		return NULL;
	*at = line + *ret_length + (line[*ret_length] == '\n');
	return line;
}

static bool piece_is(struct piece piece, const char *text, bool any_case)
{
	if (piece.length != strlen(text))
		return false;
	return any_case ? strncasecmp(piece.text, text, piece.length) == 0
			: memcmp(piece.text, text, piece.length) == 0;
}

static void enter_section(struct reader *reader, struct piece name)
{
	const struct pt_guest_query *query = reader->query;

	reader->section = SECTION_OTHER;
	if (piece_is(name, "PENDING", true)) {
		reader->section = --reader->pending ? SECTION_OTHER : SECTION_PENDING;
	} else if (query->view == PT_VIEW_SNAPSHOT && piece_is(name, query->snapshot, false)) {
		reader->section = SECTION_WANTED_SNAPSHOT;
		reader->seen_snapshot = true;
	}
}

/* Whether the lines of the section count for the view that is asked for. */
static bool counts(const struct reader *reader)
{
	switch (reader->section) {
	case SECTION_CURRENT:
		return reader->query->view != PT_VIEW_SNAPSHOT;
	case SECTION_PENDING:
		return reader->query->view == PT_VIEW_NEXT;
	case SECTION_WANTED_SNAPSHOT:
		return true;
	case SECTION_OTHER:
		break;
	}
	return false;
}

/* Length of a key "[a-z][a-z_-]*[0-9]*" followed by ":", or 0. */
static size_t key_length(const char *line, size_t length)
{
	size_t at = 0;

	if (!length || !islower((unsigned char)line[0]))
		return 0;
	while (at < length &&
		(islower((unsigned char)line[at]) || line[at] == '_' || line[at] == '-'))
		at++;
	while (at < length && isdigit((unsigned char)line[at]))
		at++;
	return at < length && line[at] == ':' ? at : 0;
}

#define MARK	    "\xef\xbb\xbf" /* byte order mark, in UTF-8 */
#define ENTRY	    "hostpci"
#define ANY_ENTRIES "there are " ENTRY "0 to " ENTRY "15"

/* No key of Proxmox VE has letters beyond ASCII, but a text that is copied from a page may have
 * some that nobody sees. */
static bool is_beyond_ascii(char byte)
{
	return (unsigned char)byte >= 0x80;
}

/* Skips white space, quotes and letters beyond ASCII. */
static size_t skip_odd(const char *line, size_t length, size_t at)
{
	while (at < length && (isspace((unsigned char)line[at]) || line[at] == '"' ||
				      line[at] == '\'' || is_beyond_ascii(line[at])))
		at++;
	return at;
}

/* Skips these, and the signs of a list, a quotation or a difference; not those of a comment. */
static size_t skip_before(const char *line, size_t length, size_t at)
{
	while (at < length && !isalnum((unsigned char)line[at]) &&
		(!line[at] || !strchr("#;/[", line[at])))
		at++;
	return at;
}

/* Whether a colon, or what somebody wrote for one, stands there; one beyond ASCII is skipped. */
static bool ends_key(const char *line, size_t length, size_t at)
{
	return at < length && (line[at] == ':' || line[at] == '=' || line[at] == ';' ||
				      (line[at] == '-' && at + 1 < length && line[at + 1] == '>'));
}

/* How many letters have to be added, left out or replaced to make one word of the other; words of
 * less than 16 letters. */
static size_t distance(const char *one, const char *other)
{
	size_t row[16], columns = strlen(other);

	for (size_t i = 0; i <= columns; i++)
		row[i] = i;
	for (size_t at = 1; *one; one++, at++) {
		size_t before = row[0];

		row[0] = at;
		for (size_t i = 1; i <= columns; i++) {
			size_t best = before + (*one != other[i - 1]);

			before = row[i];
			if (row[i] + 1 < best)
				best = row[i] + 1;
			if (row[i - 1] + 1 < best)
				best = row[i - 1] + 1;
			row[i] = best;
		}
	}
	return row[columns];
}

/* A key that a hand may have meant as hostpciN: "hostpcie0", "host_pci0", "hostpc0", "pci0". NULL:
 * it is none. */
static const char *explain_near(const char *line, size_t length, int *ret_index, size_t *ret_at)
{
	char word[16] = "";
	size_t letters = 0, at = 0, digits;
	PT_FREE char *key = NULL;

	for (; at < length && line[at] &&
		(isalpha((unsigned char)line[at]) || strchr("_-", line[at]) ||
			is_beyond_ascii(line[at]) ||
			(line[at] == ' ' && letters == strlen("host")));
		at++) {
		if (isalpha((unsigned char)line[at]) && letters < sizeof(word) - 1)
			word[letters++] = (char)tolower((unsigned char)line[at]);
	}
	digits = at;
	while (at < length && isdigit((unsigned char)line[at]))
		at++;
	if (at == digits ||
		(distance(word, ENTRY) > 2 && !pt_streq(word, "pci") && !pt_streq(word, "pcie")))
		return NULL;
	key = pt_format(ENTRY "%.*s", (int)(at - digits), line + digits);
	if (!ends_key(line, length, skip_odd(line, length, at)))
		return NULL;
	*ret_index = pt_hostpci_key(key);
	*ret_at = 0;
	return "no such key: " ANY_ENTRIES;
}

/* Why a line does not begin with its key. */
static const char *explain_before(const char *line, bool marked)
{
	if (marked)
		return "a byte order mark stands before the key";
	return line[0] == '\r' ? "a carriage return alone ends no line"
			       : "the key does not begin the line";
}

static bool begins_with_mark(const char *line, size_t length)
{
	return length >= strlen(MARK) && memcmp(line, MARK, strlen(MARK)) == 0;
}

/* As explain_line, of a line that means machine. */
static const char *explain_machine(const char *line, size_t length, size_t *ret_at)
{
	static const char key[] = "machine";
	const bool marked = begins_with_mark(line, length);
	size_t name = skip_before(line, length, marked ? strlen(MARK) : 0), at;

	if (length - name < strlen(key) || strncasecmp(line + name, key, strlen(key)) != 0)
		return NULL;
	at = skip_odd(line, length, name + strlen(key));
	if (!ends_key(line, length, at))
		return NULL;
	*ret_at = 0;
	if (name)
		return explain_before(line, marked);
	if (memcmp(line, key, strlen(key)) != 0)
		return "keys are in lower case";
	*ret_at = strlen(key);
	if (line[at] != ':')
		return "a colon must follow the key";
	if (at > strlen(key))
		return "white space stands before the colon";
	*ret_at = at + 1;
	return at + 1 == length ? "no value follows" : NULL;
}

/* Why PVE does not see an entry in a line that looks like one, with the character that it stumbles
 * at, counted from 0; NULL: the line is an entry, or looks like none. Static. */
static const char *explain_line(const char *line, size_t length, int *ret_index, size_t *ret_at)
{
	const bool marked = begins_with_mark(line, length);
	size_t name = skip_before(line, length, marked ? strlen(MARK) : 0), digits, key, at;
	PT_FREE char *number = NULL;
	PT_FREE char *text = NULL;

	if (length - name < strlen(ENTRY) || strncasecmp(line + name, ENTRY, strlen(ENTRY)) != 0 ||
		(length - name > strlen(ENTRY) && (line[name + strlen(ENTRY)] | 0x20) == 'e'))
		return explain_near(line + name, length - name, ret_index, ret_at);
	at = name + strlen(ENTRY);
	while (at < length && line[at] && (strchr("-_ \t", line[at]) || is_beyond_ascii(line[at])))
		at++;
	for (digits = at; at < length && isdigit((unsigned char)line[at]);)
		at++;
	/* letters that look like digits */
	if (at == digits && at < length && line[at] && strchr("OolI", line[at]))
		at++;
	number = pt_strndup(line + digits, at - digits);
	text = pt_format(ENTRY "%s", number);
	*ret_index = pt_hostpci_key(text);
	key = at;
	at = skip_odd(line, length, at);
	/* a number and white space are enough */
	if (!ends_key(line, length, at) && (!*number || at == key || at == length))
		return NULL;
	*ret_at = name ? 0 : *ret_index < 0 ? strlen(ENTRY) : key;
	if (name)
		return explain_before(line, marked);
	if (*ret_index < 0 || digits > strlen(ENTRY)) {
		*ret_at = strlen(ENTRY);
		return "no such key: " ANY_ENTRIES;
	}
	if (memcmp(line, ENTRY, strlen(ENTRY)) != 0) {
		*ret_at = 0;
		return "keys are in lower case";
	}
	if (at == length || line[at] != ':')
		return "a colon must follow the key";
	if (at > key)
		return "white space stands before the colon";
	*ret_at = at + 1;
	return at + 1 == length ? "no value follows" : NULL;
}

void pt_guest_judge_line(struct pt_guest *guest, const char *line, size_t length)
{
	PT_FREE char *text = NULL;
	const char *why, *of_machine;
	size_t at = 0;
	int index = -1;

	while (length && (line[length - 1] == '\n' || line[length - 1] == '\r'))
		length--;
	of_machine = explain_machine(line, length, &at);
	why = of_machine ? of_machine : explain_line(line, length, &index, &at);
	if (!why)
		return;
	text = pt_format("at character %zu: %s", at + 1, why);
	pt_guest_note_dropped(guest, PT_DROPPED_LINE, of_machine ? -1 : index, line, length, text);
	guest->dropped[guest->dropped_count - 1].of_machine = of_machine != NULL;
}

/* The next character that ends a line elsewhere, and not for Proxmox VE; NULL: none. */
static const char *find_return(const char *text, const char *end)
{
	static const char *const returns[] = {"\r", "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"};

	for (; text < end; text++) {
		/* nearly all of a config are plain letters */
		if (*text != '\r' && !is_beyond_ascii(*text))
			continue;
		pt_foreach (one, returns, PT_ARRAY_SIZE(returns)) {
			const size_t length = strlen(*one);

			if ((size_t)(end - text) >= length && memcmp(text, *one, length) == 0)
				return text;
		}
	}
	return NULL;
}

/* Judges what stands behind such characters in a line. */
static void judge_returns(struct pt_guest *guest, const char *line, size_t length)
{
	const char *end = line + length;
	const char *at = find_return(line, end);

	while (at && at + 1 < end) {
		const char *next = find_return(at + 1, end);

		pt_guest_judge_line(guest, at, (size_t)((next ? next : end) - at));
		at = next;
	}
}

/* "a,!b" of the pending section's last "delete:". What the section sets stays: Proxmox VE deletes
 * first (qemu-server, QemuServer.pm, vmconfig_apply_pending). */
static void delete_keys(struct pt_guest *guest, struct piece list, struct json_object *set)
{
	PT_FREE char *copy = pt_strndup(list.text, list.length);
	char *key, *rest;

	for (key = strtok_r(copy, ",; \t", &rest); key; key = strtok_r(NULL, ",; \t", &rest)) {
		key += key[0] == '!';
		if (!json_object_object_get_ex(set, key, NULL))
			pt_guest_unset(guest, key);
	}
}

static void read_line(struct reader *reader, const char *line, size_t length)
{
	PT_FREE char *key = NULL;
	struct piece name, value;
	size_t at;

	if (section_header(line, length, &name)) {
		enter_section(reader, name);
		return;
	}
	if (!counts(reader))
		return;
	at = key_length(line, length);
	judge_returns(reader->guest, line, length);
	if (!at)
		pt_guest_judge_line(reader->guest, line, length);
	if (!at)
		return;
	value = trim(line + at + 1, length - at - 1);
	/* a value of white space only keeps one of it */
	if (!value.length && length > at + 1)
		value = (struct piece){line + length - 1, 1};
	if (!value.length)
		pt_guest_judge_line(reader->guest, line, length);
	if (!value.length)
		return;
	key = pt_strndup(line, at);
	if (reader->section == SECTION_PENDING && pt_streq(key, "delete")) {
		reader->deleted = value;
		return;
	}
	if (reader->section == SECTION_PENDING)
		pt_json_add_flag(reader->set, key, true);
	pt_guest_set(reader->guest, key, value.text, value.length);
}

/* Cuts the next line off the text; false: it has ended. */
static bool next_line(struct piece *text, struct piece *ret)
{
	const char *end = memchr(text->text, '\n', text->length);

	if (!text->length)
		return false;
	*ret = (struct piece){text->text, end ? (size_t)(end - text->text) : text->length};
	text->text += ret->length + (end ? 1 : 0);
	text->length -= ret->length + (end ? 1 : 0);
	return true;
}

static size_t count_pending(struct piece text)
{
	struct piece line, name;
	size_t count = 0;

	while (next_line(&text, &line))
		count += section_header(line.text, line.length, &name) &&
			 piece_is(name, "PENDING", true);
	return count;
}

int pt_guest_parse(const char *text, size_t length, const struct pt_guest_query *query,
	struct pt_guest **ret, struct pt_err *err)
{
	struct pt_guest PT_GUEST *guest = pt_guest_new(query, PT_TEXT_BYTES);
	struct piece rest = {text, length}, line;
	struct json_object PT_JSON *set = pt_json_object();
	struct reader reader = {
		.query = query, .guest = guest, .set = set, .pending = count_pending(rest)};

	while (next_line(&rest, &line))
		read_line(&reader, line.text, line.length);
	if (reader.deleted.text)
		delete_keys(guest, reader.deleted, set);
	if (query->view == PT_VIEW_SNAPSHOT && !reader.seen_snapshot)
		return pt_err_set(err, -ENOENT, "guest %u has no snapshot '%s'", query->vmid,
			query->snapshot);
	*ret = PT_STEAL(guest);
	return 0;
}

static int read_config(const struct pt_host *host, const char *path,
	const struct pt_guest_query *query, struct pt_guest **ret, struct pt_err *err)
{
	PT_FREE char *text = NULL;
	size_t length;
	int r = pt_host_read(host, path, PT_CONFIG_MAX, &text, &length);

	if (r == -ENOENT)
		return pt_err_set(err, r, "guest %u: there is no %s; does it live on this node?",
			query->vmid, path);
	if (r < 0)
		return pt_err_errno(err, r, "guest %u: %s", query->vmid, path);
	return pt_guest_parse(text, length, query, ret, err);
}

int pt_guest_from_folder(const struct pt_host *folder, const struct pt_guest_query *query,
	struct pt_guest **ret, struct pt_err *err)
{
	char name[32];

	snprintf(name, sizeof(name), "%u.conf", query->vmid);
	return read_config(folder, name, query, ret, err);
}

int pt_guest_from_file(const struct pt_host *host, const struct pt_guest_query *query,
	struct pt_guest **ret, struct pt_err *err)
{
	char path[256];

	if (!pt_node_name_valid(query->node))
		return pt_err_set(err, -EINVAL, "'%s' cannot be a node's name", query->node);
	snprintf(path, sizeof(path), PT_PVE_NODES "/%s/qemu-server/%u.conf", query->node,
		query->vmid);
	return read_config(host, path, query, ret, err);
}
