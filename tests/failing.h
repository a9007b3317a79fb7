// SPDX-License-Identifier: AGPL-3.0-or-later
/* Allocations that fail when allocation_fails, a function of the file that includes this, says so.
 * The program is linked with --wrap for each (ALLOCATIONS in tests.mk). */
#ifndef PT_TESTS_FAILING_H
#define PT_TESTS_FAILING_H

#include <json-c/json.h>
#include <stdarg.h>
#include <stdbool.h>

static bool allocation_fails(void);

/* The function gives failure when fails, an expression, is true. */
#define FAILING_WHEN(fails, type, name, failure, parameters, arguments)                            \
	type __real_##name parameters;                                                             \
	type __wrap_##name parameters;                                                             \
	type __wrap_##name parameters                                                              \
	{                                                                                          \
		return (fails) ? (failure) : __real_##name arguments;                              \
	}
#define FAILING(type, name, failure, parameters, arguments)                                        \
	FAILING_WHEN(allocation_fails(), type, name, failure, parameters, arguments)
FAILING(void *, calloc, NULL, (size_t count, size_t size), (count, size))
FAILING(void *, realloc, NULL, (void *memory, size_t size), (memory, size))
FAILING(void *, reallocarray, NULL, (void *memory, size_t count, size_t size),
	(memory, count, size))
FAILING(char *, strdup, NULL, (const char *text), (text))
FAILING(char *, strndup, NULL, (const char *text, size_t length), (text, length))
FAILING(int, vasprintf, -1, (char **ret, const char *fmt, va_list args), (ret, fmt, args))
FAILING(int, __vasprintf_chk, -1, (char **ret, int flag, const char *fmt, va_list args),
	(ret, flag, fmt, args))
/* those of json-c: a lost value would be null in a record */
FAILING(struct json_object *, json_object_new_object, NULL, (void), ())
FAILING(struct json_object *, json_object_new_array, NULL, (void), ())
FAILING(struct json_object *, json_object_new_string, NULL, (const char *text), (text))
FAILING(struct json_object *, json_object_new_int64, NULL, (int64_t value), (value))
FAILING(struct json_object *, json_object_new_uint64, NULL, (uint64_t value), (value))
FAILING(struct json_object *, json_object_new_boolean, NULL, (json_bool value), (value))
FAILING(int, json_object_object_add, -1,
	(struct json_object * object, const char *key, struct json_object *value),
	(object, key, value))
FAILING(int, json_object_array_add, -1, (struct json_object * array, struct json_object *value),
	(array, value))

#endif
