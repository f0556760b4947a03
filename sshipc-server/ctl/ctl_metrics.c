// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in `sshipc-server ctl`, called by ctl.c, which has the whole answer of the control socket.
 * The monitor counts, and knows nothing of this form; here nothing is counted but the buckets of a
 * histogram, each of which has those before it.
 */
#include "ctl_metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

#define LABELS 512 /* of a sample */

struct family {
	const char *name;
	enum { GAUGE, COUNTER, HISTOGRAM } type;
	const char *unit; /* the end of the name; "": none */
	const char *help;
	const char *path; /* of a number, true, false or null, which is left out; or of an object */
	const char *label; /* of an object: each member is a sample, its name the label's value */
	/* TEXT: 1 where there is one, else 0 */
	enum { SERVER, TEXT, ENDPOINT } of;
};

static const struct family families[] = {
    {"start_time_seconds", GAUGE, "seconds", "When it started, since the epoch.",
     .path = "started"},
    {"sessions", GAUGE, "", "Connections, logged in or not.", .path = "sessions"},
    {"sessions_limit", GAUGE, "", "The most sessions (max_sessions).", .path = "max_sessions"},
    {"unauthenticated", GAUGE, "", "Connections that are not logged in.",
     .path = "unauthenticated"},
    {"channels", GAUGE, "", "Channels that are open.", .path = "channels"},
    {"connections", COUNTER, "", "Connections that were accepted.", .path = "totals.connections"},
    {"logins", COUNTER, "", "Logins that were granted.", .path = "totals.logins"},
    {"logins_refused", COUNTER, "", "Keys and logins that were refused.", .path = "logins_refused",
     .label = "reason"},
    {"opens", COUNTER, "", "Opens that were granted.", .path = "totals.opens"},
    {"opens_refused", COUNTER, "", "Opens and requests that were refused.", .path = "opens_refused",
     .label = "reason"},
    {"dials", COUNTER, "", "Connects to the endpoint, by result.", .path = "dials",
     .label = "result", .of = ENDPOINT},
    {"dial_seconds", HISTOGRAM, "seconds", "How long those took that connected.",
     .path = "connect_ms", .label = "le", .of = ENDPOINT},
    {"endpoint_present", GAUGE, "", "Whether the endpoint's socket file is there.",
     .path = "present", .of = ENDPOINT},
    {"claimed_bytes_to_endpoint", COUNTER, "", "Bytes of clients, as the sessions count them.",
     .path = "totals.claimed_bytes_to_endpoint"},
    {"claimed_bytes_from_endpoint", COUNTER, "", "Bytes of endpoints, as the sessions count them.",
     .path = "totals.claimed_bytes_from_endpoint"},
    {"limit_hits", COUNTER, "", "How often a limit was reached.", .path = "limits",
     .label = "limit"},
    {"rekeys", COUNTER, "", "Key exchanges of running sessions.", .path = "totals.rekeys"},
    {"keys", GAUGE, "", "Keys of the allow list in force.", .path = "keys"},
    {"keys_without_endpoint", GAUGE, "", "Those whose endpoint this server does not have.",
     .path = "keys_without_endpoint"},
    {"pending_keys", GAUGE, "", "Unlisted keys that wait for approval.", .path = "pending"},
    {"allowlist_fault", GAUGE, "", "Whether a fault keeps the file from being in force.",
     .path = "fault", .of = TEXT},
    {"reloads", COUNTER, "", "Lists that came into force.", .path = "totals.reloads"},
    {"reloads_refused", COUNTER, "", "Lists that had a fault.", .path = "totals.reloads_refused"},
    {"log_lines_dropped", COUNTER, "", "Log lines that the log did not take.",
     .path = "totals.log_lines_dropped"},
};

/* Adds a label; the value may be text of a peer, as json_copy leaves it. */
static void add_label(char labels[LABELS], const char *name, const char *value)
{
	size_t n = strlen(labels);

	n += (size_t)snprintf(labels + n, LABELS - n, "%s%s=\"", n ? "," : "", name);
	for (; *value && n < LABELS - 4; value++) {
		if (strchr("\\\"", *value))
			labels[n++] = '\\';
		labels[n++] = *value;
	}
	snprintf(labels + n, LABELS - n, "\"");
}

/* True and false are 1 and 0; null, and what is not there, is no sample. */
static void print_sample(const struct family *f, const char *suffix, const char *labels,
			 const char *value)
{
	if (strcmp(value, "-") != 0)
		printf("sshipc_%s%s{%s} %s\n", f->name, suffix, labels,
		       strcmp(value, "true") == 0    ? "1"
		       : strcmp(value, "false") == 0 ? "0"
						     : value);
}

/* Each member of the object at p. */
static void print_members(const struct family *f, const char *labels, const char *p)
{
	char name[64], value[32], more[LABELS];

	while (p && (*p == '{' || *p == ',') && p[1] == '"') {
		p = json_copy(p + 1, name, sizeof(name));
		p = json_copy(p + 1, value, sizeof(value));
		snprintf(more, sizeof(more), "%s", labels);
		add_label(more, f->label, name);
		print_sample(f, "_total", more, value);
	}
}

/* The members of the object at p are the limits of the buckets in milliseconds, "more" the last. */
static void print_histogram(const struct family *f, const char *labels, const char *object,
			    const char *p)
{
	unsigned long long sum = 0;
	unsigned long ms;
	char name[64], value[32] = "-", more[LABELS];

	while (p && (*p == '{' || *p == ',') && p[1] == '"') {
		p = json_copy(p + 1, name, sizeof(name));
		p = json_copy(p + 1, value, sizeof(value));
		sum += strtoull(value, NULL, 10);
		ms = strtoul(name, NULL, 10);
		/* A whole number ends in ".0", as OpenMetrics has it. */
		snprintf(name, sizeof(name), ms % 1000 ? "%g" : "%.1f", (double)ms / 1000);
		snprintf(value, sizeof(value), "%llu", sum);
		snprintf(more, sizeof(more), "%s", labels);
		add_label(more, f->label, ms ? name : "+Inf"); /* which is "more" there */
		print_sample(f, "_bucket", more, value);
	}
	if (!p)
		return;
	print_sample(f, "_count", labels, value);
	snprintf(value, sizeof(value), "%.6f",
		 strtod(json_value(object, "connect_us", name, sizeof(name)), NULL) / 1e6);
	print_sample(f, "_sum", labels, value);
}

/* object: a generation, or one of its endpoints. */
static void print_object(const struct family *f, const char *labels, const char *object)
{
	char value[32];

	if (f->of == TEXT)
		print_sample(f, "", labels,
			     *json_value(object, f->path, value, sizeof(value)) == '-' ? "0" : "1");
	else if (f->type == HISTOGRAM)
		print_histogram(f, labels, object, json_find(object, f->path));
	else if (f->label)
		print_members(f, labels, json_find(object, f->path));
	else
		print_sample(f, f->type == COUNTER ? "_total" : "", labels,
			     json_value(object, f->path, value, sizeof(value)));
}

/* row: a generation. */
static void print_samples(const struct family *f, const char *row)
{
	char labels[LABELS] = "", name[64], of_endpoint[LABELS];

	add_label(labels, "generation", json_value(row, "generation", name, sizeof(name)));
	if (f->of != ENDPOINT)
		print_object(f, labels, row);
	for (const char *e = json_first(json_find(row, "endpoints")); f->of == ENDPOINT && e;
	     e = json_next(e)) {
		snprintf(of_endpoint, sizeof(of_endpoint), "%s", labels);
		add_label(of_endpoint, "endpoint", json_value(e, "name", name, sizeof(name)));
		print_object(f, of_endpoint, e);
	}
}

static void print_build(const struct family *f, const char *row)
{
	static const char *const names[] = {"generation", "version", "libssh"};
	char labels[LABELS] = "", value[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		add_label(labels, names[i], json_value(row, names[i], value, sizeof(value)));
	print_sample(f, "", labels, "1");
}

/* The samples of a family stand together, those of all generations. */
static void print_family(const struct family *f, const char *answer, bool strict,
			 void (*print)(const struct family *f, const char *row))
{
	static const char *const types[] = {"gauge", "counter", "histogram"};
	const char *suffix = f->type == COUNTER && !strict ? "_total" : "";

	printf("# HELP sshipc_%s%s %s\n# TYPE sshipc_%s%s %s\n", f->name, suffix, f->help, f->name,
	       suffix, types[f->type]);
	if (*f->unit)
		printf("# UNIT sshipc_%s %s\n", f->name, f->unit);
	for (const char *row = answer; strncmp(row, "{\"ok\":", 6) != 0;
	     row = strchr(row, '\n') + 1)
		print(f, row);
}

void ctl_print_metrics(const char *answer, bool strict)
{
	static const struct family build = {"build_info", GAUGE, "",
					    "Versions, of it and of libssh.", .path = ""};

	print_family(&build, answer, strict, print_build);
	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
		print_family(&families[i], answer, strict, print_samples);
	printf("# EOF\n");
}
