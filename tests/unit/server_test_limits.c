// SPDX-License-Identifier: BSD-2-Clause
/* What is counted, when a line is due, and the pace of a session. */
#include <criterion/criterion.h>
#include <string.h>

#include "monitor.h"
#include "peer.h"

Test(limits, names_differ)
{
	for (int i = 0; i < LIMITS; i++) {
		cr_assert(limit_names[i], "%d", i);
		for (int k = 0; k < i; k++)
			cr_expect_str_neq(limit_names[i], limit_names[k]);
	}
}

Test(limits, pace)
{
	struct pace p = {0};
	uint64_t now = 5000000, wait = 0;

	for (int i = 0; i < 100; i++)
		cr_expect_eq(pace_take(&p, 100, now), 0, "%d", i);
	cr_expect_eq(pace_take(&p, 100, now), 10000);
	for (int i = 0; i < 1000; i++) { /* who waits is in time from then on */
		now += 10000 + wait;
		wait = pace_take(&p, 100, now);
		cr_expect_leq(wait, 10000);
	}
	now += 3600 * UINT64_C(1000000);
	for (int i = 0; i < 100; i++)
		cr_expect_eq(pace_take(&p, 100, now), 0, "an hour saves up no more than a second");
	cr_expect_gt(pace_take(&p, 100, now), 0);
}
