// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_JSON_H
#define SSHIPC_JSON_H
/*
 * Writes JSON, and reads it again where our own programs wrote it: no blanks, names of plain ASCII.
 * A member is found where its path leads, whatever the order of members and what they hold; it is
 * not judged: what somebody else wrote gives some text or none.
 */
#include <stdbool.h>
#include <stddef.h>

/* What is written so far: always terminated, and JSON once all that was opened is closed.  Starts
 * as {buffer, its size}.  Texts and numbers for which there is no room are cut or left out; for all
 * names and brackets there must be room. */
struct json_out {
	char *s;
	size_t size, len;
};

/* A member of the open object or, with name NULL, of the open array, or the outermost.  A text:
 * escaped, invalid UTF-8 as U+FFFD; NULL is null.  Else what printf gives, 63 bytes at most: a
 * number, true, false; or "{" or "[", which json_close ends. */
void json_text(struct json_out *o, const char *name, const char *text);
void json_put(struct json_out *o, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void json_close(struct json_out *o, char end);

/* Is it one object, whole, with nothing behind it but a newline?  Written as our own are: without
 * blanks, numbers without fractions, not nested deeper than eight. */
bool json_is_object(const char *json);

/* Behind the colon of a member; NULL: there is none.  path: "key.name". */
const char *json_find(const char *json, const char *path);

/* The values of the array at list (from json_find), one after the other; NULL: no more. */
const char *json_first(const char *list);
const char *json_next(const char *value);

/* Copies the value at p without its quotes, for a terminal (other bytes than printable ASCII as
 * \xNN), cut to fit; returns what is behind it. */
const char *json_copy(const char *p, char *out, size_t size);

/* The value of a member, as such a text: "-" for null or none.  Returns out. */
const char *json_value(const char *json, const char *path, char *out, size_t size);

#endif
