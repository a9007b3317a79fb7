// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <regex.h>
#include <stdint.h>

#include "pve/config/propstring.h"

/* Length in bytes of a white space character at text, or 0. Perl's \s, with VT. */
static size_t space_at(const char *text, size_t length, enum pt_text encoding)
{
	static const char *const unicode[] = {
		"\xc2\x85",
		"\xc2\xa0",
		"\xe1\x9a\x80",
		"\xe2\x80\x80",
		"\xe2\x80\x81",
		"\xe2\x80\x82",
		"\xe2\x80\x83",
		"\xe2\x80\x84",
		"\xe2\x80\x85",
		"\xe2\x80\x86",
		"\xe2\x80\x87",
		"\xe2\x80\x88",
		"\xe2\x80\x89",
		"\xe2\x80\x8a",
		"\xe2\x80\xa8",
		"\xe2\x80\xa9",
		"\xe2\x80\xaf",
		"\xe2\x81\x9f",
		"\xe3\x80\x80",
	};

	if (length && *text && strchr(" \t\n\v\f\r", *text))
		return 1;
	for (size_t i = 0; encoding == PT_TEXT_CHARS && i < PT_ARRAY_SIZE(unicode); i++) {
		size_t size = strlen(unicode[i]);

		if (size <= length && memcmp(text, unicode[i], size) == 0)
			return size;
	}
	return 0;
}

static bool is_blank(const char *text, size_t length, enum pt_text encoding)
{
	while (length) {
		size_t size = space_at(text, length, encoding);

		if (!size)
			return false;
		text += size;
		length -= size;
	}
	return true;
}

/* Returns a copy with the two letters beyond ASCII that fold to ASCII letters (KELVIN SIGN, LONG S)
 * folded, when characters count. */
static char *fold(const char *text, enum pt_text encoding)
{
	char *copy = pt_strdup(text);
	char *to = copy;

	for (const char *from = text; encoding == PT_TEXT_CHARS && (*to = *from); to++) {
		if (pt_starts_with(from, "\xe2\x84\xaa")) {
			*to = 'k';
			from += 3;
		} else if (pt_starts_with(from, "\xc5\xbf")) {
			*to = 's';
			from += 2;
		} else {
			from++;
		}
	}
	return copy;
}

/* Patterns are few, values may be thousands: each is compiled once, and cached. */
static const regex_t *compiled(const char *pattern, int flags)
{
	static struct {
		const char *pattern;
		int flags;
		regex_t regex;
	} cache[32];
	static size_t count;

	for (size_t i = 0; i < count; i++) {
		if (cache[i].pattern == pattern && cache[i].flags == flags)
			return &cache[i].regex;
	}
	if (count == PT_ARRAY_SIZE(cache))
		regfree(&cache[--count].regex);
	/* the patterns are ours, so memory is all that can be missing */
	if (regcomp(&cache[count].regex, pattern, flags) != 0)
		pt_out_of_memory();
	cache[count].pattern = pattern;
	cache[count].flags = flags;
	return &cache[count++].regex;
}

static bool matches(const struct pt_prop_key *key, const char *value)
{
	const regex_t *regex = compiled(key->pattern,
		REG_EXTENDED | REG_NOSUB | (key->type == PT_PROP_PATTERN_NOCASE ? REG_ICASE : 0));

	return regexec(regex, value, 0, NULL, 0) == 0;
}

static int parse_boolean(const char *text)
{
	static const char *const yes[] = {"1", "on", "yes", "true"};
	static const char *const no[] = {"0", "off", "no", "false"};

	for (size_t i = 0; i < PT_ARRAY_SIZE(yes); i++) {
		if (strcasecmp(text, yes[i]) == 0)
			return 1;
		if (strcasecmp(text, no[i]) == 0)
			return 0;
	}
	return -1;
}

/* Judges the value and brings booleans to 1 and 0. has_nul: it held a NUL, which fits few forms. */
static void judge(
	const struct pt_prop_key *key, struct pt_prop *prop, enum pt_text encoding, bool has_nul)
{
	PT_FREE char *folded = fold(prop->value, encoding);
	size_t length;

	if (key->type == PT_PROP_BOOLEAN) {
		int flag = parse_boolean(folded);

		prop->malformed = flag < 0 || has_nul;
		if (flag >= 0)
			pt_set_text(&prop->value, flag ? "1" : "0");
		return;
	}
	has_nul &= !key->takes_nul;
	length = strlen(prop->value);
	/* a pattern's end also matches before a last newline, as in Perl */
	if (length && prop->value[length - 1] == '\n')
		folded[strlen(folded) - 1] = '\0';
	prop->malformed = has_nul || (key->max_length && length > key->max_length) ||
			  !matches(key, key->type == PT_PROP_PATTERN_NOCASE ? folded : prop->value);
	if (prop->malformed && !has_nul && length && prop->value[length - 1] == '\n')
		prop->malformed = !matches(key, folded);
}

static const struct pt_prop_key *find_key(const struct pt_prop_schema *schema, const char *name)
{
	pt_foreach (key, schema->key, schema->count) {
		if (pt_streq(key->name, name))
			return key;
	}
	return NULL;
}

static const struct pt_prop_key *default_key(const struct pt_prop_schema *schema)
{
	pt_foreach (key, schema->key, schema->count) {
		if (key->is_default)
			return key;
	}
	return NULL;
}

static struct pt_prop *find_prop(const struct pt_props *props, const char *key)
{
	pt_foreach (prop, props->prop, props->count) {
		if (pt_streq(prop->key, key))
			return prop;
	}
	return NULL;
}

/* Puts a NUL-terminated copy of a piece; a NUL in it becomes byte 1, so that nothing hides. */
static char *copy_piece(const char *text, size_t length)
{
	char *copy = pt_resize(NULL, length + 1);

	for (size_t i = 0; i < length; i++)
		copy[i] = text[i] ? text[i] : '\1';
	copy[length] = '\0';
	return copy;
}

static void set_prop(const struct pt_prop_schema *schema, struct pt_prop *prop, size_t offset,
	const char *value, size_t length, enum pt_text encoding)
{
	const struct pt_prop_key *key = find_key(schema, prop->key);

	prop->offset = offset;
	free(prop->value);
	prop->value = copy_piece(value, length);
	prop->unknown = !key;
	if (key)
		judge(key, prop, encoding, memchr(value, 0, length));
}

static bool refuse(struct pt_props *props, enum pt_prop_verdict verdict, size_t offset)
{
	props->verdict = verdict;
	props->offset = offset;
	return false;
}

/* "key=value". False: parsing ends here. */
static bool take_pair(const struct pt_prop_schema *schema, struct pt_props *props, const char *text,
	size_t offset, size_t length, size_t key_length, enum pt_text encoding)
{
	PT_FREE char *name = copy_piece(text + offset, key_length);
	const char *value = text + offset + key_length + 1;
	size_t value_length = length - key_length - 1;
	struct pt_prop *prop;

	/* "." does not match a newline and "$" allows one at the end */
	if (value_length && value[value_length - 1] == '\n')
		value_length--;
	if (!key_length || !value_length || memchr(value, '\n', value_length))
		return refuse(props, PT_PROP_MISSING_KEY, offset);
	if (find_prop(props, name))
		return refuse(props, PT_PROP_DUPLICATE_KEY, offset);
	prop = pt_array_grow(&props->prop, &props->count, sizeof(*prop));
	prop->key = PT_STEAL(name);
	set_prop(schema, prop, offset, value, value_length, encoding);
	return true;
}

/* A bare value. False: parsing ends here. */
static bool take_bare(const struct pt_prop_schema *schema, struct pt_props *props, const char *text,
	size_t offset, size_t length, enum pt_text encoding, bool *had_bare)
{
	const struct pt_prop_key *key = default_key(schema);
	struct pt_prop *prop = key ? find_prop(props, key->name) : NULL;

	if (!key)
		return refuse(props, PT_PROP_NO_DEFAULT, offset);
	/* a value that is false in Perl does not count as given */
	if (*had_bare || (prop && !pt_streq(prop->value, "0")))
		return refuse(props, PT_PROP_DUPLICATE_KEY, offset);
	*had_bare = true;
	if (!prop) {
		prop = pt_array_grow(&props->prop, &props->count, sizeof(*prop));
		pt_set_text(&prop->key, key->name);
	}
	set_prop(schema, prop, offset, text + offset, length, encoding);
	return true;
}

/* Judges all again at the end: a later bare value may have replaced a malformed one. */
static void conclude(const struct pt_prop_schema *schema, struct pt_props *props)
{
	props->verdict = PT_PROP_OK;
	pt_foreach (prop, props->prop, props->count) {
		if (prop->unknown || prop->malformed)
			props->verdict = PT_PROP_FORMAT;
	}
	pt_foreach (key, schema->key, schema->count) {
		if (key->required && !find_prop(props, key->name)) {
			props->missing = key->name;
			props->verdict = PT_PROP_FORMAT;
		}
	}
}

void pt_props_parse(const struct pt_prop_schema *schema, const char *text, size_t length,
	enum pt_text encoding, struct pt_props *ret)
{
	bool had_bare = false, going = true;

	*ret = (struct pt_props){0};
	for (size_t at = 0; going && at < length;) {
		const char *comma = memchr(text + at, ',', length - at);
		size_t part = comma ? (size_t)(comma - text) - at : length - at;
		const char *equals = memchr(text + at, '=', part);

		if (!is_blank(text + at, part, encoding))
			going = equals ? take_pair(schema, ret, text, at, part,
						 (size_t)(equals - text) - at, encoding)
				       : take_bare(
						 schema, ret, text, at, part, encoding, &had_bare);
		at += part + 1;
	}
	if (going)
		conclude(schema, ret);
}

void pt_props_clear(struct pt_props *props)
{
	pt_foreach (prop, props->prop, props->count) {
		free(prop->key);
		free(prop->value);
	}
	free(props->prop);
	*props = (struct pt_props){0};
}

const char *pt_props_get(const struct pt_props *props, const char *key)
{
	const struct pt_prop *prop = find_prop(props, key);

	return prop ? prop->value : NULL;
}

bool pt_props_flag(const struct pt_props *props, const char *key, bool fallback)
{
	const char *value = pt_props_get(props, key);

	return value ? pt_streq(value, "1") : fallback;
}

#define LONGEST_KEY 15

/* The number of letters to change, add or remove; keys that are longer differ by all. */
static size_t distance(const char *one, const char *other)
{
	size_t length = strlen(other), row[LONGEST_KEY + 1];

	if (length > LONGEST_KEY)
		return SIZE_MAX;
	for (size_t i = 0; i <= length; i++)
		row[i] = i;
	for (size_t at = 0; one[at]; at++) {
		size_t before = row[0]++;

		for (size_t i = 0; i < length; i++) {
			size_t replaced = before + (one[at] != other[i]);
			size_t moved = (row[i] < row[i + 1] ? row[i] : row[i + 1]) + 1;

			before = row[i + 1];
			row[i + 1] = replaced < moved ? replaced : moved;
		}
	}
	return row[length];
}

/* The key that is meant, by its letters; NULL: none is near. */
static const char *nearest(const struct pt_prop_schema *schema, const char *name)
{
	const char *found = NULL;
	size_t least = 3;

	pt_foreach (key, schema->key, schema->count) {
		size_t changes = distance(name, key->name);

		/* of a short key two letters are no likeness */
		if (changes < least && changes < strlen(key->name) / 2) {
			least = changes;
			found = key->name;
		}
	}
	return found;
}

static int explain_key(
	const struct pt_prop_schema *schema, const struct pt_prop *prop, struct pt_err *err)
{
	const char *meant = nearest(schema, prop->key);
	const char *divided = strchr(prop->key, ';');

	if (divided)
		return pt_err_set(err, -EINVAL,
			"at character %zu: a comma stands between a value and the next key, not ';'",
			prop->offset + (size_t)(divided - prop->key) + 1);
	return pt_err_set(err, -EINVAL, "at character %zu: there is no key '%s'%s%s%s",
		prop->offset + 1, prop->key, meant ? ", perhaps '" : "", meant ? meant : "",
		meant ? "' is meant" : "");
}

static int explain_value(
	const struct pt_prop_key *key, const struct pt_prop *prop, struct pt_err *err)
{
	const bool has_comment = strstr(prop->value, " #") || strstr(prop->value, "\t#");

	if (has_comment)
		return pt_err_set(err, -EINVAL,
			"at character %zu: %s: '%s': a comment cannot stand behind a value",
			prop->offset + 1, prop->key, prop->value);
	if (key->type == PT_PROP_BOOLEAN)
		return pt_err_set(err, -EINVAL,
			"at character %zu: %s: '%s' is no boolean (1, on, yes, true, 0, off, no, false)",
			prop->offset + 1, prop->key, prop->value);
	return pt_err_set(err, -EINVAL, "at character %zu: %s: '%s' is not %s", prop->offset + 1,
		prop->key, prop->value, key->form);
}

static int explain_format(
	const struct pt_prop_schema *schema, const struct pt_props *props, struct pt_err *err)
{
	pt_foreach (prop, props->prop, props->count) {
		const struct pt_prop_key *key = find_key(schema, prop->key);

		if (!key)
			return explain_key(schema, prop, err);
		if (prop->malformed)
			return explain_value(key, prop, err);
	}
	return pt_err_set(err, -EINVAL, "%s is missing", props->missing ? props->missing : "a key");
}

int pt_props_explain(
	const struct pt_prop_schema *schema, const struct pt_props *props, struct pt_err *err)
{
	switch (props->verdict) {
	case PT_PROP_OK:
		return 0;
	case PT_PROP_MISSING_KEY:
		return pt_err_set(err, -EINVAL, "at character %zu: key or value missing beside '='",
			props->offset + 1);
	case PT_PROP_DUPLICATE_KEY:
		return pt_err_set(err, -EINVAL,
			"at character %zu: a key, or a value without key, is there twice",
			props->offset + 1);
	case PT_PROP_NO_DEFAULT:
		return pt_err_set(
			err, -EINVAL, "at character %zu: a value without key", props->offset + 1);
	case PT_PROP_FORMAT:
		break;
	}
	return explain_format(schema, props, err);
}

char *pt_prop_of(const char *text, const char *key, bool bare)
{
	while (text && *text) {
		size_t length = strcspn(text, ","), name = strcspn(text, "=,");

		if (bare && name == length)
			return pt_strndup(text, length);
		if (name < length && name == strlen(key) && strncmp(text, key, name) == 0)
			return pt_strndup(text + name + 1, length - name - 1);
		text += length + (text[length] == ',');
	}
	return NULL;
}
