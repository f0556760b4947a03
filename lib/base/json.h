// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_JSON_H
#define SSHIPC_JSON_H
/*
 * Reads the JSON that our own programs write: no blanks, names of plain ASCII.  A member is found
 * where its path leads, whatever the order of members and what they hold; it is not judged: what
 * somebody else wrote gives some text or none.
 */
#include <stdbool.h>
#include <stddef.h>

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
