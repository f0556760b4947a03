// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "algorithms.h"
#include "fds.h"
#include "selftest.h"

static const char path_off[] =
    "direct-streamlocal is off: its path cannot be read from this libssh";
static const char *said;
static unsigned asked;

static bool say(char *path, size_t size)
{
	asked++;
	snprintf(path, size, "%s", said ? said : "/sshipc-self-test");
	return said != NULL;
}

static const struct {
	const char *said;
	bool streamlocal;
} answers[] = {
    {"/sshipc-self-test", true},
    {NULL, false}, /* the right path, with "I have not seen one" */
    {"", false},
    {"/", false},
    {"/sshipc-self-tes", false},
    {"/sshipc-self-test2", false},
    {"sshipc-self-test", false},
    {"/run/other.sock", false},
};

/* A libssh with CVE-2026-59847 rightly fails here: why tells so. */
static void judge(const struct selftest *t)
{
	cr_expect(t->works);
	cr_expect_eq(t->gcm, algorithms_cpu_has_aes(), "%s", t->why);
	cr_expect_eq(strstr(t->why, "AES-GCM is off") != NULL, !t->gcm, "%s", t->why);
}

Test(selftest, a_path_that_is_not_the_true_one_turns_streamlocal_off)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		struct selftest t;

		said = answers[i].said;
		asked = 0;
		selftest_run(say, &t);
		judge(&t);
		cr_expect_eq(asked, 1, "%zu: %u", i, asked);
		cr_expect_eq(t.streamlocal, answers[i].streamlocal, "%zu", i);
		cr_expect_eq(strstr(t.why, path_off) != NULL, !answers[i].streamlocal, "%zu: %s", i,
			     t.why);
		cr_expect_eq(t.why[0] == '\0', t.gcm && t.streamlocal, "%zu: %s", i, t.why);
	}
}

Test(selftest, a_client_does_not_ask)
{
	size_t before;
	struct selftest t;

	selftest_run(NULL, &t); /* what libraries open once stays */
	before = count_fds();
	for (int i = 0; i < 2; i++) {
		memset(&t, 0xff, sizeof(t));
		selftest_run(NULL, &t);
		judge(&t);
		cr_expect_not(t.streamlocal);
		cr_expect_null(strstr(t.why, "streamlocal"), "%s", t.why);
	}
	cr_expect_eq(count_fds(), before, "descriptors leaked");
}
