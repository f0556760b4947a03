// SPDX-License-Identifier: BSD-2-Clause
/*
 * In the doctor (--check), called by check.c.  Goes by codes and fields: what a server or libssh
 * says is shown, and never read, nor taken for a remedy.
 */
#include "findings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void findings_denied(struct report *r, const struct identity *identity,
		     const struct link_refusal *refusal, const char *own)
{
	/* Of those that are not here the login is the step. */
	static const enum report_step steps[] = {
	    [POLICY_SOURCE_NOT_ALLOWED] = REPORT_SOURCE, [POLICY_EXPIRED] = REPORT_VALIDITY,
	    [POLICY_OUTSIDE_WINDOW] = REPORT_VALIDITY,	 [POLICY_NO_ENDPOINT] = REPORT_PERMITTED,
	    [POLICY_MAX_SESSIONS] = REPORT_PERMITTED,	 [POLICY_OTHER] = REPORT_LOGIN,
	};
	const enum report_step step = steps[refusal->verdict];
	const char *line = identity_line(identity), *remedy = refusal->remedy;
	char add[8192];

	if (step > REPORT_LOGIN)
		report_pass(r, REPORT_LOGIN, "the server knows %s", identity_name(identity));
	if (refusal->verdict == POLICY_MAX_SESSIONS && own)
		report_skip(r, step,
			    "%s is there, and max-sessions allows no more; to have this looked at "
			    "end it first",
			    own);
	snprintf(add, sizeof(add),
		 "add this line to the server's allow list (of an OpenSSH server: "
		 "~/.ssh/authorized_keys): %s",
		 line ? line : "");
	if (refusal->verdict == POLICY_NO_KEY)
		remedy = add;
	report_fail(r, step > REPORT_LOGIN ? step : REPORT_LOGIN, remedy, "%s", refusal->cause);
}

void findings_down(struct report *r, const struct settings *s, enum report_step step,
		   const char *why)
{
	char remedy[512];

	if (step == REPORT_TCP && strstr(why, strerror(ECONNREFUSED)))
		snprintf(remedy, sizeof(remedy),
			 "start sshipc-server there, or give the port that it listens on: -p PORT "
			 "(now %u)",
			 s->port);
	else if (step == REPORT_TCP)
		snprintf(remedy, sizeof(remedy),
			 "let TCP from here to port %u of %s through (firewall, route)", s->port,
			 s->host);
	else
		snprintf(remedy, sizeof(remedy), "%s",
			 step != REPORT_SSH ? "its log tells why it ended the session"
			 : s->via ? "run that command by itself: the first that it prints "
				    "must be the banner of an SSH server, SSH-2.0-..."
				  : "is that an SSH server? One without encrypt-then-MAC, or in "
				    "FIPS mode, needs algorithms = \"compatible\"");
	report_fail(r, step, remedy, "%s", why);
}

/* A name is compared here; what an address names only the server knows.  asks: the option that asks
 * for it. */
static void report_destination(struct report *r, const struct settings *s,
			       const struct destination *to, const char *asks, const char *endpoint)
{
	char text[1024];

	if (destination_misses(to, asks, endpoint, text, sizeof(text)))
		report_fail(r, REPORT_PERMITTED, NULL, "%s", text);
	else if ((to->kind == DESTINATION_TCP || to->kind == DESTINATION_UNIX) &&
		 s->check != SETTINGS_CHECK_CONNECT)
		report_skip(r, REPORT_PERMITTED,
			    "whether %s names endpoint %s only --check=connect tells", asks,
			    endpoint);
}

static void report_permitted(struct report *r, const struct settings *s, const char *endpoint)
{
	char asks[384], to[DESTINATION_HOST + 16];

	for (size_t i = 0; i < s->n_specs; i++) {
		snprintf(asks, sizeof(asks), "-L %s", s->specs[i].text);
		report_destination(r, s, &s->specs[i].to, asks, endpoint);
	}
	snprintf(asks, sizeof(asks), "--stdio=%s",
		 destination_format(&s->stdio_to, to, sizeof(to)));
	report_destination(r, s, &s->stdio_to, asks, endpoint);
	if (s->check != SETTINGS_CHECK_CONNECT)
		report_pass(r, REPORT_PERMITTED, "endpoint %s", endpoint);
}

static void fail_present(struct report *r, const struct status *st, bool denied, const char *what)
{
	report_fail(r, REPORT_PRESENT,
		    denied ? "let the server's user (\"user\" in its settings, or the key's "
			     "connect-as) connect: that takes write "
			     "permission for the socket, by its mode or its group, and search "
			     "permission (x) for every folder above it"
			   : "start it on the server, or correct its address in the server's "
			     "settings; --check=connect tries it",
		    "endpoint %s: %s", st->endpoint, what);
}

void findings_dial_failed(struct report *r, const struct status *st)
{
	report_pass(r, REPORT_PERMITTED, "endpoint %s", st->endpoint);
	fail_present(r, st, st->denied, st->dial);
}

static void report_present(struct report *r, const struct settings *s, const struct status *st)
{
	char what[256];

	snprintf(what, sizeof(what), "the last connect, %ld s ago: %s", st->dial_age, st->dial);
	if (st->present == STATUS_NO)
		fail_present(r, st, false, "its socket is not there");
	else if (st->accessible == STATUS_NO)
		fail_present(r, st, true,
			     "Permission denied: the server's user may not connect to its socket");
	else if (s->check == SETTINGS_CHECK_CONNECT)
		return;
	else if (st->present == STATUS_YES && (st->accessible == STATUS_YES || !st->denied))
		report_pass(r, REPORT_PRESENT, "its socket is there");
	else if (!st->dial[0])
		report_skip(r, REPORT_PRESENT,
			    "nobody has connected to it yet; only --check=connect tells");
	else if (st->connected)
		report_pass(r, REPORT_PRESENT, "%s", what);
	else
		fail_present(r, st, st->denied, what);
}

void findings_status(struct report *r, const struct settings *s, const struct status *st)
{
	report_pass(r, REPORT_SOURCE, "the server sees %s", st->source);
	report_pass(r, REPORT_VALIDITY,
		    st->expires[0] ? "now, until %s" : "now, and without an end", st->expires);
	report_permitted(r, s, st->endpoint);
	report_present(r, s, st);
}
