// SPDX-License-Identifier: BSD-2-Clause
#include "findings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent.h"
#include "denial.h"
#include "json.h"
#include "verdict.h"

/* The reasons that a server of ours gives to the owner of a listed key. */
static const struct {
	enum policy_verdict verdict; /* POLICY_GRANT: none, a limit of the key */
	enum report_step step;
} denials[] = {
    {POLICY_SOURCE_NOT_ALLOWED, REPORT_SOURCE}, {POLICY_EXPIRED, REPORT_VALIDITY},
    {POLICY_OUTSIDE_WINDOW, REPORT_VALIDITY},	{POLICY_NO_ENDPOINT, REPORT_PERMITTED},
    {POLICY_GRANT, REPORT_PERMITTED},
};

void findings_denied(struct report *r, const struct identity *identity, const char *why,
		     const char *own)
{
	const char *line = identity_line(identity);
	char remedy[8192];

	for (size_t i = 0; i < sizeof(denials) / sizeof(*denials); i++) {
		const enum policy_verdict v = denials[i].verdict;

		if (!strstr(why, v == POLICY_GRANT ? "(max-sessions)" : policy_reason(v)))
			continue;
		report_pass(r, REPORT_LOGIN, "the server knows %s", identity_name(identity));
		if (v == POLICY_GRANT && own) {
			snprintf(
			    remedy, sizeof(remedy),
			    "%s is there, and max-sessions allows no more; to have this looked "
			    "at end it first",
			    own);
			report_skip(r, REPORT_PERMITTED, remedy);
			return;
		}
		report_fail(r, denials[i].step,
			    v == POLICY_GRANT ? "end another session of this key, or set a "
						"larger max-sessions in its line"
					      : policy_remedy(v),
			    "%.*s", (int)strcspn(why, ";"), why);
		return;
	}
	if (strstr(why, DENIAL_NOT_ENOUGH)) {
		report_fail(r, REPORT_LOGIN, NULL, "%s", why);
		return;
	}
	/* Another server of ours, or a later one, gave a reason: the key is listed. */
	if (strstr(why, "(session ")) {
		report_fail(r, REPORT_LOGIN, "the server says why; its log has more", "%.*s",
			    (int)strcspn(why, ";"), why);
		return;
	}
	snprintf(remedy, sizeof(remedy),
		 "add this line to the server's allow list (of an OpenSSH server: "
		 "~/.ssh/authorized_keys): %s",
		 line ? line : "");
	report_fail(r, REPORT_LOGIN, remedy, "%.*s", (int)strcspn(why, ";"), why);
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
	else if (step == REPORT_SSH && s->via)
		snprintf(remedy, sizeof(remedy),
			 "run that command by itself: the first that it prints must be the banner "
			 "of an SSH server, SSH-2.0-...");
	else if (step == REPORT_SSH)
		snprintf(remedy, sizeof(remedy),
			 "is that an SSH server? One without encrypt-then-MAC, or in FIPS mode, "
			 "needs algorithms = \"compatible\"");
	else
		snprintf(remedy, sizeof(remedy), "its log tells why it ended the session");
	/* Of all others why may be the server's own words, which are no remedy of ours. */
	report_fail(r, step, strncmp(why, AGENT_SAYS, strlen(AGENT_SAYS)) == 0 ? NULL : remedy,
		    "%s", why);
}

/* A name is judged here; what an address names only the server knows.  asks: the option that asks
 * for it.  Whether there was something to say. */
static bool report_destination(struct report *r, const struct settings *s,
			       const struct destination *to, const char *asks, const char *endpoint)
{
	char text[1024];

	if (destination_misses(to, asks, endpoint, text, sizeof(text))) {
		report_fail(r, REPORT_PERMITTED, NULL, "%s", text);
		return true;
	}
	if ((to->kind != DESTINATION_TCP && to->kind != DESTINATION_UNIX) ||
	    s->check == SETTINGS_CHECK_CONNECT)
		return false;
	snprintf(text, sizeof(text), "whether %s names endpoint %s only --check=connect tells",
		 asks, endpoint);
	report_skip(r, REPORT_PERMITTED, text);
	return true;
}

static void report_permitted(struct report *r, const struct settings *s, const char *endpoint)
{
	char asks[384], to[DESTINATION_HOST + 16];

	for (size_t i = 0; i < s->n_specs; i++) {
		snprintf(asks, sizeof(asks), "-L %s", s->specs[i].text);
		if (report_destination(r, s, &s->specs[i].to, asks, endpoint))
			return;
	}
	snprintf(asks, sizeof(asks), "--stdio=%s",
		 destination_format(&s->stdio_to, to, sizeof(to)));
	if (!report_destination(r, s, &s->stdio_to, asks, endpoint) &&
	    s->check != SETTINGS_CHECK_CONNECT)
		report_pass(r, REPORT_PERMITTED, "endpoint %s", endpoint);
}

void findings_absent(struct report *r, const char *endpoint, const char *what)
{
	report_fail(
	    r, REPORT_PRESENT,
	    strstr(what, strerror(EACCES))
		? "let the server's user (\"user\" in its settings) connect: that takes write "
		  "permission for the socket, by its mode or its group, and search "
		  "permission (x) for every folder above it"
		: "start it on the server, or correct its address in the server's "
		  "settings; --check=connect tries it",
	    "endpoint %s: %s", endpoint, what);
}

static void report_present(struct report *r, const struct settings *s, const char *status,
			   const char *endpoint)
{
	char present[16], accessible[16], result[128], age[24], what[256];

	json_value(status, "endpoint.present", present, sizeof(present));
	json_value(status, "endpoint.accessible", accessible, sizeof(accessible));
	json_value(status, "endpoint.last_dial.result", result, sizeof(result));
	json_value(status, "endpoint.last_dial.age_seconds", age, sizeof(age));
	snprintf(what, sizeof(what), "the last connect, %s s ago: %s", age, result);
	if (strcmp(present, "false") == 0)
		findings_absent(r, endpoint, "its socket is not there");
	else if (strcmp(accessible, "false") == 0)
		findings_absent(r, endpoint,
				"Permission denied: the server's user may not connect to its "
				"socket");
	else if (s->check == SETTINGS_CHECK_CONNECT)
		return;
	else if (strcmp(present, "true") == 0 &&
		 (strcmp(accessible, "true") == 0 || strcmp(result, strerror(EACCES)) != 0))
		report_pass(r, REPORT_PRESENT, "its socket is there");
	else if (strcmp(result, "-") == 0)
		report_skip(r, REPORT_PRESENT,
			    "nobody has connected to it yet; only --check=connect tells");
	else if (strcmp(result, "connected") == 0)
		report_pass(r, REPORT_PRESENT, "%s", what);
	else
		findings_absent(r, endpoint, what);
}

int findings_status(struct report *r, const struct settings *s, const char *status,
		    enum endpoint_kind *kind)
{
	char source[ADDRESS_TEXT], expires[64], endpoint[ENDPOINT_NAME], text[16];

	report_pass(r, REPORT_SOURCE, "the server sees %s",
		    json_value(status, "source", source, sizeof(source)));
	if (strcmp(json_value(status, "key.expires", expires, sizeof(expires)), "-") == 0)
		report_pass(r, REPORT_VALIDITY, "now, and without an end");
	else
		report_pass(r, REPORT_VALIDITY, "now, until %s", expires);
	json_value(status, "endpoint.name", endpoint, sizeof(endpoint));
	report_permitted(r, s, endpoint);
	report_present(r, s, status, endpoint);
	return endpoint_kind_parse(json_value(status, "endpoint.kind", text, sizeof(text)), kind);
}
