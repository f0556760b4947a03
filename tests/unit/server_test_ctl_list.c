// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "ctl_list.h"
#include "keys.h"

#define LONG64 "0123456789012345678901234567890123456789012345678901234567890123"

static const struct {
	struct approval asked;
	const char *key, *line; /* NULL: refused, with why */
	const char *why;
} lines[] = {
    {{FP_ED, "confd", "blade7", NULL, NULL},
     KEY_ED,
     "endpoint=\"confd\",name=\"blade7\" " KEY_ED,
     NULL},
    {{FP_ED, "confd", "blade7", "10.0.0.0/8,!10.9.0.0/16", NULL},
     KEY_ED,
     "endpoint=\"confd\",name=\"blade7\",from=\"10.0.0.0/8,!10.9.0.0/16\" " KEY_ED,
     NULL},
    {{FP_P256, "nso", "b", "2001:db8::/32", "2"},
     KEY_P256,
     "endpoint=\"nso\",name=\"b\",from=\"2001:db8::/32\",max-sessions=2 " KEY_P256,
     NULL},
    {{FP_RSA2048, "nso", "b", NULL, "65535"},
     KEY_RSA2048,
     "endpoint=\"nso\",name=\"b\",max-sessions=65535 " KEY_RSA2048,
     NULL},

    /* Another key than that which was seen and compared. */
    {{FP_ED2, "confd", "blade7", NULL, NULL}, KEY_ED, NULL, "what was asked for"},
    /* Values that end, or begin, an option of their own. */
    {{FP_ED, "confd", "b\",replace-old,name=\"c", NULL, NULL}, KEY_ED, NULL, "name"},
    {{FP_ED, "confd", "b\",max-channels=\"9", NULL, NULL}, KEY_ED, NULL, "what was asked for"},
    {{FP_ED, "confd", "b c", NULL, NULL}, KEY_ED, NULL, "name"},
    {{FP_ED, "confd", "b\n", NULL, NULL}, KEY_ED, NULL, "control byte 0x0a"},
    {{FP_ED, "confd", LONG64, NULL, NULL}, KEY_ED, NULL, "name"},
    {{FP_ED, "confd\",valid=\"Mon 08:00-09:00", "b", NULL, NULL},
     KEY_ED,
     NULL,
     "what was asked for"},
    {{FP_ED, "no endpoint", "b", NULL, NULL}, KEY_ED, NULL, "endpoint"},
    {{FP_ED, "confd", "b", "10.0.0.0/8\",expiry-time=\"20990101", NULL},
     KEY_ED,
     NULL,
     "what was asked for"},
    {{FP_ED, "confd", "b", "10.0.0.1/8", NULL}, KEY_ED, NULL, "from"},
    {{FP_ED, "confd", "b", "everywhere", NULL}, KEY_ED, NULL, "from"},
    {{FP_ED, "confd", "b", NULL, "0"}, KEY_ED, NULL, "max-sessions"},
    {{FP_ED, "confd", "b", NULL, "65536"}, KEY_ED, NULL, "max-sessions"},
    {{FP_ED, "confd", "b", NULL, "2,replace-old"}, KEY_ED, NULL, "max-sessions: expected a number"},
    {{FP_ED, "confd", "b", NULL, "-1"}, KEY_ED, NULL, "max-sessions: expected a number"},
    /* A server may say anything. */
    {{FP_ED, "confd", "b", NULL, NULL}, "-", NULL, "key type"},
    {{FP_ED, "confd", "b", NULL, NULL}, BLOB_ED, NULL, "key type"},
    {{FP_ED, "confd", "b", NULL, NULL}, KEY_ED " " KEY_ED2, NULL, "second key"},
    {{FP_ED, "confd", "b", NULL, NULL}, KEY_ED "\n" KEY_ED2, NULL, "control byte 0x0a"},
    {{FP_DSA, "confd", "b", NULL, NULL}, KEY_DSA, NULL, "not supported"},
    {{FP_RSA1024, "confd", "b", NULL, NULL}, KEY_RSA1024, NULL, "RSA"},
};

Test(ctl_list, compose)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		char line[KEYLINE_MAX] = "";
		const char *why = ctl_list_compose(&lines[i].asked, lines[i].key, line);

		cr_expect_eq(!why, !!lines[i].line, "%zu: %s", i, line);
		if (lines[i].line)
			cr_expect_str_eq(line, lines[i].line, "%zu", i);
		else
			cr_expect(why && strstr(why, lines[i].why), "%zu: %s", i, why);
	}
}

Test(ctl_list, too_long)
{
	static char key[2 * KEYLINE_MAX], line[KEYLINE_MAX];
	const struct approval asked = {FP_ED, "confd", "b", NULL, NULL};
	const char *why = NULL;

	snprintf(key, sizeof(key), "%s %*s", KEY_ED, KEYLINE_MAX, "x");
	why = ctl_list_compose(&asked, key, line);
	cr_expect(why && strstr(why, "too long"), "%s", why);
}

static const struct {
	int (*run)(struct ctl *c, int argc, char **argv);
	const char *argv[10];
} usages[] = {
    {ctl_list_revoke, {"revoke"}},
    {ctl_list_revoke, {"revoke", ""}},
    {ctl_list_revoke, {"revoke", "a", "b"}},
    {ctl_list_revoke, {"revoke", "a"}}, /* no list is known */
    {ctl_list_approve, {"approve"}},
    {ctl_list_approve, {"approve", "blade7", "--endpoint", "confd", "--name", "b"}},
    {ctl_list_approve, {"approve", FP_ED}},
    {ctl_list_approve, {"approve", FP_ED, "--endpoint", "confd"}},
    {ctl_list_approve, {"approve", FP_ED, "--name", "b"}},
    {ctl_list_approve, {"approve", FP_ED, "--endpoint", "confd", "--name"}},
    {ctl_list_approve, {"approve", FP_ED, "--endpoint", "confd", "--name", ""}},
    {ctl_list_approve, {"approve", FP_ED, "--endpoint", "confd", "--name", "b", "--name", "c"}},
    {ctl_list_approve, {"approve", FP_ED, FP_ED2, "--endpoint", "confd", "--name", "b"}},
    {ctl_list_approve, {"approve", FP_ED, "--endpoint", "confd", "--name", "b", "--any"}},
    {ctl_list_approve, {"approve", "--endpoint", "confd", "--name", "b", FP_ED}}, /* no list */
};

Test(ctl_list, usage, .init = cr_redirect_stderr)
{
	struct ctl c = {.path = ""};

	for (size_t i = 0; i < sizeof(usages) / sizeof(*usages); i++) {
		char *argv[10];
		int argc = 0;

		memcpy(argv, usages[i].argv, sizeof(argv));
		while (argv[argc])
			argc++;
		cr_expect_eq(usages[i].run(&c, argc, argv), EX_USAGE, "%zu", i);
	}
}
