// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "window.h"

/* A zone by its rule, so that no zone file is needed: CET/CEST, the clock goes forward on the last
 * Sunday of March (2026: 29th) at 02:00, back on that of October (25th) at 03:00. */
#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"

static void set_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

static void berlin(void)
{
	set_zone(BERLIN);
}

TestSuite(window, .init = berlin);

static time_t at(const char *text)
{
	const char *why = "";
	time_t t = 0;

	why = window_parse_time(text, &t);
	cr_assert_null(why, "%s: %s", text, why);
	return t;
}

Test(window, times)
{
	static const struct {
		const char *expiry, *time;
		time_t want;
	} table[] = {
	    {"20260101Z", "2026-01-01 00:00Z", 1767225600},
	    {"202601010000Z", "2026-01-01 00:00:00Z", 1767225600},
	    {"20260101235959Z", "2026-01-01 23:59:59Z", 1767311999},
	    {"20260101", "2026-01-01 00:00", 1767225600 - 3600},
	    {"202607010000", "2026-07-01 00:00", 1782864000 - 7200},
	    {"20240229Z", "2024-02-29 00:00Z", 1709164800},
	    {"19700102Z", "1970-01-02 00:00Z", 86400},
	    {"20380119031408Z", "2038-01-19 03:14:08Z", 2147483648},
	    {"99991231Z", "9999-12-31 00:00Z", 253402214400},
	};
	const char *why = "";
	time_t t = 0;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		why = window_parse_expiry(table[i].expiry, &t);
		cr_expect_null(why, "%s: %s", table[i].expiry, why);
		cr_expect_eq(t, table[i].want, "%s: %lld", table[i].expiry, (long long)t);
		cr_expect_eq(at(table[i].time), table[i].want, "%s", table[i].time);
	}
}

Test(window, bad_times)
{
	static const struct {
		const char *text, *because;
	} expiry[] =
	    {
		{"", "expected YYYYMMDD"},
		{"2026", "expected YYYYMMDD"},
		{"202601011", "expected YYYYMMDD"},
		{"2026010112", "expected YYYYMMDD"},
		{"2026010112000", "expected YYYYMMDD"},
		{"202601011200001", "expected YYYYMMDD"},
		{"2026-01-01", "expected YYYYMMDD"},
		{"20260101z", "expected YYYYMMDD"},
		{"20260101ZZ", "expected YYYYMMDD"},
		{"20260101 Z", "expected YYYYMMDD"},
		{" 20260101", "expected YYYYMMDD"},
		{"20260101T120000", "expected YYYYMMDD"},
		{"+2026010", "expected YYYYMMDD"},
		{"20260001", "no such date"},
		{"20261301", "no such date"},
		{"20260100", "no such date"},
		{"20260132", "no such date"},
		{"20260229", "no such date"},
		{"21000229Z", "no such date"},
		{"20260431Z", "no such date"},
		{"202601012400", "no such date"},
		{"202601010060", "no such date"},
		{"20260101000060Z", "no such date"},
		{"19691231Z", "before 1970"},
		{"19700101Z", "before 1970"},
		{"00000101Z", "before 1970"},
	    },
	  plain[] = {
	      {"", "expected YYYY-MM-DD"},
	      {"2026-01-01", "expected YYYY-MM-DD"},
	      {"2026-01-01 ", "expected YYYY-MM-DD"},
	      {"2026-01-01 12", "expected YYYY-MM-DD"},
	      {"2026-01-01 12:0", "expected YYYY-MM-DD"},
	      {"2026-01-01 12:00:", "expected YYYY-MM-DD"},
	      {"2026-01-01 12:00:0", "expected YYYY-MM-DD"},
	      {"2026-01-01 12:00:00:", "expected YYYY-MM-DD"},
	      {"2026-01-01 12:00:000", "expected YYYY-MM-DD"},
	      {"2026-01-01T12:00", "expected YYYY-MM-DD"},
	      {"2026-01-01 12:00 Z", "expected YYYY-MM-DD"},
	      {"2026-01-01 12:00ZZ", "expected YYYY-MM-DD"},
	      {"2026-01-01 12Z00", "expected YYYY-MM-DD"},
	      {"Z", "expected YYYY-MM-DD"},
	      {"20260101120000", "expected YYYY-MM-DD"},
	      {"2026-02-30 12:00", "no such date"},
	      {"2026-01-01 24:00", "no such date"},
	  };

	for (size_t i = 0; i < sizeof(expiry) / sizeof(*expiry); i++) {
		const char *why = "";
		time_t t = 0;

		why = window_parse_expiry(expiry[i].text, &t);
		cr_assert_not_null(why, "%s", expiry[i].text);
		cr_expect(strstr(why, expiry[i].because), "%s: %s", expiry[i].text, why);
	}
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++) {
		const char *why = "";
		time_t t = 0;

		why = window_parse_time(plain[i].text, &t);
		cr_assert_not_null(why, "%s", plain[i].text);
		cr_expect(strstr(why, plain[i].because), "%s: %s", plain[i].text, why);
	}
}

/* 2026-11-16 is a Monday. */
static const struct {
	const char *valid, *time;
	bool open;
	const char *next; /* NULL: never */
} table[] = {
    {"Mon 08:00-17:00", "2026-11-16 08:00", true, "2026-11-16 17:00"},
    {"Mon 08:00-17:00", "2026-11-16 07:59:59", false, "2026-11-16 08:00"},
    {"Mon 08:00-17:00", "2026-11-16 16:59:59", true, "2026-11-16 17:00"},
    {"Mon 08:00-17:00", "2026-11-16 17:00", false, "2026-11-23 08:00"},
    {"Mon 08:00-17:00", "2026-11-17 12:00", false, "2026-11-23 08:00"},
    {"Mon 08:00-17:00", "2026-11-15 12:00", false, "2026-11-16 08:00"},
    {"mon  08:00-17:00", "2026-11-16 12:00:30", true, "2026-11-16 17:00"},
    {"Mon-Fri 08:00-17:00", "2026-11-20 12:00", true, "2026-11-20 17:00"},
    {"Mon-Fri 08:00-17:00", "2026-11-20 17:00", false, "2026-11-23 08:00"},
    {"Mon,Wed,Fri 08:00-17:00", "2026-11-17 12:00", false, "2026-11-18 08:00"},
    {"Mon-Tue,Thu-Fri 08:00-17:00", "2026-11-18 12:00", false, "2026-11-19 08:00"},
    {"Sun 08:00-17:00", "2026-11-22 12:00", true, "2026-11-22 17:00"},
    {"Sat-Mon 08:00-17:00", "2026-11-22 12:00", true, "2026-11-22 17:00"},
    {"Sat-Mon 08:00-17:00", "2026-11-17 12:00", false, "2026-11-21 08:00"},
    {"Tue-Tue 08:00-17:00", "2026-11-16 12:00", false, "2026-11-17 08:00"},
    {"Mon-Mon,Mon 08:00-17:00", "2026-11-17 12:00", false, "2026-11-23 08:00"},
    /* whole days join */
    {"Mon 00:00-24:00", "2026-11-16 23:59:59", true, "2026-11-17 00:00"},
    {"Mon-Fri 00:00-24:00", "2026-11-16 12:00", true, "2026-11-21 00:00"},
    {"Mon-Sun 00:00-24:00", "2026-11-16 12:00", true, NULL},
    {"Tue-Mon 00:00-24:00", "2026-11-16 12:00", true, NULL},
    /* past midnight, of the day on which it starts */
    {"Mon 22:00-06:00", "2026-11-16 05:00", false, "2026-11-16 22:00"},
    {"Mon 22:00-06:00", "2026-11-16 22:00", true, "2026-11-17 06:00"},
    {"Mon 22:00-06:00", "2026-11-17 05:59:59", true, "2026-11-17 06:00"},
    {"Mon 22:00-06:00", "2026-11-17 06:00", false, "2026-11-23 22:00"},
    {"Mon 22:00-06:00", "2026-11-17 23:00", false, "2026-11-23 22:00"},
    {"Sun 22:00-06:00", "2026-11-16 05:00", true, "2026-11-16 06:00"},
    {"Sat 22:00-06:00", "2026-11-22 05:00", true, "2026-11-22 06:00"},
    {"Mon-Sun 22:00-06:00", "2026-11-17 03:00", true, "2026-11-17 06:00"},
    {"Mon 22:00-00:00", "2026-11-16 23:00", true, "2026-11-17 00:00"},
    {"Mon 22:00-00:00", "2026-11-17 00:00", false, "2026-11-23 22:00"},
    {"Mon-Sun 12:01-12:00", "2026-11-16 12:00:59", false, "2026-11-16 12:01"},
    {"Mon 23:59-24:00", "2026-11-16 23:59", true, "2026-11-17 00:00"},
    {"Mon 00:00-00:01", "2026-11-16 00:00:59", true, "2026-11-16 00:01"},
    /* several periods */
    {"Mon 08:00-12:00;Mon 13:00-17:00", "2026-11-16 11:00", true, "2026-11-16 12:00"},
    {"Mon 08:00-12:00;Mon 13:00-17:00", "2026-11-16 12:30", false, "2026-11-16 13:00"},
    {"Mon 13:00-17:00; Mon 08:00-12:00", "2026-11-16 12:30", false, "2026-11-16 13:00"},
    {"Mon 08:00-13:00;Mon 12:00-17:00", "2026-11-16 11:00", true, "2026-11-16 17:00"},
    {"Mon 08:00-12:00;Mon 12:00-17:00", "2026-11-16 11:00", true, "2026-11-16 17:00"},
    {"Mon 22:00-06:00;Tue 06:00-07:00", "2026-11-16 23:00", true, "2026-11-17 07:00"},
    {"Mon 22:00-06:00;Tue 00:00-05:00", "2026-11-16 23:00", true, "2026-11-17 06:00"},
    /* UTC */
    {"Mon 08:00-17:00Z", "2026-11-16 08:30", false, "2026-11-16 08:00Z"},
    {"Mon 08:00-17:00Z", "2026-11-16 09:00", true, "2026-11-16 17:00Z"},
    {"Mon 00:00-24:00Z", "2026-11-17 00:59:59", true, "2026-11-17 00:00Z"},
    {"Mon 08:00-09:00;Tue 08:00-09:00Z", "2026-11-16 09:30", true, "2026-11-16 09:00Z"},
    /* the clock goes forward: 02:00 to 03:00 do not exist */
    {"Sun 02:00-03:00", "2026-03-29 01:59:59", false, "2026-04-05 02:00"},
    {"Sun 02:15-02:45", "2026-03-22 02:45", false, "2026-04-05 02:15"},
    {"Sun 01:00-02:30", "2026-03-29 01:30", true, "2026-03-29 03:00"},
    {"Sun 02:30-04:00", "2026-03-29 01:30", false, "2026-03-29 03:00"},
    {"Sat 22:00-06:00", "2026-03-29 01:00", true, "2026-03-29 06:00"},
    {"Sun 08:00-09:00", "2026-03-28 12:00", false, "2026-03-29 08:00"},
    {"Sun 02:15-02:45Z", "2026-03-29 00:00", false, "2026-03-29 02:15Z"},
    {"Mon-Sun 00:00-24:00", "2026-03-29 01:30", true, NULL},
    /* and back: 02:00 to 03:00 come twice */
    {"Sun 01:00-02:30", "2026-10-25 00:29Z", true, "2026-10-25 00:30Z"},
    {"Sun 01:00-02:30", "2026-10-25 00:45Z", false, "2026-10-25 01:00Z"},
    {"Sun 01:00-02:30", "2026-10-25 01:00Z", true, "2026-10-25 01:30Z"},
    {"Sun 02:30-04:00", "2026-10-25 00:45Z", true, "2026-10-25 01:00Z"},
    {"Sun 02:30-04:00", "2026-10-25 01:00Z", false, "2026-10-25 01:30Z"},
    {"Sat 22:00-06:00", "2026-10-24 20:00Z", true, "2026-10-25 05:00Z"},
};

Test(window, periods)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		const time_t t = at(table[i].time), next = table[i].next ? at(table[i].next) : 0;
		const char *why = "";
		struct window w;
		time_t got = 0;

		why = window_parse(table[i].valid, &w);
		cr_assert_null(why, "%s: %s", table[i].valid, why);
		cr_expect_eq(window_open(&w, t), table[i].open, "%s at %s", table[i].valid,
			     table[i].time);
		got = window_next_change(&w, t);
		cr_expect_eq(got, next, "%s after %s: in %lld s, not %lld", table[i].valid,
			     table[i].time, (long long)(got ? got - t : 0),
			     (long long)(next ? next - t : 0));
	}
}

/* The reported change is one, and the first: against a look at every minute. */
static void compare_with_every_minute(const char *valid, time_t from, time_t to)
{
	const char *why = "";
	struct window w;
	time_t next = 0;
	bool open = false;

	why = window_parse(valid, &w);
	cr_assert_null(why, "%s: %s", valid, why);
	next = window_next_change(&w, from);
	open = window_open(&w, from);
	for (time_t t = from + 60; t < to; t += 60) {
		if (window_open(&w, t) == open)
			continue;
		cr_assert_eq(next, t, "%s: told %lld, seen %lld", valid, (long long)next,
			     (long long)t);
		open = !open;
		next = window_next_change(&w, t);
	}
	cr_assert(next == 0 || next >= to, "%s: %lld was none", valid, (long long)next);
}

Test(window, next_change_is_the_first)
{
	static const char *const zones[] = {
	    BERLIN,
	    "UTC0",
	    "EST5EDT,M3.2.0,M11.1.0",
	    "LHST-10:30LHDT-11,M10.1.0,M4.1.0",
	    "<+1245>-12:45<+1345>,M9.5.0/2:45,M4.1.0/3:45",
	};
	static const char *const valids[] = {
	    "Mon-Fri 07:00-19:00",
	    "Sun 01:30-02:30",
	    "Sat 22:00-02:15;Sun 02:45-03:15",
	    "Mon-Sun 23:00-01:00;Wed 12:34-12:35;Sun 00:30-02:00Z",
	    "Sat-Sun 00:00-24:00",
	    "Sun 00:00-03:00;Sun 03:00-24:00;Mon 02:00-03:00",
	};

	for (size_t z = 0; z < sizeof(zones) / sizeof(*zones); z++) {
		set_zone(zones[z]);
		for (size_t i = 0; i < sizeof(valids) / sizeof(*valids); i++) {
			/* Both weeks of all these zones in which the clock is set. */
			compare_with_every_minute(valids[i], at("2026-03-05 12:00Z"),
						  at("2026-04-10 12:00Z"));
			compare_with_every_minute(valids[i], at("2026-09-25 12:00Z"),
						  at("2026-11-05 12:00Z"));
		}
	}
}

Test(window, none_is_always)
{
	const struct window w = {.n = 0};

	cr_expect(window_open(&w, at("2026-11-16 12:00")));
	cr_expect_eq(window_next_change(&w, at("2026-11-16 12:00")), 0);
}

#define P4 "Mon 01:00-02:00;Mon 01:00-02:00;Mon 01:00-02:00;Mon 01:00-02:00"

static const struct {
	const char *valid, *because;
} bad[] = {
    {"", "expected DAYS"},
    {" ", "expected DAYS"},
    {"Z", "expected DAYS"},
    {"Mon", "expected DAYS"},
    {"Mon ", "as HH:MM-HH:MM"},
    {"08:00-17:00", "expected DAYS"},
    {"Monday 08:00-17:00", "expected DAYS"},
    {"Mo 08:00-17:00", "expected DAYS"},
    {"Foo 08:00-17:00", "expected DAYS"},
    {"Mon- 08:00-17:00", "expected DAYS"},
    {"-Mon 08:00-17:00", "expected DAYS"},
    {"Mon-Wed-Fri 08:00-17:00", "expected DAYS"},
    {"Mon, 08:00-17:00", "expected DAYS"},
    {",Mon 08:00-17:00", "expected DAYS"},
    {"Mon,,Tue 08:00-17:00", "expected DAYS"},
    {"Mon, Tue 08:00-17:00", "expected DAYS"},
    {"1-5 08:00-17:00", "expected DAYS"},
    {"* 08:00-17:00", "expected DAYS"},
    {"Mon08:00-17:00", "expected DAYS"},
    {"Mon\t08:00-17:00", "expected DAYS"},
    {"Mon 8:00-17:00", "as HH:MM-HH:MM"},
    {"Mon 08:0-17:00", "as HH:MM-HH:MM"},
    {"Mon 008:00-17:00", "as HH:MM-HH:MM"},
    {"Mon 08:000-17:00", "as HH:MM-HH:MM"},
    {"Mon 0800-1700", "as HH:MM-HH:MM"},
    {"Mon 08:00", "as HH:MM-HH:MM"},
    {"Mon 08:00-", "as HH:MM-HH:MM"},
    {"Mon 08:00 - 17:00", "as HH:MM-HH:MM"},
    {"Mon 08:00-17", "as HH:MM-HH:MM"},
    {"Mon 08:60-17:00", "as HH:MM-HH:MM"},
    {"Mon 08:00-17:60", "as HH:MM-HH:MM"},
    {"Mon 25:00-17:00", "as HH:MM-HH:MM"},
    {"Mon 24:00-17:00", "as HH:MM-HH:MM"},
    {"Mon 08:00-24:01", "as HH:MM-HH:MM"},
    {"Mon 08:00Z-17:00Z", "as HH:MM-HH:MM"},
    {"Mon 08:00-08:00", "whole day is 00:00-24:00"},
    {"Mon 00:00-00:00", "whole day is 00:00-24:00"},
    {"Mon 08:00-17:00;", "expected DAYS"},
    {"Mon 08:00-17:00;;", "expected DAYS"},
    {";Mon 08:00-17:00", "expected DAYS"},
    {"Mon 08:00-17:00,Tue 08:00-17:00", "expected ';'"},
    {"Mon 08:00-17:00 ", "expected ';'"},
    {"Mon 08:00-17:00 Z", "expected ';'"},
    {"Mon 08:00-17:00z", "expected ';'"},
    {"Mon 08:00-17:00ZZ", "expected ';'"},
    {"Mon 08:00-17:00+01:00", "expected ';'"},
    {"Mon 08:00-17:00Z;Tue 08:00-17:00", "Z stands once"},
    {"Mon 08:00-17:00Z;Tue 08:00-17:00Z", "Z stands once"},
    {P4 ";" P4 ";" P4 ";" P4 ";Mon 01:00-02:00", "too many periods"},
};

Test(window, bad_periods)
{
	const char *why = "";
	struct window w;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		why = "";
		why = window_parse(bad[i].valid, &w);
		cr_assert_not_null(why, "%s", bad[i].valid);
		cr_expect(strstr(why, bad[i].because), "%s: \"%s\" does not say: %s", bad[i].valid,
			  why, bad[i].because);
	}
	why = window_parse(P4 ";" P4 ";" P4 ";" P4, &w);
	cr_expect_null(why, "%s", why);
	cr_expect_eq(w.n, WINDOW_PERIODS);
}

Test(window, format)
{
	char buf[WINDOW_TEXT];

	cr_expect_str_eq(window_format_time(1767225600, buf), "Thu 2026-01-01 01:00:00 +0100");
	set_zone("UTC0");
	cr_expect_str_eq(window_format_time(1767225600, buf), "Thu 2026-01-01 00:00:00 +0000");
}
