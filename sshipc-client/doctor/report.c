// SPDX-License-Identifier: BSD-2-Clause
/*
 * In the doctor (--check), called by all of it.  The one place that prints: steps in their order,
 * each with what was looked at, the cause and the remedy.
 */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "json.h"
#include "log.h"

enum { TEXT = 2048, REMEDY = 10240 }; /* a remedy may hold a public key */

enum result { NONE, PASS, FAIL, SKIP };

static const struct {
	const char *text, *json;
} results[] = {[PASS] = {"pass", "pass"}, [FAIL] = {"FAIL", "fail"}, [SKIP] = {"skip", "skip"}};

static const struct {
	const char *name, *title, *remedy; /* the usual one, where a fault brings none */
} steps[] = {
    [REPORT_KEY] = {"key", "our key",
		    "name the private key with -i FILE; sshipc-client --keygen FILE makes one"},
    [REPORT_NAME] = {"name", "name resolution", ""},
    [REPORT_TCP] = {"tcp", "TCP connect", ""},
    [REPORT_SSH] = {"ssh", "SSH key exchange", ""},
    [REPORT_HOST_KEY] = {"host-key", "host key",
			 "compare it with what ssh-keygen -lf prints on the server; if that is "
			 "right, --hostkey SHA256:..."},
    [REPORT_LOGIN] = {"login", "key known there", ""},
    [REPORT_SOURCE] = {"source", "source address", ""},
    [REPORT_VALIDITY] = {"validity", "validity", ""},
    [REPORT_PERMITTED] = {"permitted", "endpoint permitted", ""},
    [REPORT_PRESENT] = {"present", "endpoint present", ""},
    [REPORT_LISTENER] = {"listener", "local listener", ""},
    [REPORT_ENVIRONMENT] = {"environment", "environment", ""},
};

struct report {
	bool json;
	const char *server;
	int next; /* to be printed */
	struct line {
		enum result result;
		char text[TEXT], remedy[REMEDY];
	} lines[REPORT_STEPS];
};

struct report *report_new(bool json, const char *server)
{
	struct report *r = xcalloc(1, sizeof(*r));

	r->json = json;
	r->server = server;
	r->next = 1;
	if (server && !json)
		printf("server %s\n", server);
	return r;
}

static void print_json(const struct line *l, int step, const char *server)
{
	char text[2 * (TEXT + REMEDY)];
	struct json_out o = {text, sizeof(text), 0};

	json_put(&o, NULL, "{");
	if (server)
		json_text(&o, "server", server);
	json_put(&o, "step", "%d", step);
	json_text(&o, "name", steps[step].name);
	json_text(&o, "result", results[l->result].json);
	json_text(&o, "text", l->text);
	json_text(&o, "remedy", l->remedy[0] ? l->remedy : NULL);
	json_close(&o, '}');
	puts(text);
}

static void print_text(const struct line *l, int step, const char *server)
{
	char text[2 * TEXT], remedy[2 * REMEDY];

	printf("%2d. %-19s %s  %s\n", step, steps[step].title, results[l->result].text,
	       log_clean(text, sizeof(text), l->text, strlen(l->text)));
	if (l->remedy[0])
		printf("%30s%s\n",
		       "remedy: ", log_clean(remedy, sizeof(remedy), l->remedy, strlen(l->remedy)));
}

/* The first result of a step stays.  Prints what its turn has come for. */
static void put(struct report *r, enum report_step step, enum result result, const char *text,
		const char *remedy)
{
	struct line *l = &r->lines[step];

	if (l->result != NONE)
		return;
	l->result = result;
	snprintf(l->text, sizeof(l->text), "%s", text);
	snprintf(l->remedy, sizeof(l->remedy), "%s", remedy);
	for (; r->next < REPORT_STEPS && r->lines[r->next].result != NONE; r->next++)
		(r->json ? print_json : print_text)(&r->lines[r->next], r->next, r->server);
	fflush(stdout);
}

void report_pass(struct report *r, enum report_step step, const char *fmt, ...)
{
	char text[TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put(r, step, PASS, text, "");
}

void report_skip(struct report *r, enum report_step step, const char *fmt, ...)
{
	char text[TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put(r, step, SKIP, text, "");
}

void report_fail(struct report *r, enum report_step step, const char *remedy, const char *fmt, ...)
{
	char text[TEXT], *last = NULL;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *p = text; !remedy && (p = strstr(p, "; ")); p++)
		last = p;
	if (last) {
		*last = '\0';
		remedy = last + 2;
	}
	put(r, step, FAIL, text, remedy ? remedy : steps[step].remedy);
}

void report_close(struct report *r, enum report_step before)
{
	const int failed = report_failed(r);

	for (int i = 1; i < (int)before; i++)
		report_skip(r, (enum report_step)i, failed ? "step %d failed" : "not reached",
			    failed);
}

int report_failed(const struct report *r)
{
	for (int i = 1; i < REPORT_STEPS; i++) {
		if (r->lines[i].result == FAIL)
			return i;
	}
	return 0;
}

static void print_verdict(bool json, int failed)
{
	if (!json && failed)
		printf("step %d failed: %s\n", failed, steps[failed].title);
	else if (!json)
		printf("all is well\n");
	else if (failed)
		printf("{\"ok\":false,\"failed\":%d}\n", failed);
	else
		printf("{\"ok\":true,\"failed\":null}\n");
}

int report_end(struct report *r)
{
	const int failed = report_failed(r);

	report_close(r, REPORT_STEPS);
	if (!r->json || !r->server)
		print_verdict(r->json, failed);
	free(r);
	return failed;
}

void report_all(bool json, size_t n, int failed)
{
	if (!json)
		printf("of %zu servers: ", n);
	print_verdict(json, failed);
}
