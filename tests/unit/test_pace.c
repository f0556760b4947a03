// SPDX-License-Identifier: BSD-2-Clause
/* How much bulk data may be under way: with markers whose times this file makes up. */
#include <criterion/criterion.h>

#include "pace.h"

enum { MS = 1000, KIB = 1024 };

/* Round trips that end at a marker's answer, during which so many bytes were sent behind it. */
static const struct {
	const char *name;
	struct {
		unsigned bytes, took; /* us */
	} trips[5];
	uint64_t bound;
} rows[] = {
    {"nothing is known before the first answer", {{0}}, 0},
    {"a path of no length has the least", {{64 * KIB, 100}, {64 * KIB, 100}}, PACE_LEAST},
    {"a long path that takes all has twice of it",
     {{1000 * KIB, 50 * MS}, {1000 * KIB, 50 * MS}},
     2000 * KIB},
    {"it doubles while the round trip stays short",
     {{1000 * KIB, 50 * MS}, {1000 * KIB, 50 * MS}, {2000 * KIB, 50 * MS}, {2000 * KIB, 50 * MS}},
     4000 * KIB},
    {"queues make it no larger",
     {{1000 * KIB, 50 * MS}, {1000 * KIB, 50 * MS}, {2000 * KIB, 100 * MS}, {2000 * KIB, 100 * MS}},
     2000 * KIB},
    {"nor a pause smaller than the least",
     {{1000 * KIB, 50 * MS}, {1000 * KIB, 50 * MS}, {1000, 3000 * MS}},
     PACE_LEAST},
};

Test(pace, bounds)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct pace p = {0};
		uint64_t bytes = 0, now = 1;

		pace_mark(&p, bytes, now);
		for (size_t j = 0; j < 5 && rows[i].trips[j].took; j++) {
			now += rows[i].trips[j].took;
			bytes += rows[i].trips[j].bytes;
			pace_mark(&p, bytes, now);
		}
		cr_expect_eq(p.bound, rows[i].bound, "%s: %llu", rows[i].name,
			     (unsigned long long)p.bound);
	}
}

Test(pace, allows)
{
	const struct pace unknown = {.answered = 0, .marked = 1 << 30, .at = 1};
	const struct pace p = {.answered = 1000, .marked = 2000, .at = 5, .bound = PACE_LEAST};

	cr_expect(pace_allows(&unknown, 1 << 30, 2), "a peer that never answers is not waited for");
	cr_expect(pace_allows(&p, 1000, 6));
	cr_expect(pace_allows(&p, 1000 + PACE_LEAST - 1, 6));
	cr_expect_not(pace_allows(&p, 1000 + PACE_LEAST, 6));
	cr_expect_not(pace_allows(&p, 1000 + PACE_LEAST, 5 + PACE_PATIENCE));
	cr_expect(pace_allows(&p, 1000 + PACE_LEAST, 6 + PACE_PATIENCE),
		  "it does not answer any more");
}
