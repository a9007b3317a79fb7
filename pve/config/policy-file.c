// SPDX-License-Identifier: AGPL-3.0-or-later
/* The file of local policy, line by line; the sole user of libinih. */
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <sys/stat.h>

#include "lib/base/library.h"
#include "lib/claim/bind.h"
#include "lib/linux/systemd.h"
#include "pve/config/guest.h"
#include "pve/config/paths.h"
#include "pve/config/policy.h"

#define POLICY_MAX  (64U * 1024)
#define SECONDS_MAX 180
#define SPACE	    " \t"

/* The text on its way through libinih: it asks line by line, so we know which one is at hand. */
struct parser {
	const char *at, *end;
	unsigned int line;
	pt_allowing_of *allowing;
	pt_policy_report *report;
	void *data;
	bool failed;
	struct pt_policy policy;
	/* of the section at hand */
	char section[64];
	bool in_section, section_bad;
	struct pt_setting like;
};

/* Reports an error of the line at hand; takes over the message. False. */
static bool refuse(struct parser *parser, char *message)
{
	parser->failed = true;
	if (parser->report)
		parser->report(parser->data, parser->line, message);
	free(message);
	return false;
}

/* How many blanks the line begins with. */
static size_t blanks_of(const char *line, size_t length)
{
	size_t at = 0;

	while (at < length && strchr(SPACE, line[at]))
		at++;
	return at;
}

/* The next line for libinih, as fgets gives it. */
static char *next_line(char *ret, int size, void *stream)
{
	struct parser *parser = stream;
	const char *end = memchr(parser->at, '\n', (size_t)(parser->end - parser->at));
	size_t length = (size_t)((end ? end + 1 : parser->end) - parser->at);
	size_t blank;

	if (parser->at == parser->end)
		return NULL;
	parser->line++;
	if (memchr(parser->at, '\0', length)) {
		refuse(parser, pt_format("holds a NUL character"));
		length = 0;
	}
	if (length >= (size_t)size) {
		refuse(parser, pt_format("is longer than %d characters", size - 2));
		length = 0;
	}
	/* a refused section is empty; libinih would join an indented line to the one before */
	blank = blanks_of(parser->at, length);
	length -= blank;
	memcpy(ret, parser->at + blank, length);
	ret[length] = '\0';
	parser->at = end ? end + 1 : parser->end;
	return ret;
}

static bool enter_section(struct parser *parser, const char *section)
{
	struct pt_setting *like = &parser->like;
	bool slot = false;

	*like = (struct pt_setting){0};
	if (pt_streq(section, "defaults"))
		return true;
	if (pt_starts_with(section, "guest ")) {
		like->scope = PT_POLICY_GUEST;
		return pt_vmid_parse(section + strlen("guest "), &like->vmid) ||
		       refuse(parser,
			       pt_format("'[%s]': is no VMID (100 to %u)", section, PT_VMID_MAX));
	}
	if (pt_starts_with(section, "device ")) {
		if (!pt_policy_address(section + strlen("device "), &like->bdf, &slot))
			return refuse(parser,
				pt_format("'[%s]': is no PCI address (0000:01:00.0, or 0000:01:00 "
					  "for all of its functions)",
					section));
		like->scope = slot ? PT_POLICY_SLOT : PT_POLICY_FUNCTION;
		return true;
	}
	if (!*section)
		return refuse(parser, pt_format("is in no section: begin with [defaults]"));
	return refuse(parser,
		pt_format("there is no section '[%s]': it is [defaults], [guest VMID] or [device "
			  "ADDRESS]",
			section));
}

static bool one_of(struct parser *parser, const char *key, const char *value,
	const char *const *words, const char *list)
{
	for (; *words; words++) {
		if (pt_streq(value, *words))
			return true;
	}
	return refuse(parser, pt_format("%s is %s, not '%s'", key, list, value));
}

static bool check_mode(struct parser *parser, const char *key, const char *value)
{
	static const char *const words[] = {"enforce", "advise", NULL};

	return one_of(parser, key, value, words, "enforce or advise");
}

static bool check_return(struct parser *parser, const char *key, const char *value)
{
	if (pt_streq(value, PT_VFIO_PCI))
		return refuse(parser, pt_format("%s: to leave it there write keep-vfio", key));
	return pt_driver_name_valid(value) ||
	       refuse(parser, pt_format("%s is origin, none, keep-vfio or a driver, not '%s'", key,
				      value));
}

static bool check_vfio_driver(struct parser *parser, const char *key, const char *value)
{
	return pt_driver_name_valid(value) ||
	       refuse(parser, pt_format("%s is auto or a driver, not '%s'", key, value));
}

static bool check_seconds(struct parser *parser, const char *key, const char *value)
{
	char *end;
	long seconds = strtol(value, &end, 10);

	return (strspn(value, "0123456789") == strlen(value) && *value && seconds >= 1 &&
		       seconds <= SECONDS_MAX) ||
	       refuse(parser, pt_format("%s is a number of seconds from 1 to %d, not '%s'", key,
				      SECONDS_MAX, value));
}

/* "TAG" or "TAG@ADDRESS". */
static bool check_allowed(struct parser *parser, char *word)
{
	char *at = strchr(word, '@');
	enum pt_allowing allowing;
	struct pt_bdf bdf;
	bool slot;

	if (at)
		*at++ = '\0';
	allowing = parser->allowing ? parser->allowing(word) : PT_ALLOWING_ANY;
	if (allowing == PT_ALLOWING_UNKNOWN)
		return refuse(parser,
			pt_format("there is no finding '%s' ('pve-ptconf explain --list')", word));
	if (allowing == PT_ALLOWING_NEVER)
		return refuse(parser, pt_format("%s cannot be allowed: two guests cannot have one "
						"device",
					      word));
	if (!at && parser->like.scope == PT_POLICY_GUEST && allowing == PT_ALLOWING_ONE_DEVICE)
		return refuse(
			parser, pt_format("%s: for which device? write %s@ADDRESS", word, word));
	if (!at)
		return true;
	if (parser->like.scope != PT_POLICY_GUEST)
		return refuse(parser,
			pt_format("%s@%s: an address goes with [guest VMID] only", word, at));
	return pt_policy_address(at, &bdf, &slot) ||
	       refuse(parser, pt_format("%s@%s: is no PCI address", word, at));
}

static bool check_unit(struct parser *parser, char *word)
{
	return pt_unit_name_valid(word) ||
	       refuse(parser,
		       pt_format("stop-units: '%s' is no name of a unit (name.service)", word));
}

/* Every word is checked, so that all errors of a line are reported. */
static bool check_words(
	struct parser *parser, const char *value, bool (*check)(struct parser *parser, char *word))
{
	struct pt_names PT_NAMES words = {0};
	bool good = true;

	pt_names_split(&words, value, SPACE);
	pt_foreach (word, words.name, words.count)
		good = check(parser, *word) && good;
	return good;
}

static bool check_allow(struct parser *parser, const char *key, const char *value)
{
	(void)key;
	return check_words(parser, value, check_allowed);
}

static bool check_units(struct parser *parser, const char *key, const char *value)
{
	(void)key;
	return check_words(parser, value, check_unit);
}

#define IN(scope) (1U << (scope))
#define IN_DEVICE (IN(PT_POLICY_SLOT) | IN(PT_POLICY_FUNCTION))

static const struct key {
	const char *name;
	bool (*check)(struct parser *parser, const char *key, const char *value);
	unsigned int scopes;
	bool many; /* may occur more than once: all count */
} keys[] = {
	{"mode", check_mode, IN(PT_POLICY_DEFAULTS) | IN(PT_POLICY_GUEST), false},
	{"allow", check_allow, IN(PT_POLICY_GUEST) | IN_DEVICE, true},
	{"return", check_return, IN(PT_POLICY_DEFAULTS) | IN(PT_POLICY_GUEST) | IN_DEVICE, false},
	{"vfio-driver", check_vfio_driver, IN(PT_POLICY_DEFAULTS) | IN(PT_POLICY_GUEST) | IN_DEVICE,
		false},
	{"stop-units", check_units, IN(PT_POLICY_GUEST) | IN_DEVICE, true},
	{"write-deadline", check_seconds, IN(PT_POLICY_DEFAULTS), false},
	{"phase-deadline", check_seconds, IN(PT_POLICY_DEFAULTS), false},
	{"group-deadline", check_seconds, IN(PT_POLICY_DEFAULTS), false},
};

static const struct key *find_key(const char *name)
{
	pt_foreach (key, keys, PT_ARRAY_SIZE(keys)) {
		if (pt_streq(key->name, name))
			return key;
	}
	return NULL;
}

static const struct pt_setting *earlier(const struct parser *parser, const char *key)
{
	const struct pt_setting *like = &parser->like;

	pt_foreach (setting, parser->policy.setting, parser->policy.count) {
		if (setting->scope == like->scope && setting->vmid == like->vmid &&
			pt_bdf_compare(&setting->bdf, &like->bdf) == 0 &&
			pt_streq(setting->key, key))
			return setting;
	}
	return NULL;
}

static void add(struct parser *parser, const char *key, const char *value)
{
	struct pt_setting *slot =
		pt_array_grow(&parser->policy.setting, &parser->policy.count, sizeof(*slot));

	*slot = parser->like;
	slot->line = parser->line;
	pt_set_text(&slot->key, key);
	pt_set_text(&slot->value, value);
}

/* One line "key = value" of a section. Errors are reported by us. */
static int take_line(void *user, const char *section, const char *name, const char *value)
{
	struct parser *parser = user;
	const struct key *key = find_key(name);
	const struct pt_setting *before;

	if (!parser->in_section || strcmp(section, parser->section) != 0) {
		parser->in_section = true;
		snprintf(parser->section, sizeof(parser->section), "%s", section);
		parser->section_bad = !enter_section(parser, section);
	}
	if (parser->section_bad)
		return 1;
	if (!key) {
		refuse(parser, pt_format("there is no key '%s'", name));
		return 1;
	}
	if (!(key->scopes & IN(parser->like.scope))) {
		refuse(parser, pt_format("%s does not go with the section [%s]", name, section));
		return 1;
	}
	before = key->many ? NULL : earlier(parser, name);
	if (before)
		refuse(parser, pt_format("%s is there already, in line %u", name, before->line));
	else if (key->check(parser, name, value))
		add(parser, name, value);
	return 1;
}

int pt_policy_parse(const char *text, size_t length, pt_allowing_of *allowing,
	pt_policy_report *report, void *data, struct pt_policy *ret)
{
	struct parser parser = {.at = text,
		.end = text + length,
		.allowing = allowing,
		.report = report,
		.data = data};
	typeof(ini_parse_stream) *parse;
	const struct pt_symbol symbol = {"ini_parse_stream", &parse};
	const char *missing = pt_library_load("libinih.so.1", &symbol, 1);
	int line = missing ? 0 : parse(next_line, &parser, take_line, &parser);

	if (missing)
		refuse(&parser, pt_format("cannot be read: %s", missing));
	/* libinih gives only the first line that it does not understand, at the end */
	if (line > 0) {
		parser.line = (unsigned int)line;
		refuse(&parser, pt_format("is neither '[section]' nor 'key = value'"));
	} else if (line < 0) {
		refuse(&parser, NULL);
	}
	if (parser.failed) {
		pt_policy_clear(&parser.policy);
		return -EINVAL;
	}
	*ret = parser.policy;
	return 0;
}

void pt_policy_keep_first(void *data, unsigned int line, const char *message)
{
	struct pt_policy_first *first = data;

	if (first->line && first->line <= line)
		return;
	first->line = line;
	if (line)
		pt_err_set(first->err, -EINVAL, "%s: line %u: %s", first->file, line, message);
	else
		pt_err_set(first->err, -EINVAL, "%s: %s", first->file, message);
}

int pt_policy_read(const struct pt_host *host, pt_allowing_of *allowing, struct pt_policy *ret,
	struct pt_err *err)
{
	PT_CLOSE int fd = pt_host_openat(host, PT_POLICY_FILE, O_RDONLY | O_NONBLOCK);
	struct pt_err why = {0};
	struct pt_policy_first first = {.err = &why, .file = PT_POLICY_FILE};
	PT_FREE char *text = NULL;
	struct stat st;
	size_t length;
	int r;

	if (fd == -ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return pt_err_errno(err, fd < 0 ? fd : -errno, PT_POLICY_FILE);
	if (pt_host_is_live(host) && (st.st_uid != geteuid() || st.st_mode & (S_IWGRP | S_IWOTH)))
		return pt_err_set(err, -EPERM,
			PT_POLICY_FILE ": others than root may write to it, so it is not trusted; "
				       "chown it to root and chmod 644 it");
	r = pt_host_read(host, PT_POLICY_FILE, POLICY_MAX, &text, &length);
	if (r < 0)
		return pt_err_errno(err, r, PT_POLICY_FILE);
	r = pt_policy_parse(text, length, allowing, pt_policy_keep_first, &first, ret);
	if (r < 0 && err)
		*err = why;
	return r;
}
