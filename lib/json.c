// SPDX-License-Identifier: BSD-2-Clause
#include "json.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Quotes within texts are escaped, so a name in quotes and a colon is a member's. */
const char *json_find(const char *json, const char *path)
{
	char name[64];

	while (json && *path) {
		const size_t n = strcspn(path, ".");

		snprintf(name, sizeof(name), "\"%.*s\":", (int)n, path);
		json = strstr(json, name);
		json = json ? json + strlen(name) : NULL;
		path += n + (path[n] == '.');
	}
	return json;
}

/* Copies a value without its quotes; returns what is behind it. */
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
		if (n + 5 > size) /* the longest piece, and the end */
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
