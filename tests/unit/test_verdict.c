// SPDX-License-Identifier: BSD-2-Clause
/* Every reason has its words; each that may be told has a code of its own. */
#include <criterion/criterion.h>
#include <string.h>

#include "verdict.h"

Test(verdict, codes_are_told_apart)
{
	for (int v = 0; v <= POLICY_OTHER; v++) {
		const char *code = policy_texts[v].code;

		cr_expect(policy_texts[v].reason);
		cr_expect(policy_texts[v].remedy);
		cr_expect_eq(!*code, v <= POLICY_NO_KEY, "%s", code);
		cr_expect_eq(strspn(code, "abcdefghijklmnopqrstuvwxyz-"), strlen(code), "%s", code);
		for (int other = POLICY_NO_KEY + 1; other < v; other++)
			cr_expect_str_neq(code, policy_texts[other].code);
	}
}
