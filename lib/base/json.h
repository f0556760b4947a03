// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_JSON_H
#define SSHIPC_JSON_H
/*
 * Writes JSON, and reads JSON that our own programs wrote: no blanks, names of plain ASCII.  A
 * member is found by its path, whatever the order and content of the members.  The reader does not
 * validate: for malformed or foreign input the result is an unspecified text, or NULL.
 */
#include <stdbool.h>
#include <stddef.h>

/* The output so far: always terminated, and valid JSON once all brackets are closed.  Initialised
 * as {buffer, its size}.  Texts and numbers that do not fit are cut or left out; all names and
 * brackets must fit. */
struct json_out {
	char *s;
	size_t size, len;
};

/* Writes a member of the open object or, with name NULL, of the open array, or the outermost value.
 * json_text: a text, escaped, invalid UTF-8 as U+FFFD; NULL is null.  json_put: the printf output,
 * at most 63 bytes: a number, true, false; or "{" or "[", which json_close closes. */
void json_text(struct json_out *o, const char *name, const char *text);
void json_put(struct json_out *o, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void json_close(struct json_out *o, char end);

/* Whether the text is one complete object, followed by nothing but a newline, as our programs write
 * it: without blanks, numbers without fractions, nested at most eight deep. */
bool json_is_object(const char *json);

/* Finds a member by its path, "key.name".  Returns a pointer to its value; NULL: there is none. */
const char *json_find(const char *json, const char *path);

/* Iterate over the values of the array at list (from json_find); NULL: no more. */
const char *json_first(const char *list);
const char *json_next(const char *value);

/* Copies the value at p without its quotes, for a terminal (other bytes than printable ASCII as
 * \xNN), cut to fit; returns a pointer behind it. */
const char *json_copy(const char *p, char *out, size_t size);

/* Copies the value of a member in the same way: "-" for null or none.  Returns out. */
const char *json_value(const char *json, const char *path, char *out, size_t size);

#endif
