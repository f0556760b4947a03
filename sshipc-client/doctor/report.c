// SPDX-License-Identifier: BSD-2-Clause
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "log.h"

enum { TEXT = 2048, REMEDY = 10240 }; /* a remedy may hold a public key */

enum result { NONE, PASS, FAIL, SKIP };

static const char *const results[] = {"", "pass", "FAIL", "skip"};
static const char *const json_results[] = {"", "pass", "fail", "skip"};

static const struct {
	const char *name, *title;
} steps[] = {
    [REPORT_KEY] = {"key", "our key"},
    [REPORT_NAME] = {"name", "name resolution"},
    [REPORT_TCP] = {"tcp", "TCP connect"},
    [REPORT_SSH] = {"ssh", "SSH key exchange"},
    [REPORT_HOST_KEY] = {"host-key", "host key"},
    [REPORT_LOGIN] = {"login", "key known there"},
    [REPORT_SOURCE] = {"source", "source address"},
    [REPORT_VALIDITY] = {"validity", "validity"},
    [REPORT_PERMITTED] = {"permitted", "endpoint permitted"},
    [REPORT_PRESENT] = {"present", "endpoint present"},
    [REPORT_LISTENER] = {"listener", "local listener"},
    [REPORT_ENVIRONMENT] = {"environment", "environment"},
};

struct report {
	bool json;
	int next; /* to be printed */
	struct line {
		enum result result;
		char text[TEXT], remedy[REMEDY];
	} lines[REPORT_STEPS];
};

struct report *report_new(bool json)
{
	struct report *r = xcalloc(1, sizeof(*r));

	r->json = json;
	r->next = 1;
	return r;
}

static void print_json(const struct report *r, int step)
{
	const struct line *l = &r->lines[step];
	char text[2 * TEXT], remedy[2 * REMEDY];

	log_json_escape(text, sizeof(text), l->text, strlen(l->text));
	log_json_escape(remedy, sizeof(remedy), l->remedy, strlen(l->remedy));
	printf("{\"step\":%d,\"name\":\"%s\",\"result\":\"%s\",\"text\":\"%s\",\"remedy\":%s%s%s}"
	       "\n",
	       step, steps[step].name, json_results[l->result], text, remedy[0] ? "\"" : "",
	       remedy[0] ? remedy : "null", remedy[0] ? "\"" : "");
}

static void print_text(const struct report *r, int step)
{
	const struct line *l = &r->lines[step];
	char text[2 * TEXT], remedy[2 * REMEDY];

	printf("%2d. %-19s %s  %s\n", step, steps[step].title, results[l->result],
	       log_clean(text, sizeof(text), l->text, strlen(l->text)));
	if (l->remedy[0])
		printf("%30s%s\n",
		       "remedy: ", log_clean(remedy, sizeof(remedy), l->remedy, strlen(l->remedy)));
}

static void print_ready(struct report *r)
{
	for (; r->next < REPORT_STEPS && r->lines[r->next].result != NONE; r->next++)
		(r->json ? print_json : print_text)(r, r->next);
	fflush(stdout);
}

static struct line *__attribute__((format(printf, 4, 0)))
set(struct report *r, enum report_step step, enum result result, const char *fmt, va_list ap)
{
	struct line *l = &r->lines[step];

	if (l->result != NONE)
		return NULL;
	l->result = result;
	vsnprintf(l->text, sizeof(l->text), fmt, ap);
	return l;
}

void report_pass(struct report *r, enum report_step step, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set(r, step, PASS, fmt, ap);
	va_end(ap);
	print_ready(r);
}

void report_fail(struct report *r, enum report_step step, const char *remedy, const char *fmt, ...)
{
	struct line *l;
	va_list ap;
	char *found = NULL;

	va_start(ap, fmt);
	l = set(r, step, FAIL, fmt, ap);
	va_end(ap);
	for (char *p = l ? strstr(l->text, "; ") : NULL; p && !remedy; p = strstr(p + 1, "; "))
		found = p;
	if (l)
		snprintf(l->remedy, sizeof(l->remedy), "%s",
			 found	  ? found + 2
			 : remedy ? remedy
				  : "");
	if (found)
		*found = '\0';
	print_ready(r);
}

void report_skip(struct report *r, enum report_step step, const char *why)
{
	struct line *l = &r->lines[step];

	if (l->result == NONE) {
		l->result = SKIP;
		snprintf(l->text, sizeof(l->text), "%s", why);
	}
	print_ready(r);
}

void report_close(struct report *r, enum report_step before)
{
	const int failed = report_failed(r);
	char why[64];

	snprintf(why, sizeof(why), failed ? "step %d failed" : "not reached", failed);
	for (int i = 1; i < (int)before; i++)
		report_skip(r, (enum report_step)i, why);
}

int report_failed(const struct report *r)
{
	for (int i = 1; i < REPORT_STEPS; i++) {
		if (r->lines[i].result == FAIL)
			return i;
	}
	return 0;
}

int report_end(struct report *r)
{
	const int failed = report_failed(r);

	report_close(r, REPORT_STEPS);
	if (!r->json && failed)
		printf("step %d failed: %s\n", failed, steps[failed].title);
	else if (!r->json)
		printf("all is well\n");
	else if (failed)
		printf("{\"ok\":false,\"failed\":%d}\n", failed);
	else
		printf("{\"ok\":true,\"failed\":null}\n");
	free(r);
	return failed;
}
