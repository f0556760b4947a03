// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the client's process, called by states.c, which reads .status, and by those that it
 * reports to.  The server is not trusted: its text only fills fields of a fixed size.
 */
#include "status.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "denial.h"
#include "json.h"

/* False: the member is null or absent. */
static bool take(const char *json, const char *path, char *out, size_t size)
{
	json_value(json, path, out, size);
	if (strcmp(out, "-") == 0)
		out[0] = '\0';
	return out[0] != '\0';
}

static long take_number(const char *json, const char *path)
{
	char text[24];

	return take(json, path, text, sizeof(text)) ? strtol(text, NULL, 10) : -1;
}

static enum status_answer take_answer(const char *json, const char *path)
{
	char text[16];

	take(json, path, text, sizeof(text));
	return strcmp(text, "true") == 0    ? STATUS_YES
	       : strcmp(text, "false") == 0 ? STATUS_NO
					    : STATUS_UNKNOWN;
}

bool status_read(struct status *out, const char *json)
{
	char kind[16], code[32], fingerprint[16];

	if (!json_is_object(json) ||
	    !take(json, "endpoint.name", out->endpoint, sizeof(out->endpoint)) ||
	    !take(json, "endpoint.kind", kind, sizeof(kind)) ||
	    !take(json, "key.fingerprint", fingerprint, sizeof(fingerprint)) ||
	    !take(json, "source", out->source, sizeof(out->source)))
		return false;
	out->knows_kind = endpoint_kind_parse(kind, &out->kind) == 0;
	take(json, "key.expires", out->expires, sizeof(out->expires));
	out->present = take_answer(json, "endpoint.present");
	out->accessible = take_answer(json, "endpoint.accessible");
	take(json, "endpoint.last_dial.result", out->dial, sizeof(out->dial));
	out->connected = strcmp(out->dial, "connected") == 0;
	out->denied = strcmp(out->dial, strerror(EACCES)) == 0;
	out->dial_age = take_number(json, "endpoint.last_dial.age_seconds");
	out->dial_timeout = take_number(json, "dial_timeout_seconds");
	out->channels = take_number(json, "channels");
	out->max_channels = take_number(json, "max_channels");
	take(json, "last_refusal", out->refusal, sizeof(out->refusal));
	out->refused_for = take(json, "last_refusal_code", code, sizeof(code))
			       ? denial_of_code(code)
			       : POLICY_GRANT;
	return true;
}

bool status_refused_by_server(const struct status *s)
{
	return s->refused_for != POLICY_GRANT && s->refused_for != POLICY_DIAL_FAILED;
}
