// SPDX-License-Identifier: AGPL-3.0-or-later
/* Property strings, "01:00.0,pcie=1", with the verdicts of PVE::JSONSchema (pve-common 9.2.1). */
#ifndef PT_PROPSTRING_H
#define PT_PROPSTRING_H

#include "lib/base/err.h"

/* How the text came: the white space and the letters that count differ. */
enum pt_text {
	PT_TEXT_BYTES, /* from a file: ASCII counts */
	PT_TEXT_CHARS, /* UTF-8 from the API or a command line: Unicode counts */
};

enum pt_prop_type {
	PT_PROP_PATTERN,	/* extended regular expression, the whole value */
	PT_PROP_PATTERN_NOCASE, /* the same, upper and lower case alike */
	PT_PROP_BOOLEAN,
};

/* The form of a section's name. */
#define PT_PROP_NAME "a letter, then letters, digits, '_' or '-'"

struct pt_prop_key {
	const char *name;
	enum pt_prop_type type;
	const char *pattern;
	const char *form; /* of a pattern in words: "0x and four hex digits" */
	bool is_default;  /* a bare value belongs to it */
	bool required;
	size_t max_length; /* bytes; 0: any */
	bool takes_nul;	   /* its pattern lets a NUL through, as Perl's does */
};

struct pt_prop_schema {
	const struct pt_prop_key *key;
	size_t count;
};

enum pt_prop_verdict {
	PT_PROP_OK,
	PT_PROP_MISSING_KEY,   /* "=x", "x=" */
	PT_PROP_DUPLICATE_KEY, /* a key or a bare value twice */
	PT_PROP_NO_DEFAULT,    /* a bare value, and no key it could belong to */
	PT_PROP_FORMAT,	       /* unknown keys, values of the wrong form, required keys missing */
};

struct pt_prop {
	char *key;
	char *value;	/* booleans as "1" and "0" */
	size_t offset;	/* of the part in the text */
	bool unknown;	/* the schema has no such key */
	bool malformed; /* the value has not the form of its key */
};

struct pt_props {
	enum pt_prop_verdict verdict;
	struct pt_prop *prop;
	size_t count;
	const char *missing; /* a required key that is not there; static */
	size_t offset;	     /* where the first error of a verdict other than PT_PROP_FORMAT is */
};

/* Parses length bytes; ret has the verdict. End with pt_props_clear. */
void pt_props_parse(const struct pt_prop_schema *schema, const char *text, size_t length,
	enum pt_text encoding, struct pt_props *ret);
void pt_props_clear(struct pt_props *props);
#define PT_PROPS PT_CLEANUP(pt_props_clear)

/* The value of a key, borrowed; NULL when it is not there. */
const char *pt_props_get(const struct pt_props *props, const char *key);
/* The same of a boolean. */
bool pt_props_flag(const struct pt_props *props, const char *key, bool fallback);

/* Fills err with problem and place, "at character 9: pcie: 'x' is no boolean", and returns -EINVAL;
 * 0 if the verdict is PT_PROP_OK. */
int pt_props_explain(
	const struct pt_prop_schema *schema, const struct pt_props *props, struct pt_err *err);

/* The first value of a key in a text (or NULL) that no schema judges here. bare: a value without a
 * key belongs to it. NULL: it is not there. The caller frees it. */
char *pt_prop_of(const char *text, const char *key, bool bare);

#endif
