// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "ratelimit.h"

static char written[1 << 12];
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
	r = ratelimit_new(base);
	cr_assert(base && r);
	log_redirect(keep);
}

static void tear_down(void)
{
	ratelimit_free(r);
	event_base_free(base);
}

TestSuite(ratelimit, .init = set_up, .fini = tear_down);

/* As its users do; how many of n lines were to be written. */
static int say_of(bool key, const char *who, const char *subject, int n)
{
	int lines = 0;

	while (n-- > 0) {
		struct repeat *k = ratelimit_find(r, "e", subject);

		lines += k ? ratelimit_again(k) : ratelimit_begin(r, "e", subject, key, who);
	}
	return lines;
}

static int say(const char *event, const char *subject, int n)
{
	int lines = 0;

	while (n-- > 0) {
		struct repeat *k = ratelimit_find(r, event, subject);

		lines += k ? ratelimit_again(k) : ratelimit_begin(r, event, subject, true, "us");
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
	const unsigned minute = ratelimit_minute(r);

	say("e", "s", 100);
	ratelimit_end_minute(r);
	cr_expect_neq(ratelimit_minute(r), minute);
	cr_expect_null(ratelimit_find(r, "e", "s"));
	cr_expect_eq(say("e", "s", 100), RATELIMIT_LINES);
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

Test(ratelimit, kinds_are_limited)
{
	char subject[32], who[32];

	for (int i = 0; i < RATELIMIT_KINDS + 7; i++) {
		snprintf(subject, sizeof(subject), "subject %d", i);
		snprintf(who, sizeof(who), "%d", i / 2);
		cr_expect_eq(say_of(i % 2, who, subject, 1), i < RATELIMIT_KINDS, "%s", subject);
	}
	ratelimit_end_minute(r);
	cr_expect_str_eq(written,
			 "7 lines within a minute were not written: too many different ones\n");
}

/* So many kinds of it, each of which has a who of its own, or all the same; how many were written.
 */
static int say_many(bool key, bool one)
{
	char subject[32], who[32];
	int lines = 0;

	for (int i = 0; i < 2 * RATELIMIT_KINDS; i++) {
		snprintf(subject, sizeof(subject), "%d of %d, %d", i, key, one);
		snprintf(who, sizeof(who), "%d", one ? -1 : i);
		lines += say_of(key, who, subject, 1);
	}
	return lines;
}

Test(ratelimit, one_does_not_silence_others)
{
	cr_expect_eq(say_many(false, true), RATELIMIT_OWN);
	cr_expect_eq(say_of(false, "another", "a", 9), RATELIMIT_LINES);
	cr_expect_eq(say_many(true, true), RATELIMIT_OWN);
	cr_expect_eq(say_of(true, "another", "b", 9), RATELIMIT_LINES);
}

Test(ratelimit, strangers_do_not_silence_keys)
{
	cr_expect_eq(say_many(false, false), RATELIMIT_KINDS / 2);
	cr_expect_eq(say_of(true, "key", "a", 9), RATELIMIT_LINES);
	cr_expect_eq(say_many(true, false), RATELIMIT_KINDS / 2 - 1);
}

Test(ratelimit, long_subjects)
{
	char a[600], b[600];

	memset(a, 'x', sizeof(a));
	a[sizeof(a) - 1] = '\0';
	memcpy(b, a, sizeof(a));
	b[sizeof(b) - 2] = 'y';
	cr_expect_eq(say("e", a, 9), RATELIMIT_LINES);
	cr_expect_eq(say("e", b, 9), RATELIMIT_LINES, "they differ behind what is kept");
}
