// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "servers.h"

/* What happens, a letter each: f: the attempt fails, l: the session is lost, u: one comes up, h:
 * back to the first; and the server whose turn it is then, with a * if there is a pause before. */
static const struct {
	size_t n;
	const char *events, *wanted;
} rounds[] = {
    {1, "ffulf", "0*0*00*0*"},
    {2, "ffff", "10*10*"},
    {3, "ffffff", "120*120*"},
    {3, "fu", "11"},
    {3, "fulu", "112*2"},
    {3, "fulfff", "112*010*"},	 /* a loss begins a round with the next server */
    {3, "fulffff", "112*010*1"}, /* and the round after it with the first */
    {2, "ululul", "01*10*01*"},
    {3, "ffuhf", "12201"},
    {3, "ffuhu", "12200"},
};

Test(servers, rounds)
{
	for (size_t i = 0; i < sizeof(rounds) / sizeof(*rounds); i++) {
		struct servers v;
		char got[64] = "";

		servers_start(&v, rounds[i].n, false);
		for (const char *e = rounds[i].events; *e; e++) {
			bool pause = false;

			if (*e == 'f' || *e == 'l')
				pause = servers_failed(&v, *e == 'l');
			else
				servers_begin(&v, *e == 'u' ? v.at : 0);
			sprintf(got + strlen(got), "%zu%s", servers_current(&v), pause ? "*" : "");
		}
		cr_expect_str_eq(got, rounds[i].wanted, "%zu, %s: %s", rounds[i].n,
				 rounds[i].events, got);
	}
}

/* Each round has all servers, and each server is once the first. */
Test(servers, random)
{
	unsigned firsts = 0;
	struct servers v;

	servers_start(&v, SETTINGS_SERVERS, true);
	for (int round = 0; round < 1000 && firsts != (1U << SETTINGS_SERVERS) - 1; round++) {
		unsigned seen = 0;

		firsts |= 1U << servers_current(&v);
		do
			seen |= 1U << servers_current(&v);
		while (!servers_failed(&v, false));
		cr_assert_eq(seen, (1U << SETTINGS_SERVERS) - 1, "round %d: %x", round, seen);
	}
	cr_expect_eq(firsts, (1U << SETTINGS_SERVERS) - 1, "%x", firsts);
}

/* One text for a round, and a new one for the next. */
Test(servers, explanation)
{
	struct servers v;

	servers_start(&v, 2, false);
	servers_explain(&v, "a:1", "down");
	cr_expect_str_eq(v.why, "a:1: down");
	cr_expect_not(servers_failed(&v, false));
	servers_explain(&v, "b:2", "b:2 refused the key");
	cr_expect_str_eq(v.why, "a:1: down; b:2 refused the key");
	cr_expect(servers_failed(&v, false));
	servers_explain(&v, "a:1", "down again");
	cr_expect_str_eq(v.why, "a:1: down again");
	for (int i = 0; i < 2; i++) {
		char much[3000];

		memset(much, 'x', sizeof(much) - 1);
		much[sizeof(much) - 1] = '\0';
		servers_failed(&v, false);
		servers_explain(&v, "a:1", much);
		cr_expect_lt(strlen(v.why), sizeof(v.why));
	}
}
