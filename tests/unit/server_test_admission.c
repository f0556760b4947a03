// SPDX-License-Identifier: BSD-2-Clause
/* Who may come in, who makes room for whom, and who has failed too often. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "admission.h"

enum { MOST = 6, IDLE = 2, PATIENCE = 3, ROOM = 8, START = 1000 };

/* It is taken, but not served. */
#define WAITS ((enum admission_verdict)(ADMISSION_TOO_MANY + 1))

static struct admission *s;
static struct unauth guests[4 * ADMISSION_REMEMBERED];
static size_t n_guests, room = ROOM;
static time_t now;
static struct cidr_list unpunished;

static void set_up_with(int v4, int v6, int max_penalty)
{
	const struct admission_config config = {v4,   v6,	   MOST,	PATIENCE,
						IDLE, max_penalty, &unpunished, ROOM};

	s = admission_new(&config);
	cr_assert(s);
	now = START;
}

static void set_up(void)
{
	set_up_with(32, 64, 600);
}

static void tear_down(void)
{
	for (size_t i = 0; i < n_guests; i++)
		admission_leave(s, &guests[i]);
	cr_expect_eq(admission_unauth(s), 0);
	admission_free(s);
}

TestSuite(admission, .init = set_up, .fini = tear_down);

static struct address peer(const char *host)
{
	struct address a;

	cr_assert_eq(address_from_host(host, 1, &a), 0, "%s", host);
	return a;
}

/* One more from host where there is so much room, ADMISSION_FREE where it came in and is served:
 * then it is *in, and *instead who went for it. */
static enum admission_verdict come(const char *host, struct unauth **in, struct unauth **instead)
{
	const struct address a = peer(host);
	struct unauth *g = &guests[n_guests], *out;
	const enum admission_verdict v =
	    admission_ask(s, &a, admission_unauth(s) >= room, now, &out);

	if (instead)
		*instead = out;
	if (v != ADMISSION_FREE && !out)
		return v;
	cr_assert_lt(n_guests, sizeof(guests) / sizeof(guests[0]));
	n_guests++;
	admission_leave(s, out ? out : g);
	admission_enter(s, g, &a, now);
	if (in)
		*in = g;
	if (admission_start(s, g, now, &out))
		return ADMISSION_FREE;
	if (instead)
		*instead = out;
	if (!out)
		return WAITS;
	admission_leave(s, out);
	cr_expect(admission_start(s, g, now, &out));
	return ADMISSION_FREE;
}

static void fill(const char *host, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(come(host, NULL, NULL), ADMISSION_FREE, "%s %zu", host, i);
}

static void punish(const char *host, int seconds, int times)
{
	const struct address a = peer(host);

	while (times-- > 0)
		admission_punish(s, &a, seconds, now);
}

Test(admission, prefixes)
{
	static const struct {
		int v4, v6;
		const char *a, *b;
		bool same;
	} table[] = {
	    {32, 64, "192.0.2.1", "192.0.2.1", true},
	    {32, 64, "192.0.2.1", "192.0.2.2", false},
	    {24, 64, "192.0.2.1", "192.0.2.254", true},
	    {24, 64, "192.0.2.1", "192.0.3.1", false},
	    {31, 64, "192.0.2.2", "192.0.2.3", true},
	    {31, 64, "192.0.2.1", "192.0.2.2", false},
	    {0, 64, "192.0.2.1", "10.9.8.7", true},
	    {32, 64, "2001:db8::1", "2001:db8::ffff:0:1", true},
	    {32, 64, "2001:db8::1", "2001:db8:0:1::1", false},
	    {32, 128, "2001:db8::1", "2001:db8::2", false},
	    {32, 48, "2001:db8::1", "2001:db8:0:1::1", true},
	    {0, 0, "2001:db8::1", "192.0.2.1", false},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		admission_free(s);
		set_up_with(table[i].v4, table[i].v6, 600);
		fill(table[i].a, 1);
		fill(table[i].b, 1);
		cr_expect_eq(admission_count(s, now), table[i].same ? 1 : 2, "%s and %s",
			     table[i].a, table[i].b);
		while (n_guests > 0)
			admission_leave(s, &guests[--n_guests]);
		cr_expect_eq(admission_count(s, now), 0, "%s is remembered for nothing",
			     table[i].a);
	}
}

/* However short its connections are: what they cost has a rate. */
Test(admission, a_source_has_its_share_of_cpu)
{
	const struct address a = peer("192.0.2.1");
	struct unauth *waiting = NULL;
	unsigned taken = 0;

	admission_spend(s, &a, ADMISSION_CPU_AHEAD, now);
	fill("192.0.2.1", 1);
	admission_spend(s, &a, 1, now);
	cr_expect_eq(come("192.0.2.1", &waiting, NULL), WAITS);
	admission_leave(s, waiting);
	fill("192.0.2.2", 1);
	for (int second = 0; second < 100; second++) {
		now++;
		while (come("192.0.2.1", NULL, NULL) == ADMISSION_FREE) {
			taken++;
			admission_leave(s, &guests[n_guests - 1]);
			admission_spend(s, &a, 50, now);
		}
		admission_leave(s, &guests[n_guests - 1]);
	}
	cr_expect_eq(taken, 100 * ADMISSION_CPU_RATE / 50, "%u", taken);
	now += ADMISSION_CPU_AHEAD / ADMISSION_CPU_RATE + 1;
	for (size_t i = 0; i < n_guests; i++)
		admission_leave(s, &guests[i]);
	cr_expect_eq(admission_count(s, now), 0, "what it spent is made up for");
}

Test(admission, one_source_has_its_share)
{
	struct unauth *instead;

	fill("192.0.2.1", MOST);
	now += PATIENCE - 1;
	cr_expect_eq(come("192.0.2.1", NULL, NULL), ADMISSION_TOO_MANY);
	cr_expect_eq(come("192.0.2.2", NULL, NULL), ADMISSION_FREE);
	/* Who shares its address is not kept out by silent ones. */
	now++;
	cr_expect_eq(come("192.0.2.1", NULL, &instead), ADMISSION_FREE);
	cr_expect_eq(instead, &guests[0]);
	cr_expect_eq(come("192.0.2.1", NULL, &instead), ADMISSION_FREE);
	cr_expect_eq(instead, &guests[1]);
	admission_leave(s, &guests[3]);
	cr_expect_eq(come("192.0.2.1", NULL, &instead), ADMISSION_FREE);
	cr_expect_null(instead);
}

Test(admission, full_house)
{
	static const struct {
		const char *what;
		size_t held[4]; /* by 192.0.2.1 to .4, in this order */
		const char *from;
		int out; /* by whom the place is left; 0: refused */
	} table[] = {
	    {"a newcomer takes from the one with most", {4, 3, 1}, "192.0.2.9", 1},
	    {"wherever it stands", {1, 3, 4}, "192.0.2.9", 3},
	    {"of two with as many from the first", {4, 4}, "192.0.2.9", 1},
	    {"who has one may have two", {1, 4, 3}, "192.0.2.1", 2},
	    {"not where that turns them round", {3, 2, 3}, "192.0.2.2", 0},
	    {"the one with most gets no more", {3, 3, 2}, "192.0.2.1", 0},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		size_t first[5] = {0};
		char host[32];
		struct unauth *instead;

		n_guests = 0;
		for (size_t k = 0; k < 4; k++) {
			snprintf(host, sizeof(host), "192.0.2.%zu", k + 1);
			first[k + 1] = n_guests;
			fill(host, table[i].held[k]);
		}
		cr_assert_eq(admission_unauth(s), ROOM, "%s", table[i].what);
		cr_expect_eq(come(table[i].from, NULL, &instead),
			     table[i].out ? ADMISSION_FREE : ADMISSION_FULL, "%s", table[i].what);
		if (table[i].out)
			cr_expect_eq(instead, &guests[first[table[i].out]], "%s", table[i].what);
		cr_expect_eq(admission_unauth(s), ROOM);
		for (size_t k = 0; k < n_guests; k++)
			admission_leave(s, &guests[k]);
	}
}

/* So many strangers that each has one: the first goes, and one who comes back has no right. */
Test(admission, as_many_sources_as_places)
{
	char host[32];
	struct unauth *instead;

	for (size_t i = 0; i < ROOM; i++) {
		snprintf(host, sizeof(host), "192.0.2.%zu", i + 1);
		fill(host, 1);
	}
	cr_expect_eq(come("198.51.100.1", NULL, &instead), ADMISSION_FREE);
	cr_expect_eq(instead, &guests[0]);
	cr_expect_eq(come("192.0.2.2", NULL, &instead), ADMISSION_FULL);
	/* One that failed before pushes nobody out who did not. */
	punish("198.51.100.2", ADMISSION_CRASH, 1);
	cr_expect_eq(come("198.51.100.2", NULL, &instead), ADMISSION_FULL);
}

/* Nobody is there who could go: all are logged in. */
Test(admission, full_without_guests)
{
	const struct address a = peer("192.0.2.1");
	struct unauth *instead;

	cr_expect_eq(admission_ask(s, &a, true, now, &instead), ADMISSION_FULL);
	cr_expect_null(instead);
}

Test(admission, flood_leaves_room_for_a_quiet_one)
{
	char host[32];
	struct unauth *quiet = NULL, *instead;
	size_t refused = 0;

	room = 24;
	for (int i = 0; i < 4000; i++) {
		if (i == 2000)
			cr_expect_eq(come("127.0.0.1", &quiet, NULL), ADMISSION_FREE);
		snprintf(host, sizeof(host), "127.0.0.%d", 2 + i % 8);
		refused += come(host, NULL, &instead) != ADMISSION_FREE;
		cr_expect_leq(admission_unauth(s), room);
		cr_expect(!quiet || instead != quiet);
	}
	cr_expect_gt(refused, 3900, "%zu", refused);
	cr_expect(quiet && quiet->source);
}

Test(admission, penalties)
{
	static const struct {
		const char *what;
		int seconds;
		int times;
		time_t later;
		enum admission_verdict third;
	} table[] = {
	    {"a port scan", ADMISSION_NO_LOGIN, 14, 0, ADMISSION_FREE},
	    {"many", ADMISSION_NO_LOGIN, 15, 0, WAITS},
	    {"two wrong keys", ADMISSION_REFUSED, 2, 0, ADMISSION_FREE},
	    {"three", ADMISSION_REFUSED, 3, 0, WAITS},
	    {"that passes", ADMISSION_REFUSED, 3, 1, ADMISSION_FREE},
	    {"one slow login", ADMISSION_TOO_SLOW, 1, 0, ADMISSION_FREE},
	    {"a crash", ADMISSION_CRASH, 1, 75, WAITS},
	    {"passes, too", ADMISSION_CRASH, 1, 76, ADMISSION_FREE},
	    {"there is an end", ADMISSION_CRASH, 1000, 585, WAITS},
	    {"after ten minutes", ADMISSION_CRASH, 1000, 586, ADMISSION_FREE},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct unauth *first = NULL, *third = NULL, *instead;

		punish("192.0.2.1", table[i].seconds, table[i].times);
		now += table[i].later;
		cr_expect_eq(come("192.0.2.1", &first, NULL), ADMISSION_FREE, "%s: not even one",
			     table[i].what);
		cr_expect_eq(come("192.0.2.1", NULL, NULL), ADMISSION_FREE, "%s: not beside one",
			     table[i].what);
		cr_expect_eq(come("192.0.2.1", &third, NULL), table[i].third, "%s", table[i].what);
		cr_expect_eq(come("192.0.2.2", NULL, NULL), ADMISSION_FREE, "%s: another",
			     table[i].what);
		/* Who is served and idle gives way to who waits. */
		if (table[i].third == WAITS && table[i].later == 0) {
			punish("192.0.2.1", ADMISSION_CRASH, 1);
			now += IDLE - 1;
			cr_expect(!admission_start(s, third, now, &instead) && !instead);
			now++;
			cr_expect(!admission_start(s, third, now, &instead));
			cr_expect_eq(instead, first, "%s", table[i].what);
			first->begun = true;
			guests[n_guests - 3].begun = true;
			cr_expect(!admission_start(s, third, now, &instead) && !instead,
				  "%s: it is in the middle", table[i].what);
			now += PATIENCE - IDLE;
			cr_expect(!admission_start(s, third, now, &instead));
			cr_expect_eq(instead, first, "%s", table[i].what);
			first->begun = guests[n_guests - 3].begun = false;
			admission_leave(s, first);
			cr_expect(admission_start(s, third, now, &instead), "%s", table[i].what);
		}
		now += 1000;
		while (n_guests > 0)
			admission_leave(s, &guests[--n_guests]);
		cr_expect_eq(admission_count(s, now), 0, "%s is remembered", table[i].what);
	}
}

/* Where a login succeeded, half of the share is served in spite of all failures; for a day. */
Test(admission, who_logged_in_is_known)
{
	static const struct {
		time_t later;
		size_t served;
	} table[] = {{0, MOST / 2}, {ADMISSION_KNOWN - 1, MOST / 2}, {ADMISSION_KNOWN, 2}};
	const struct address a = peer("192.0.2.1");

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		admission_welcome(s, &a, now);
		now += table[i].later;
		punish("192.0.2.1", ADMISSION_CRASH, 100);
		fill("192.0.2.1", table[i].served);
		cr_expect_eq(come("192.0.2.1", NULL, NULL), WAITS, "%zu", i);
		now += ADMISSION_KNOWN;
		while (n_guests > 0)
			admission_leave(s, &guests[--n_guests]);
		cr_expect_eq(admission_count(s, now), 0, "%zu is remembered", i);
	}
}

/* However many sources strangers have, half of its share is a known one's: it gets, and keeps it.
 */
Test(admission, who_logged_in_is_not_pushed_out)
{
	const struct address known = peer("192.0.2.1");
	struct unauth *first = NULL, *instead;
	char host[32];

	admission_welcome(s, &known, now);
	for (unsigned i = 0; i < 3 * ADMISSION_REMEMBERED; i++) {
		snprintf(host, sizeof(host), "2001:db8:%x:%x::1", i >> 8, i & 255);
		punish(host, ADMISSION_CRASH, (int)(i % 2));
		if (i == 2 * ADMISSION_REMEMBERED) {
			punish("192.0.2.1", ADMISSION_CRASH, 1);
			cr_expect_eq(come("192.0.2.1", &first, NULL), ADMISSION_FREE);
		}
		come(host, NULL, &instead);
		cr_assert(!first || instead != first, "%s", host);
	}
	cr_assert(first && first->source);
	for (size_t n = 2; n <= MOST / 2; n++)
		cr_expect_eq(come("192.0.2.1", NULL, NULL), ADMISSION_FREE, "%zu", n);
	cr_expect_eq(come("192.0.2.1", NULL, NULL), ADMISSION_FULL, "more than its half");
	cr_expect_eq(come("198.51.100.1", NULL, &instead), ADMISSION_FREE);
	cr_expect_neq(instead, first);
}

/* Where all are known the one with most goes, as ever. */
Test(admission, a_house_full_of_known_ones)
{
	struct unauth *instead;
	char host[32];

	for (size_t i = 0; i < ROOM; i++) {
		const struct address a =
		    peer((snprintf(host, sizeof(host), "192.0.2.%zu", i), host));

		admission_welcome(s, &a, now);
		fill(host, 1);
	}
	cr_expect_eq(come("198.51.100.1", NULL, &instead), ADMISSION_FREE);
	cr_expect_eq(instead, &guests[0]);
	cr_expect_eq(come("198.51.100.2", NULL, &instead), ADMISSION_FREE);
	cr_expect_eq(instead, &guests[ROOM], "and then the stranger");
}

/* A balancer's faults and CPU are nobody's; its share of the places is as any other's. */
Test(admission, unpunished)
{
	const struct address a = peer("192.0.2.1");

	cr_assert_null(cidr_parse("192.0.2.0/24,!192.0.2.9", &unpunished));
	punish("192.0.2.1", ADMISSION_CRASH, 100);
	admission_spend(s, &a, 100 * ADMISSION_CPU_AHEAD, now);
	cr_expect_eq(admission_count(s, now), 0);
	fill("192.0.2.1", MOST);
	cr_expect_eq(come("192.0.2.1", NULL, NULL), ADMISSION_TOO_MANY);
	punish("192.0.2.9", ADMISSION_CRASH, 100);
	fill("192.0.2.9", 2);
	cr_expect_eq(come("192.0.2.9", NULL, NULL), WAITS);
	cidr_free(&unpunished);
}

Test(admission, no_penalties)
{
	admission_free(s);
	set_up_with(32, 64, 0);
	punish("192.0.2.1", ADMISSION_CRASH, 100);
	cr_expect_eq(admission_count(s, now), 0);
	fill("192.0.2.1", MOST);
}

Test(admission, memory_has_an_end)
{
	char host[32];

	for (int i = 0; i < 3 * ADMISSION_REMEMBERED; i++) {
		snprintf(host, sizeof(host), "2001:db8:%x:%x::1", i >> 8, i & 255);
		punish(host, ADMISSION_CRASH, 1);
		cr_assert_leq(admission_count(s, now), ADMISSION_REMEMBERED);
	}
	fill(host, 2);
	cr_expect_eq(come(host, NULL, NULL), WAITS, "the newest are remembered");
	fill("2001:db8::1", 3); /* and the oldest are not */
}

Test(admission, leaving_twice_is_leaving_once)
{
	fill("192.0.2.1", 2);
	admission_leave(s, &guests[0]);
	admission_leave(s, &guests[0]);
	cr_expect_eq(admission_unauth(s), 1);
}
