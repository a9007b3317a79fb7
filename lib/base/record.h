// SPDX-License-Identifier: AGPL-3.0-or-later
/* The fields of a record, described once in a table beside its struct. Writing a record to JSON,
 * reading it back and its JSON Schema (tests/schema.c) follow the table. */
#ifndef PT_RECORD_H
#define PT_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/json.h"

struct pt_record;

enum pt_json_need {
	PT_JSON_NEEDED,
	PT_JSON_MAY_BE_NULL,
	PT_JSON_MAY_BE_MISSING, /* or null: an older writer may not know the key */
};

enum pt_field_kind {
	PT_FIELD_FLAG,	 /* bool */
	PT_FIELD_INT,	 /* a signed number of 4 or 8 bytes */
	PT_FIELD_UINT,	 /* an unsigned number of 1 to 8 bytes */
	PT_FIELD_TEXT,	 /* char *, owned by the record; NULL is null */
	PT_FIELD_CHARS,	 /* char[]; "" is null where null is allowed */
	PT_FIELD_WORD,	 /* an enum with a word for each value */
	PT_FIELD_FORM,	 /* a value with a text form */
	PT_FIELD_RECORD, /* a struct */
	PT_FIELD_LIST,	 /* pointer to the structs and count of them, owned by the record */
	PT_FIELD_ROW,	 /* array of structs, all of them or count of them */
	PT_FIELD_MAP,	 /* texts by name; only with own */
};

/* The text form of a value, or the rule for a text. */
#define PT_FORM_TEXT 32
struct pt_form {
	const char *pattern; /* of the JSON Schema */
	const char *why;     /* follows the key in errors: "is no PCI address" */
	/* of PT_FIELD_FORM */
	const char *(*format)(const void *value, char text[static PT_FORM_TEXT]);
	bool (*parse)(const char *text, void *ret);
	/* of PT_FIELD_TEXT and PT_FIELD_CHARS */
	bool (*valid)(const char *text);
};

/* Writes and reads a field that no kind fits. The kind then only describes it for the schema. */
struct pt_own {
	/* Returns a new value. outer: the record whose list holds record. NULL: never written. */
	struct json_object *(*write)(const void *outer, const void *record);
	/* Reads a value of the kind. NULL: not read, since others imply it. */
	int (*read)(struct json_object *value, void *record, struct pt_err *err);
};

struct pt_field {
	const char *key; /* NULL: the record is this value alone, without an object around it */
	enum pt_field_kind kind;
	size_t offset, size; /* of the member, in bytes */
	enum pt_json_need need;
	/* offset of a bool: false is null, or no key where it may be missing; 0: always true */
	size_t has;
	size_t count;	  /* offset of the size_t with the number of elements; 0: a whole row */
	size_t most;	  /* elements at most, 0: any number */
	int64_t min, max; /* of a number; both 0: its type's range */
	const char *const *word;
	size_t words;
	const struct pt_form *form;
	const struct pt_record *of; /* the struct, or each element */
	/* Whether an element of the record's list is left out of the JSON. */
	bool (*skip)(const void *record, const void *element);
	/* Returns the part of the text that is written. The caller frees it. */
	char *(*part)(const char *text);
	const struct pt_own *own;
	const char *about; /* description in the schema */
};

/* The range of a number: that of the table, or that of the type. */
void pt_field_range(const struct pt_field *field, int64_t *ret_min, int64_t *ret_max);

/* The first members of struct pt_field. */
#define PT_FIELD(key, kind, type, member)                                                          \
	(key), PT_FIELD_##kind, offsetof(type, member), sizeof(((type *)NULL)->member)
#define PT_FIELD_WORDS(names) .word = (names), .words = PT_ARRAY_SIZE(names)

struct pt_record {
	size_t size; /* of the struct, in bytes */
	const struct pt_field *field;
	size_t count;
	const char *format; /* value of the key "format"; NULL: no such key */
	int version;	    /* value of the key "version"; 0: no such key */
	int oldest;	    /* version that can be read; 0: version alone */
	/* Completes a record after reading, or fills err if it is wrong. NULL: nothing to do. */
	int (*complete)(void *record, struct pt_err *err);
	const char *about;
};
#define PT_RECORD(type, fields)                                                                    \
	.size = sizeof(type), .field = (fields), .count = PT_ARRAY_SIZE(fields)

/* Records of one value: char *, uint64_t. */
extern const struct pt_record pt_text_record, pt_uint64_record;

/* Returns a new JSON value, the caller's. Bytes of texts become "?", except printable ASCII, line
 * end and tab. */
struct json_object *pt_record_to_json(const struct pt_record *record, const void *from);

/* Fills ret, which is zeroed, from JSON that may be hostile; texts become plain as in writing.
 * -EINVAL: err names the first wrong key. The caller clears ret even then. */
int pt_record_from_json(
	const struct pt_record *record, struct json_object *json, void *ret, struct pt_err *err);

#endif
