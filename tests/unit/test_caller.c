// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <grp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "caller.h"

static int ends[2];

static void setup(void)
{
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
}

TestSuite(caller, .init = setup);

Test(caller, rules)
{
	const uint32_t uid = geteuid(), gid = getegid();
	const struct {
		struct caller_rules rules;
		bool allowed;
	} table[] = {
	    {{.n_uids = 0}, true},
	    {{.uids = {uid}, .n_uids = 1}, true},
	    {{.uids = {uid + 1, uid}, .n_uids = 2}, true},
	    {{.uids = {uid + 1, uid}, .n_uids = 1}, false},
	    {{.gids = {gid}, .n_gids = 1}, true},
	    {{.gids = {gid + 70001}, .n_gids = 1}, false},
	    {{.uids = {uid + 1}, .n_uids = 1, .gids = {gid}, .n_gids = 1}, true},
	    {{.uids = {uid}, .n_uids = 1, .gids = {gid + 70001}, .n_gids = 1}, true},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		cr_expect_eq(caller_allowed(&table[i].rules, ends[0]), table[i].allowed, "%zu", i);
}

Test(caller, supplementary_groups)
{
	const struct caller_rules rules = {.gids = {70003}, .n_gids = 1};
	const gid_t groups[] = {70002, 70003};

	if (geteuid() != 0)
		cr_skip("needs root");
	cr_expect_not(caller_allowed(&rules, ends[0]));
	cr_assert_eq(setgroups(2, groups), 0);
	setup(); /* the groups are those at the connect */
	cr_expect(caller_allowed(&rules, ends[0]));
}

Test(caller, groups_by_name_and_number)
{
	static const struct {
		const char *text;
		int64_t gid;
	} table[] = {
	    {"root", 0},	 {"0", 0},
	    {"70001", 70001},	 {"4294967294", 4294967294},
	    {"4294967295", -1}, /* which would be no change */
	    {"42949672950", -1}, {"", -1},
	    {"-1", -1},		 {" 1", -1},
	    {"1x", -1},		 {"no such group", -1},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		cr_expect_eq(caller_group(table[i].text), table[i].gid, "%s", table[i].text);
}

Test(caller, what_is_no_unix_socket)
{
	const struct caller_rules rules = {.uids = {geteuid(), 0}, .n_uids = 2};

	cr_expect_not(caller_allowed(&rules, socket(AF_INET, SOCK_STREAM, 0)));
	cr_expect_not(caller_allowed(&rules, -1));
}
