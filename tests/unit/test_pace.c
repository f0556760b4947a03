// SPDX-License-Identifier: BSD-2-Clause
/* How much bulk data may be under way: with markers whose times this file makes up. */
#include <criterion/criterion.h>

#include "pace.h"

enum { MS = 1000 };

/* Round trips that end at a marker's answer. */
static const struct {
	const char *name;
	unsigned took[12]; /* us */
	uint64_t bound;
} rows[] = {
    {"nothing is known before the first answer", {0}, 0},
    {"the first answer", {100}, PACE_LEAST},
    {"a long path is used", {50 * MS, 50 * MS, 60 * MS, 51 * MS}, 8 * PACE_LEAST},
    {"there is a limit",
     {2 * MS, 2 * MS, 2 * MS, 2 * MS, 2 * MS, 2 * MS, 2 * MS, 2 * MS, 2 * MS, 2 * MS, 2 * MS},
     PACE_MOST},
    {"a short queue is left alone", {50 * MS, 50 * MS, 50 * MS, 90 * MS}, 4 * PACE_LEAST},
    {"a long one is made shorter", {50 * MS, 50 * MS, 50 * MS, 200 * MS}, 2 * PACE_LEAST},
    {"a short path needs no more", {200, 200, 200, 200}, PACE_LEAST},
    {"as far as the least", {100, 100, 100, 5 * MS}, PACE_LEAST},
    {"a pause does no harm", {50 * MS, 50 * MS, 3000 * MS, 50 * MS}, 2 * PACE_LEAST},
};

Test(pace, bounds)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct pace p = {0};
		uint64_t now = 1;

		pace_mark(&p, 0, now);
		for (size_t j = 0; j < 12 && rows[i].took[j]; j++)
			pace_mark(&p, 0, now += rows[i].took[j]);
		cr_expect_eq(p.bound, rows[i].bound, "%s: %llu", rows[i].name,
			     (unsigned long long)p.bound);
	}
}

Test(pace, allows)
{
	const struct pace unknown = {.marked = 0, .at = 1};
	const struct pace p = {.marked = 1000, .at = 5, .bound = PACE_LEAST};

	cr_expect(pace_allows(&unknown, 1 << 30, 2), "a peer that never answers is not waited for");
	cr_expect(pace_allows(&p, 1000, 6));
	cr_expect(pace_allows(&p, 1000 + PACE_LEAST - 1, 6));
	cr_expect_not(pace_allows(&p, 1000 + PACE_LEAST, 6));
	cr_expect_not(pace_allows(&p, 1000 + PACE_LEAST, 5 + PACE_PATIENCE));
	cr_expect(pace_allows(&p, 1000 + PACE_LEAST, 6 + PACE_PATIENCE),
		  "it does not answer any more");
}
