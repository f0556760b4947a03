// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by every file that knows a connection: writes the log lines about it,
 * with the fields that all events have, and limits the rate of those that a peer or a session can
 * cause at will.  Peer text must be escaped by the caller.  It decides only whether a line is
 * written.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "conn.h"

enum { CONN_FIELDS = 16 }; /* of a log line */

const char *const limit_names[LIMITS] = {
    [LIMIT_MAX_SESSIONS] = "max_sessions",
    [LIMIT_MAX_UNAUTHENTICATED] = "max_unauthenticated",
    [LIMIT_MAX_PER_SOURCE] = "max_unauthenticated_per_source",
    [LIMIT_PENALTY] = "max_penalty",
    [LIMIT_LOGIN_GRACE] = "login_grace",
    [LIMIT_ATTEMPTS] = "attempts",
    [LIMIT_MAX_CHANNELS] = "max_channels",
    [LIMIT_MAX_OPENS] = "max_opens",
    [LIMIT_MAX_DIALS] = "max_dials",
    [LIMIT_MAX_HELD] = "max_held",
    [LIMIT_LOG_LINES] = "log lines",
};

void audit_name(struct conn *c)
{
	const bool proxied = c->via.len > 0;
	char peer[ADDRESS_TEXT], via[ADDRESS_TEXT];

	snprintf(c->audit.who, sizeof(c->audit.who), "session %" PRIu32 ", %s%s%s%s%s", c->id,
		 address_format(&c->from, peer, sizeof(peer)), proxied ? " via " : "",
		 proxied ? address_format(&c->via, via, sizeof(via)) : "", c->use ? ", " : "",
		 c->use ? c->use->name : "");
}

/* What peers cause all the time, as sshipc-log(5) has it; all else matters for security. */
static bool is_ordinary(const char *event)
{
	static const char *const ordinary[] = {"channel-open", "channel-close", "channel-failed",
					       "logout",       "no-login",	"note",
					       "process"};

	for (size_t i = 0; i < sizeof(ordinary) / sizeof(*ordinary); i++)
		if (strcmp(event, ordinary[i]) == 0)
			return true;
	return false;
}

void audit_log(const struct conn *c, int priority, const char *event, const struct log_field *more,
	       const char *fmt, ...)
{
	struct log_field fields[CONN_FIELDS + 1] = {{"session", NULL, c->id}};
	char source[ADDRESS_TEXT], via[ADDRESS_TEXT], text[2048];
	size_t n = 1;
	va_list ap;

	fields[n++] =
	    (struct log_field){"source", address_format(&c->from, source, sizeof(source)), 0};
	if (c->via.len > 0)
		fields[n++] =
		    (struct log_field){"via", address_format(&c->via, via, sizeof(via)), 0};
	if (c->use) {
		fields[n++] = (struct log_field){"key", c->use->name, 0};
		fields[n++] = (struct log_field){"fingerprint", c->use->fingerprint, 0};
		fields[n++] = (struct log_field){"endpoint", c->endpoint->name, 0};
	}
	while (more && more->name && n < CONN_FIELDS)
		fields[n++] = *more++;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (is_ordinary(event))
		priority |= LOG_ORDINARY;
	log_event(priority, event, fields, "%s: %s", c->audit.who, text);
}

bool audit_may_log(struct conn *c, const char *event, const char *text)
{
	const bool ordinary = is_ordinary(event);
	const char *key = c->use ? c->use->fingerprint : c->login.refused_key;
	char host[ADDRESS_TEXT], net[ADDRESS_TEXT], subject[640];
	char who[ADDRESS_TEXT + KEYLINE_FINGERPRINT];

	address_format_host(&c->from, host, sizeof(host));
	snprintf(subject, sizeof(subject), "%s: %s", c->use ? c->use->name : host, text);
	admission_name(c->view->admission, &c->from, net, sizeof(net));
	/* A key's refusals at one place are not drowned by its own at another. */
	snprintf(who, sizeof(who), "%s%s%s", ordinary && *key ? "" : net,
		 ordinary || !*key ? "" : " ", key);
	return ratelimit_may(c->view->ratelimit,
			     !ordinary ? RATELIMIT_SECURITY
			     : *key    ? RATELIMIT_OF_KEYS
				       : RATELIMIT_OF_STRANGERS,
			     who, event, subject);
}

void audit_limit(struct conn *c, enum limit which, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	c->view->limit_hits[which]++;
	if (!audit_may_log(c, "limit", limit_names[which]))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	audit_log(c, c->use ? LOG_WARNING : LOG_NOTICE, "limit",
		  LOG_FIELDS({"limit", limit_names[which], 0}), "%s (%s)", text,
		  limit_names[which]);
}
