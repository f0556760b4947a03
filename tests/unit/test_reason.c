// SPDX-License-Identifier: BSD-2-Clause
#include "reason.h"

#include <criterion/criterion.h>
#include <string.h>

Test(reason, of_a_reason)
{
	const char *why = reasonf("%s: %d", "expected", 7);

	why = reasonf("option %s: %s", "x", why);
	cr_expect_str_eq(why, "option x: expected: 7");
}

Test(reason, cut_to_fit)
{
	const char *why = reasonf("%*s", 2 * REASON_MAX, "x");

	cr_expect_eq(strlen(why), REASON_MAX - 1);
}
