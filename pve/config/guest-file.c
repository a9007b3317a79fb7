// SPDX-License-Identifier: AGPL-3.0-or-later
/* Guest configs as text. Source: qemu-server, QemuServer.pm, parse_vm_config. */
#include <ctype.h>
#include <errno.h>

#include "pve/config/guest.h"
#include "pve/config/paths.h"

enum section {
	SECTION_CURRENT,
	SECTION_PENDING,
	SECTION_WANTED_SNAPSHOT,
	SECTION_OTHER,
};

struct reader {
	const struct pt_guest_query *query;
	struct pt_guest *guest;
	enum section section;
	bool seen_snapshot;
};

struct piece {
	const char *text;
	size_t length;
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

/* "[name]", spaces allowed behind it. */
static bool section_header(const char *line, size_t length, struct piece *ret)
{
	struct piece whole = trim(line, length);

	if (whole.text != line || whole.length < 3 || line[0] != '[' ||
		line[whole.length - 1] != ']')
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
		reader->section = SECTION_PENDING;
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

/* "delete: a,!b" of the pending section. */
static void delete_keys(struct pt_guest *guest, struct piece list)
{
	PT_FREE char *copy = pt_strndup(list.text, list.length);
	char *key, *rest;

	for (key = strtok_r(copy, ",; \t", &rest); key; key = strtok_r(NULL, ",; \t", &rest))
		pt_guest_unset(guest, key[0] == '!' ? key + 1 : key);
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
	if (!at)
		return;
	value = trim(line + at + 1, length - at - 1);
	/* a value of white space only keeps one of it */
	if (!value.length && length > at + 1)
		value = (struct piece){line + length - 1, 1};
	if (!value.length)
		return;
	key = pt_strndup(line, at);
	if (reader->section == SECTION_PENDING && pt_streq(key, "delete"))
		delete_keys(reader->guest, value);
	else
		pt_guest_set(reader->guest, key, value.text, value.length);
}

int pt_guest_parse(const char *text, size_t length, const struct pt_guest_query *query,
	struct pt_guest **ret, struct pt_err *err)
{
	struct pt_guest PT_GUEST *guest = NULL;
	struct reader reader = {.query = query};

	guest = pt_guest_new(query, PT_TEXT_BYTES);
	reader.guest = guest;
	while (length) {
		const char *end = memchr(text, '\n', length);
		size_t line = end ? (size_t)(end - text) : length;

		read_line(&reader, text, line);
		text += line + (end ? 1 : 0);
		length -= line + (end ? 1 : 0);
	}
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
