// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in `sshipc-server ctl`, for ctl.c, which has the whole answer of the control socket.  It
 * prints, and knows nothing of the server but that answer.
 */
#include "ctl_print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "json.h"

#define CELL 320

static const char *plural(const char *number)
{
	return strcmp(number, "1") == 0 ? "" : "s";
}

static void format_age(char *text, size_t size)
{
	const long long s = strtoll(text, NULL, 10);

	if (s >= 86400)
		snprintf(text, size, "%lldd%02lldh", s / 86400, s / 3600 % 24);
	else if (s >= 3600)
		snprintf(text, size, "%lldh%02lldm", s / 3600, s / 60 % 60);
	else if (s >= 60)
		snprintf(text, size, "%lldm%02llds", s / 60, s % 60);
	else
		snprintf(text, size, "%llds", s);
}

static void format_source(const char *json, char *out, size_t size)
{
	char host[CELL / 2], port[16];

	json_value(json, "source_port", port, sizeof(port));
	address_format_port(json_value(json, "source", host, sizeof(host)),
			    (unsigned)strtoul(port, NULL, 10), out, size);
}

/* ---- who ---- */

struct column {
	const char *title, *path;
	enum { PLAIN, SOURCE, AGE } form;
};

enum { COLUMNS_MAX = 16 };

static const struct column who[] = {
    {"ID", "connection", PLAIN},
    {"KEY", "key.name", PLAIN},
    {"FINGERPRINT", "key.fingerprint", PLAIN},
    {"ADDRESS", "source", SOURCE},
    {"ENDPOINT", "endpoint.name", PLAIN},
    {"STATE", "state", PLAIN},
    {"CHANNELS", "channels", PLAIN},
    {"TO", "claimed_bytes_to_endpoint", PLAIN},
    {"FROM", "claimed_bytes_from_endpoint", PLAIN},
    {"AGE", "age_seconds", AGE},
    {"IDLE", "idle_seconds", AGE},
    {"CLIENT", "client", PLAIN},
};

static const struct column pending[] = {
    {"FINGERPRINT", "fingerprint", PLAIN},
    {"TIME", "time", PLAIN},
    {"ADDRESS", "address", PLAIN},
    {"USER", "user", PLAIN},
};

static const char *cell(const char *json, const struct column *c, char out[CELL])
{
	if (c->form == SOURCE)
		format_source(json, out, CELL);
	else
		json_value(json, c->path, out, CELL);
	if (c->form == AGE)
		format_age(out, CELL);
	return out;
}

static bool is_data(const char *line)
{
	return strncmp(line, "{\"ok\":", 6) != 0;
}

/* Ends the line at p; returns the next one, or NULL. */
static char *cut(char *p)
{
	char *end = strchr(p, '\n');

	if (end)
		*end = '\0';
	return end && end[1] ? end + 1 : NULL;
}

static void print_table(char *answer, const struct column *columns, int n)
{
	int width[COLUMNS_MAX];
	char text[CELL], *next;

	for (int i = 0; i < n; i++)
		width[i] = (int)strlen(columns[i].title);
	for (const char *p = answer; is_data(p); p = strchr(p, '\n') + 1)
		for (int i = 0; i < n; i++) {
			const int len = (int)strlen(cell(p, &columns[i], text));

			width[i] = len > width[i] ? len : width[i];
		}
	for (int i = 0; i < n; i++)
		printf("%-*s%s", i + 1 < n ? width[i] : 0, columns[i].title,
		       i + 1 < n ? "  " : "\n");
	for (char *p = answer; p && is_data(p); p = next) {
		next = cut(p);
		for (int i = 0; i < n; i++)
			printf("%-*s%s", i + 1 < n ? width[i] : 0, cell(p, &columns[i], text),
			       i + 1 < n ? "  " : "\n");
	}
}

void ctl_print_who(char *answer)
{
	print_table(answer, who, sizeof(who) / sizeof(*who));
}

void ctl_print_pending(char *answer)
{
	print_table(answer, pending, sizeof(pending) / sizeof(*pending));
}

void ctl_print_ended(char *answer)
{
	char id[16], name[CELL], fingerprint[CELL], source[CELL], *next;

	for (char *p = answer; p && is_data(p); p = next) {
		next = cut(p);
		format_source(p, source, sizeof(source));
		printf("ending session %s: %s (%s), %s\n",
		       json_value(p, "connection", id, sizeof(id)),
		       json_value(p, "key.name", name, sizeof(name)),
		       json_value(p, "key.fingerprint", fingerprint, sizeof(fingerprint)), source);
	}
}

/* ---- status ---- */

static void print_line(const char *title, const char *text)
{
	printf("%-12s  %s\n", title, text);
}

static void print_endpoint(const char *json)
{
	char name[64], at[1024], last[256], age[32] = "";

	json_value(json, "name", name, sizeof(name));
	json_value(json, "address", at, sizeof(at));
	json_value(json, "last_dial", last, sizeof(last));
	if (last[0] == '{') {
		json_value(json, "last_dial.age_seconds", age, sizeof(age));
		format_age(age, sizeof(age));
		json_value(json, "last_dial.result", last, sizeof(last));
	}
	printf("%-12s  %s, %s; last dial: %s%s%s%s\n", "endpoint", name, at,
	       age[0] ? last : "none yet", age[0] ? ", " : "", age, age[0] ? " ago" : "");
}

/* The limits that were reached at least once. */
static void print_limits(const char *p)
{
	char name[64], n[32];

	while (p && (*p == '{' || *p == ',')) {
		p = json_copy(p + 1, name, sizeof(name));
		p = json_copy(p + 1, n, sizeof(n));
		if (strcmp(n, "0") != 0)
			printf("%-12s  %s was reached %s time%s\n", "limit", name, n, plural(n));
	}
}

/* The sum of an object's members. */
static unsigned long long sum(const char *p)
{
	unsigned long long all = 0;
	char name[64], n[32];

	while (p && (*p == '{' || *p == ',')) {
		p = json_copy(p + 1, name, sizeof(name));
		p = json_copy(p + 1, n, sizeof(n));
		all += strtoull(n, NULL, 10);
	}
	return all;
}

/* Of the generation in charge; those before it have sessions, and nothing else to tell. */
static void print_older(char *p)
{
	char number[32], n[32], *next;

	for (; p && is_data(p); p = next) {
		next = cut(p);
		json_value(p, "sessions", n, sizeof(n));
		printf("%-12s  %s, older: it has %s session%s left\n", "generation",
		       json_value(p, "generation", number, sizeof(number)), n, plural(n));
	}
}

void ctl_print_status(char *answer)
{
	char text[8192], more[64], *older = cut(answer);
	const char *p;

	print_line("version", json_value(answer, "version", text, sizeof(text)));
	json_value(answer, "uptime_seconds", text, sizeof(text));
	format_age(text, sizeof(text));
	print_line("uptime", text);
	for (p = json_find(answer, "listen"); p && (*p == '[' || *p == ',') && p[1] == '"';) {
		p = json_copy(p + 1, text, sizeof(text));
		print_line("listening", text);
	}
	printf("%-12s  %s, %s of them not logged in\n", "sessions",
	       json_value(answer, "sessions", text, sizeof(text)),
	       json_value(answer, "unauthenticated", more, sizeof(more)));
	printf("%-12s  %s granted since the start, %llu refused\n", "logins",
	       json_value(answer, "totals.logins", text, sizeof(text)),
	       sum(json_find(answer, "logins_refused")));
	printf("%-12s  %s open; %s granted since the start, %llu refused\n", "channels",
	       json_value(answer, "channels", more, sizeof(more)),
	       json_value(answer, "totals.opens", text, sizeof(text)),
	       sum(json_find(answer, "opens_refused")));
	print_limits(json_find(answer, "limits"));
	json_value(answer, "keys", more, sizeof(more));
	printf("%-12s  %s, %s key%s in force\n", "allow list",
	       json_value(answer, "allowlist", text, sizeof(text)), more, plural(more));
	if (strtoul(json_value(answer, "keys_without_endpoint", more, sizeof(more)), NULL, 10) > 0)
		printf("%-12s  %s of these lines grant%s nothing: their endpoints are not in the "
		       "server; sshipc-server ctl upgrade reads server.conf\n",
		       "", more, strcmp(more, "1") == 0 ? "s" : "");
	if (strcmp(json_value(answer, "fault", text, sizeof(text)), "-") != 0)
		printf("%-12s  the file is NOT in force: %s\n", "", text);
	json_value(answer, "pending", more, sizeof(more));
	if (strcmp(json_value(answer, "pending_open", text, sizeof(text)), "true") == 0)
		printf("%-12s  %s key%s; OPEN: unknown keys are remembered (pending_from)\n",
		       "pending", more, plural(more));
	else if (strcmp(more, "0") != 0)
		printf("%-12s  %s key%s; closed by pending_until\n", "pending", more, plural(more));
	for (p = json_first(json_find(answer, "endpoints")); p; p = json_next(p))
		print_endpoint(p);
	print_older(older);
}

void ctl_print_older(char *answer)
{
	char number[32], summary[2048];

	for (char *next, *line = answer; (next = cut(line)); line = next)
		printf("generation %s: %s\n",
		       json_value(line, "generation", number, sizeof(number)),
		       json_value(line, "summary", summary, sizeof(summary)));
}
