// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "ratelimit.h"

static char written[1 << 15];
static uint64_t lost;
static struct event_base *base;
static struct ratelimit *r;

static void keep(int priority, const char *text)
{
	const size_t used = strlen(written);

	snprintf(written + used, sizeof(written) - used, "%s\n", text);
}

static void set_up(void)
{
	base = event_base_new();
	r = ratelimit_new(base, &lost);
	cr_assert(base && r);
	log_redirect(keep);
}

static void tear_down(void)
{
	ratelimit_free(r);
	event_base_free(base);
}

TestSuite(ratelimit, .init = set_up, .fini = tear_down);

/* How many of n lines were to be written. */
static int say_of(enum ratelimit_budget b, const char *who, const char *event, const char *subject,
		  int n)
{
	int lines = 0;

	while (n-- > 0)
		lines += ratelimit_may(r, b, who, event, subject);
	return lines;
}

static int say(const char *event, const char *subject, int n)
{
	return say_of(RATELIMIT_SECURITY, "us", event, subject, n);
}

/* n kinds of it, of one or each of another; how many were written. */
static int say_many(enum ratelimit_budget b, const char *who, int n)
{
	char subject[32], other[32];
	int lines = 0;

	for (int i = 0; i < n; i++) {
		snprintf(subject, sizeof(subject), "%d", i);
		snprintf(other, sizeof(other), "10.%d.%d.1", i / 256, i % 256);
		lines += say_of(b, who ? who : other, "e", subject, 1);
	}
	return lines;
}

Test(ratelimit, the_first_are_written_the_others_counted)
{
	cr_expect_eq(say("e", "few", RATELIMIT_LINES), RATELIMIT_LINES);
	cr_expect_eq(say("e", "many", 1000), RATELIMIT_LINES);
	cr_expect_str_eq(written, "", "before the minute is over");
	ratelimit_end_minute(r);
	cr_expect_str_eq(written, "repeated 995 times more within a minute: many\n");
}

Test(ratelimit, event_and_subject_make_the_kind)
{
	static const char *const kinds[][2] = {{"a", "x"}, {"a", "y"}, {"b", "x"}, {"ax", ""}};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		cr_expect_eq(say(kinds[i][0], kinds[i][1], 9), RATELIMIT_LINES, "kind %zu", i);
}

Test(ratelimit, a_new_minute_begins_anew)
{
	cr_expect_eq(say_many(RATELIMIT_SECURITY, "us", 100), RATELIMIT_OWN);
	cr_expect_eq(say("e", "0", 100), RATELIMIT_LINES - 1);
	ratelimit_end_minute(r);
	cr_expect_eq(say("e", "0", 100), RATELIMIT_LINES);
	cr_expect_eq(say_many(RATELIMIT_SECURITY, "us", 100), RATELIMIT_OWN - 1);
}

/* A minute ends by itself, but only one in which something was said. */
Test(ratelimit, the_timer_runs_only_when_needed)
{
	cr_expect_eq(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
	say("e", "s", 1);
	cr_expect_eq(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 1);
	ratelimit_end_minute(r);
	cr_expect_eq(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
}

/* The line that a budget refused stays refused, however often it comes. */
Test(ratelimit, a_source_has_its_share)
{
	for (int again = 0; again < 3; again++)
		for (int b = 0; b < RATELIMIT_BUDGETS; b++)
			cr_expect_eq(say_many(b, "one", 100),
				     again && b == RATELIMIT_ARRIVAL ? 0 : RATELIMIT_OWN,
				     "%d of budget %d", again, b);
	cr_expect_eq(lost, 4 * 3 * (100 - RATELIMIT_OWN));
	for (int b = 0; b < RATELIMIT_BUDGETS; b++)
		cr_expect_eq(say_of(b, "another", "e", "0", 1), 1, "budget %d", b);
}

/* More sources than there are places cannot take a line from any other one, nor can ordinary lines.
 */
Test(ratelimit, nobody_silences_another)
{
	cr_expect_eq(say_many(RATELIMIT_OF_STRANGERS, NULL, 20000), RATELIMIT_ORDINARY);
	cr_expect_eq(say_many(RATELIMIT_OF_KEYS, NULL, 20000), RATELIMIT_ORDINARY);
	cr_expect_eq(say_many(RATELIMIT_ARRIVAL, NULL, 20000), RATELIMIT_ARRIVALS);
	cr_expect_eq(say_many(RATELIMIT_SECURITY, NULL, 20000), 20000);
	cr_expect_eq(say_of(RATELIMIT_SECURITY, "192.0.2.9", "e", "s", 1), 1);
}

/* Who causes most keeps his counts, however many others there are. */
Test(ratelimit, a_flood_stays_limited_beside_others)
{
	int lines = 0;

	for (int i = 0; i < 3000; i++) {
		char other[32];

		snprintf(other, sizeof(other), "10.%d.%d.1", i / 256, i % 256);
		lines += say_of(RATELIMIT_SECURITY, "loud", "e", "the same", 10);
		cr_expect_eq(say_of(RATELIMIT_SECURITY, other, "e", "s", 1), 1, "%s", other);
	}
	cr_expect_eq(lines, RATELIMIT_LINES);
}

Test(ratelimit, what_is_not_written_is_summed_up)
{
	char subject[32];

	say_many(RATELIMIT_SECURITY, "one", RATELIMIT_OWN + 7);
	say_many(RATELIMIT_SECURITY, "two", RATELIMIT_OWN + 2);
	say_of(RATELIMIT_OF_KEYS, "key", "note", "a", RATELIMIT_LINES + 3);
	for (int i = 0; i < RATELIMIT_OWN; i++) {
		snprintf(subject, sizeof(subject), "b%d", i);
		say_of(RATELIMIT_OF_KEYS, "key", "note", subject, 1);
	}
	ratelimit_end_minute(r);
	cr_expect_str_eq(
	    written,
	    "repeated 3 times more within a minute: a\n"
	    "9 lines of e within a minute were not written: too many from 2 sources, first "
	    "of them one\n"
	    "1 lines of note within a minute were not written: too many from 1 source, "
	    "first of them key\n");
	cr_expect_eq(lost, 10);
	written[0] = '\0';
	ratelimit_end_minute(r);
	cr_expect_str_eq(written, "");
}

/* So many lines of their own have the counts at most; the rest is a number. */
Test(ratelimit, the_sum_is_short)
{
	char subject[32];

	for (int i = 0; i < RATELIMIT_TOLD + 9; i++) {
		snprintf(subject, sizeof(subject), "%d", i);
		say_of(RATELIMIT_SECURITY, subject, "e", subject, 100);
	}
	ratelimit_end_minute(r);
	cr_expect_eq(lost, 9 * 95);
	cr_expect(strstr(written, "\n855 lines of e within a minute were not written: too many "
				  "from 9 sources, first of them 64\n"),
		  "%s", written);
}

/* Events beyond those that it can name are one sum. */
Test(ratelimit, many_events)
{
	static char names[40][16];

	for (int i = 0; i < 40; i++) {
		snprintf(names[i], sizeof(names[i]), "e%d", i);
		say_of(RATELIMIT_ARRIVAL, "us", names[i], "s", 1);
	}
	ratelimit_end_minute(r);
	cr_expect_eq(lost, 40 - RATELIMIT_OWN);
}

Test(ratelimit, long_subjects)
{
	char a[600], b[600];

	memset(a, 'x', sizeof(a));
	a[sizeof(a) - 1] = '\0';
	memcpy(b, a, sizeof(a));
	b[sizeof(b) - 2] = 'y';
	cr_expect_eq(say("e", a, 9), RATELIMIT_LINES);
	cr_expect_eq(say("e", b, 9), RATELIMIT_LINES, "they differ at their ends alone");
	ratelimit_end_minute(r);
	cr_expect(strstr(written, "repeated 4 times more within a minute: xxx"));
}
