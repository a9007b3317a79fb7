// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>

#include "pve/config/mapping.h"
#include "pve/config/paths.h"

#define FILE_MAX	(4U * 1024 * 1024)
#define DESCRIPTION_MAX 4096
#define SPACES		" \t\n\v\f\r"
/* the dot of the pattern is any character, PVE's slip: such a path is then not found */
#define PATH_ONE "[a-f0-9]{4,}:[a-f0-9]{2}:[a-f0-9]{2}(.[a-f0-9])?"
#define ID_PAIR	 "^[0-9A-Fa-f]{4}:[0-9A-Fa-f]{4}$"

static const struct pt_prop_key map_keys[] = {
	{"node", PT_PROP_PATTERN, "^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?$", "the name of a node",
		.required = true},
	{"path", PT_PROP_PATTERN, "^" PATH_ONE "(;" PATH_ONE ")*$",
		"an address like 0000:01:00.0 or 0000:01:00 in lower case", .required = true},
	{"id", PT_PROP_PATTERN, ID_PAIR, "vendor and device like 8086:10fb", .required = true},
	{"subsystem-id", PT_PROP_PATTERN, ID_PAIR, "vendor and device like 8086:10fb"},
	{"iommugroup", PT_PROP_PATTERN, "^[+-]?[0-9]+$", "a number"},
	{"description", PT_PROP_PATTERN, "", "a text of at most 4096 bytes",
		.max_length = DESCRIPTION_MAX},
};
static const struct pt_prop_schema map_schema = {map_keys, PT_ARRAY_SIZE(map_keys)};

static const struct pt_prop_key id_key = {
	"id", PT_PROP_PATTERN_NOCASE, "^[a-z][a-z0-9_-]+$", PT_PROP_NAME};

static void clear_entry(struct pt_map_entry *entry)
{
	free(entry->raw);
	free(entry->node);
	free(entry->path);
	free(entry->id);
	free(entry->subsystem);
	free(entry->iommugroup);
	free(entry->description);
}

static void clear_mapping(struct pt_mapping *mapping)
{
	pt_foreach (entry, mapping->entry, mapping->count)
		clear_entry(entry);
	free(mapping->entry);
	free(mapping->id);
	free(mapping->description);
	*mapping = (struct pt_mapping){0};
}

void pt_mappings_clear(struct pt_mappings *mappings)
{
	pt_foreach (mapping, mappings->mapping, mappings->count)
		clear_mapping(mapping);
	free(mappings->mapping);
	free(mappings->by_id);
	pt_foreach (dropped, mappings->dropped, mappings->dropped_count) {
		free(dropped->section);
		free(dropped->key);
	}
	free(mappings->dropped);
	*mappings = (struct pt_mappings){0};
}

static int compare_id(const void *id, const void *mapping)
{
	const struct pt_mapping *const *one = mapping;

	return strcmp(id, (*one)->id);
}

/* By id, and those of one id as the file has them. */
static int compare_mappings(const void *a, const void *b)
{
	const struct pt_mapping *const *one = a, *const *other = b;
	int order = strcmp((*one)->id, (*other)->id);

	return order ? order : (*one > *other) - (*one < *other);
}

static void sort_by_id(struct pt_mappings *mappings)
{
	if (!mappings->count)
		return;
	mappings->by_id = pt_resize(mappings->by_id, mappings->count * sizeof(*mappings->by_id));
	for (size_t i = 0; i < mappings->count; i++)
		mappings->by_id[i] = &mappings->mapping[i];
	qsort(mappings->by_id, mappings->count, sizeof(*mappings->by_id), compare_mappings);
}

const struct pt_mapping *pt_mapping_find(const struct pt_mappings *mappings, const char *id)
{
	const struct pt_mapping *const *found = NULL;

	if (mappings->count)
		found = bsearch(id, mappings->by_id, mappings->count, sizeof(*found), compare_id);
	return found ? *found : NULL;
}

/* Reads a file line by line as SectionConfig does: comments are skipped. */
struct lines {
	char *at; /* NULL: at the end */
	unsigned int number;
};

static char *next_line(struct lines *lines)
{
	while (lines->at && *lines->at) {
		char *line = lines->at;
		char *end = strchr(line, '\n');

		lines->number++;
		lines->at = end ? end + 1 : NULL;
		if (end)
			*end = '\0';
		if (line[strspn(line, SPACES)] != '#')
			return line;
	}
	lines->at = NULL;
	return NULL;
}

/* A line that is false in Perl ends a section. */
static bool is_false(const char *line)
{
	return !line || !*line || pt_streq(line, "0");
}

bool pt_mapping_id_valid(const char *id)
{
	struct pt_prop_key key = id_key;
	const struct pt_prop_schema schema = {&key, 1};
	struct pt_props PT_PROPS props = {0};
	PT_FREE char *text = pt_format("id=%s", id);

	/* a comma would end the value: no id has one */
	if (strchr(id, ','))
		return false;
	pt_props_parse(&schema, text, strlen(text), PT_TEXT_BYTES, &props);
	return props.verdict == PT_PROP_OK;
}

/* Adds the entry of a map line. False: PVE refuses it. */
static bool add_entry(struct pt_mapping *mapping, const char *value)
{
	struct pt_props PT_PROPS props = {0};
	struct pt_map_entry *entry;

	pt_props_parse(&map_schema, value, strlen(value), PT_TEXT_BYTES, &props);
	if (props.verdict != PT_PROP_OK)
		return false;
	entry = pt_array_grow(&mapping->entry, &mapping->count, sizeof(*entry));
	mapping->defined = true;
	pt_set_text(&entry->raw, value);
	pt_set_text(&entry->node, pt_props_get(&props, "node"));
	pt_set_text(&entry->path, pt_props_get(&props, "path"));
	pt_set_text(&entry->id, pt_props_get(&props, "id"));
	pt_set_text(&entry->subsystem, pt_props_get(&props, "subsystem-id"));
	pt_set_text(&entry->iommugroup, pt_props_get(&props, "iommugroup"));
	pt_set_text(&entry->description, pt_props_get(&props, "description"));
	return true;
}

/* A key without value is "1"; anything but 0 and 1 is refused. False: refused. */
static bool read_flag(const char *value, bool *has, bool *ret)
{
	if (*has || (*value && !pt_streq(value, "0") && !pt_streq(value, "1")))
		return false;
	*has = true;
	*ret = !*value || pt_streq(value, "1");
	return true;
}

/* False: PVE refuses it. */
static bool take_property(struct pt_mapping *mapping, const char *key, const char *value)
{
	if (pt_streq(key, "map"))
		return add_entry(mapping, value);
	if (pt_streq(key, "mdev"))
		return read_flag(value, &mapping->has_mdev, &mapping->mdev);
	if (pt_streq(key, "live-migration-capable"))
		return read_flag(value, &mapping->has_live, &mapping->live);
	if (pt_streq(key, "type"))
		return true; /* says nothing new */
	if (!pt_streq(key, "description") || mapping->description ||
		strlen(value) > DESCRIPTION_MAX)
		return false;
	pt_set_text(&mapping->description, value);
	return true;
}

static void drop(
	struct pt_mappings *mappings, unsigned int line, const char *section, const char *key)
{
	struct pt_mapping_dropped *slot =
		pt_array_grow(&mappings->dropped, &mappings->dropped_count, sizeof(*slot));

	slot->line = line;
	pt_set_text(&slot->section, section);
	pt_set_text(&slot->key, key);
}

/* "<space>key value", both ends of value trimmed. False: the line has not this form. */
static bool split_property(char *line, char **ret_key, char **ret_value)
{
	size_t indent = strspn(line, SPACES);
	char *key = line + indent;
	char *value, *end;

	if (!indent || !*key)
		return false;
	value = key + strcspn(key, SPACES);
	if (*value)
		*value++ = '\0';
	value += strspn(value, SPACES);
	for (end = value + strlen(value); end > value && strchr(SPACES, end[-1]); end--)
		end[-1] = '\0';
	*ret_key = key;
	*ret_value = value;
	return true;
}

static void read_section(
	struct lines *lines, struct pt_mappings *mappings, struct pt_mapping *mapping, bool skip)
{
	char *line, *key, *value;

	while (!is_false(line = next_line(lines))) {
		if (!skip && split_property(line, &key, &value) &&
			!take_property(mapping, key, value))
			drop(mappings, lines->number, mapping->id, key);
	}
}

static struct pt_mapping *open_section(struct pt_mappings *mappings, const char *id)
{
	struct pt_mapping *slot =
		pt_array_grow(&mappings->mapping, &mappings->count, sizeof(*slot));

	pt_set_text(&slot->id, id);
	return slot;
}

/* Of several sections of one id the last counts, in its own place. */
static void keep_last(struct pt_mappings *mappings)
{
	size_t count = 0;

	sort_by_id(mappings);
	for (size_t i = 1; i < mappings->count; i++) {
		size_t before = (size_t)(mappings->by_id[i - 1] - mappings->mapping);

		if (pt_streq(mappings->by_id[i]->id, mappings->by_id[i - 1]->id))
			clear_mapping(&mappings->mapping[before]);
	}
	for (size_t i = 0; i < mappings->count; i++) {
		if (mappings->mapping[i].id)
			mappings->mapping[count++] = mappings->mapping[i];
	}
	mappings->count = count;
	sort_by_id(mappings);
}

void pt_mappings_parse(const char *text, struct pt_mappings *ret)
{
	struct pt_mappings PT_MAPPINGS mappings = {0};
	PT_FREE char *copy = pt_strdup(text);
	struct lines lines = {copy, 0};
	unsigned int order = 0;
	char *line;

	while (lines.at) {
		size_t length;
		struct pt_mapping ignored = {0}, *mapping = &ignored;
		bool skip;

		line = next_line(&lines);
		if (is_false(line))
			continue;
		length = strcspn(line, SPACES);
		if (!length || line[length + strspn(line + length, SPACES)])
			continue; /* no section header */
		line[length] = '\0';
		skip = !pt_mapping_id_valid(line);
		if (!skip)
			mapping = open_section(&mappings, line);
		mapping->order = skip ? 0 : ++order;
		read_section(&lines, &mappings, mapping, skip);
	}
	keep_last(&mappings);
	*ret = mappings;
	mappings = (struct pt_mappings){0};
}

int pt_mappings_read(const struct pt_host *host, struct pt_mappings *ret, struct pt_err *err)
{
	PT_FREE char *text = NULL;
	int r = pt_host_read(host, PT_PVE_PCI_MAPPINGS, FILE_MAX, &text, NULL);

	if (r == -ENOENT || r == -ENOTDIR) {
		*ret = (struct pt_mappings){0};
		return 0;
	}
	if (r < 0)
		return pt_err_errno(err, r, PT_PVE_PCI_MAPPINGS);
	pt_mappings_parse(text, ret);
	return 0;
}

static int compare(
	const char *property, const char *configured, const char *there, struct pt_err *err)
{
	if (!configured && !there)
		return 0;
	if (!configured)
		return pt_err_set(err, -EINVAL,
			"the mapping does not give %s, which is %s on this device", property,
			there);
	if (!there)
		return pt_err_set(err, -EINVAL,
			"the mapping gives %s=%s, which this device does not have", property,
			configured);
	if (!pt_streq(configured, there))
		return pt_err_set(err, -EINVAL, "the mapping says %s=%s, but it is %s", property,
			configured, there);
	return 0;
}

bool pt_map_entry_names(const struct pt_map_entry *entry, const char *bdf)
{
	for (const char *path = entry->path; path && *path;) {
		size_t length = strcspn(path, ";");
		PT_FREE char *one = pt_strndup(path, length);

		if (pt_bdf_text_matches(bdf, one))
			return true;
		path += length + (path[length] == ';');
	}
	return false;
}

const struct pt_map_entry *pt_mapping_entry(
	const struct pt_mapping *mapping, const char *node, const char *bdf)
{
	for (size_t i = 0; mapping && i < mapping->count; i++) {
		if (pt_streq(mapping->entry[i].node, node) &&
			pt_map_entry_names(&mapping->entry[i], bdf))
			return &mapping->entry[i];
	}
	return NULL;
}

int pt_map_entry_check(const struct pt_mapping *mapping, const struct pt_map_entry *entry,
	const struct pt_function *function, bool first, struct pt_err *err)
{
	char id[PT_PCI_PAIR_TEXT], subsystem[PT_PCI_PAIR_TEXT], group[16];
	bool has_mdev = function->has_mdev || function->has_nvidia;
	int r;

	snprintf(group, sizeof(group), "%d", function->group);
	r = compare("id", entry->id, pt_function_id(function, id), err);
	if (r == 0 && first)
		r = compare(
			"iommugroup", entry->iommugroup, function->group < 0 ? NULL : group, err);
	if (r == 0)
		r = compare("mdev", mapping->mdev ? "1" : "0", has_mdev ? "1" : "0", err);
	if (r == 0)
		r = compare("subsystem-id", entry->subsystem,
			pt_function_subsystem(function, subsystem), err);
	return r;
}
