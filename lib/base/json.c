// SPDX-License-Identifier: BSD-2-Clause
/*
 * Writing: wherever a line of the log, or an answer of the monitor or the doctor, is JSON.
 * Reading: in the client, which reads .status, and in ctl, which reads what the control socket
 * answers; that text is untrusted: the parser never reads behind its end, or nests deeper than
 * DEPTH.
 */
#include "json.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "log.h"

enum {
	DEPTH = 8,
	CLOSING = 16, /* bytes reserved for json_close */
};

/* ---- writing ---- */

static bool add_member(struct json_out *o, const char *name, const char *value)
{
	const bool first = o->len == 0 || strchr("{[", o->s[o->len - 1]);
	const size_t room = o->size - o->len > CLOSING ? o->size - o->len - CLOSING : 0;
	const int n = snprintf(o->s + o->len, room, name ? "%s\"%s\":%s" : "%s%s%s",
			       first ? "" : ",", name ? name : "", value);
	const bool fits = n >= 0 && (size_t)n < room;

	o->len += fits ? (size_t)n : 0;
	o->s[o->len] = '\0';
	return fits;
}

void json_put(struct json_out *o, const char *name, const char *fmt, ...)
{
	char value[64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	add_member(o, name, value);
}

void json_close(struct json_out *o, char end)
{
	if (o->len + 1 < o->size)
		o->s[o->len++] = end;
	o->s[o->len] = '\0';
}

void json_text(struct json_out *o, const char *name, const char *text)
{
	if (!add_member(o, name, text ? "\"" : "null") || !text)
		return;
	o->len +=
	    log_json_escape(o->s + o->len, o->size - o->len - CLOSING / 2, text, strlen(text));
	json_close(o, '"');
}

/* ---- reading ---- */

static const char *skip_value(const char *p, int depth);

/* Returns a pointer behind the text at p; NULL: there is no text. */
static const char *skip_text(const char *p)
{
	if (*p++ != '"')
		return NULL;
	for (; *p != '"'; p++) {
		if ((unsigned char)*p < ' ')
			return NULL;
		if (*p == '\\' && (*++p == '\0' || !strchr("\"\\/bfnrtu", *p)))
			return NULL;
	}
	return p + 1;
}

/* Skips the members of an object, or the values of an array, behind its first bracket. */
static const char *skip_list(const char *p, char end, int depth)
{
	if (*p == end)
		return p + 1;
	do {
		if (end == '}' && (!(p = skip_text(p)) || *p++ != ':'))
			return NULL;
		p = skip_value(p, depth);
		if (!p || (*p != ',' && *p != end))
			return NULL;
	} while (*p++ != end);
	return p;
}

static const char *skip_value(const char *p, int depth)
{
	static const char *const words[] = {"null", "true", "false"};
	static const char digits[] = "0123456789";

	if (depth == DEPTH)
		return NULL;
	if (*p == '{' || *p == '[')
		return skip_list(p + 1, *p == '{' ? '}' : ']', depth + 1);
	if (*p == '"')
		return skip_text(p);
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strncmp(p, words[i], strlen(words[i])) == 0)
			return p + strlen(words[i]);
	p += *p == '-';
	return strspn(p, digits) > 0 ? p + strspn(p, digits) : NULL;
}

bool json_is_object(const char *json)
{
	const char *end = *json == '{' ? skip_value(json, 0) : NULL;

	return end && (strcmp(end, "") == 0 || strcmp(end, "\n") == 0);
}

/* Finds a member of the object at p, not of objects within it; returns its value; NULL: there is
 * none. */
static const char *find_member(const char *p, const char *name, size_t n)
{
	const char *end;

	do {
		p++;
		end = skip_text(p);
		if (!end || *end != ':')
			return NULL;
		if ((size_t)(end - p) == n + 2 && memcmp(p + 1, name, n) == 0)
			return end + 1;
		p = skip_value(end + 1, 0);
	} while (p && *p == ',');
	return NULL;
}

const char *json_find(const char *json, const char *path)
{
	while (json && *path) {
		const size_t n = strcspn(path, ".");

		json = *json == '{' ? find_member(json, path, n) : NULL;
		path += n + (path[n] == '.');
	}
	return json;
}

const char *json_first(const char *list)
{
	return list && list[0] == '[' && list[1] != ']' ? list + 1 : NULL;
}

const char *json_next(const char *value)
{
	const char *end = skip_value(value, 0);

	return end && *end == ',' ? end + 1 : NULL;
}

/* Copies a value without its quotes; returns a pointer behind it. */
const char *json_copy(const char *p, char *out, size_t size)
{
	const bool text = *p == '"';
	size_t n = 0;

	for (p += text; *p && (text ? *p != '"' : !strchr(",]}", *p)); p++) {
		if (text && *p == '\\' && (p[1] == '\\' || p[1] == '"'))
			p++;
		if (*p < ' ' || *p > '~')
			n += (size_t)snprintf(out + n, size - n, "\\x%02x", (unsigned)*p & 0xff);
		else
			out[n++] = *p;
		if (n + 5 > size) /* the longest escape and NUL must fit */
			break;
	}
	out[n] = '\0';
	return p + (text && *p == '"');
}

const char *json_value(const char *json, const char *path, char *out, size_t size)
{
	const char *value = json_find(json, path);

	snprintf(out, size, "-");
	if (value && strncmp(value, "null", 4) != 0)
		json_copy(value, out, size);
	return out;
}
