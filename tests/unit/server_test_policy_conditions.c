// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "policy.h"

static const struct endpoint confd = {.name = "confd"};

#define KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA000000000000000000000000000000000000000001"

static struct keyline parse(const char *options)
{
	const char *why = NULL;
	char line[512];
	struct keyline k;

	snprintf(line, sizeof(line), "%s%s" KEY, options, *options ? " " : "");
	cr_assert_eq(keyline_parse(line, strlen(line), &k, &why), 1, "%s: %s", options, why);
	return k;
}

static time_t at(const char *text)
{
	const char *why = "";
	time_t t = 0;

	why = window_parse_time(text, &t);
	cr_assert_null(why, "%s: %s", text, why);
	return t;
}

/* 2026-11-16 is a Monday.  What login and an open of "." get; the first that fails is named. */
static const struct {
	const char *options, *source, *time;
	enum policy_verdict verdict;
} conditions[] = {
    {"", "192.0.2.1", "2026-11-16 12:00Z", POLICY_GRANT},
    {"", NULL, "2026-11-16 12:00Z", POLICY_GRANT},
    {"from=\"10.0.0.0/8\"", "10.1.2.3", "2026-11-16 12:00Z", POLICY_GRANT},
    {"from=\"10.0.0.0/8\"", "::ffff:10.1.2.3", "2026-11-16 12:00Z", POLICY_GRANT},
    {"from=\"10.0.0.0/8\"", "11.1.2.3", "2026-11-16 12:00Z", POLICY_SOURCE_NOT_ALLOWED},
    {"from=\"10.0.0.0/8\"", "::1", "2026-11-16 12:00Z", POLICY_SOURCE_NOT_ALLOWED},
    {"from=\"0.0.0.0/0,::/0\"", NULL, "2026-11-16 12:00Z", POLICY_SOURCE_NOT_ALLOWED},
    {"from=\"10.0.0.0/8,!10.1.2.3\"", "10.1.2.3", "2026-11-16 12:00Z", POLICY_SOURCE_NOT_ALLOWED},
    {"expiry-time=\"20261116120000Z\"", "::1", "2026-11-16 11:59:59Z", POLICY_GRANT},
    {"expiry-time=\"20261116120000Z\"", "::1", "2026-11-16 12:00Z", POLICY_EXPIRED},
    {"expiry-time=\"20261116120000Z\"", "::1", "2126-11-16 12:00Z", POLICY_EXPIRED},
    {"valid=\"Mon 08:00-12:00Z\"", "::1", "2026-11-16 08:00Z", POLICY_GRANT},
    {"valid=\"Mon 08:00-12:00Z\"", "::1", "2026-11-16 11:59:59Z", POLICY_GRANT},
    {"valid=\"Mon 08:00-12:00Z\"", "::1", "2026-11-16 12:00Z", POLICY_OUTSIDE_WINDOW},
    {"valid=\"Mon 08:00-12:00Z\"", "::1", "2026-11-17 09:00Z", POLICY_OUTSIDE_WINDOW},
    /* the order */
    {"from=\"::1\",expiry-time=\"20260101Z\",valid=\"Mon 08:00-12:00Z\"", "::2",
     "2026-11-17 09:00Z", POLICY_SOURCE_NOT_ALLOWED},
    {"valid=\"Mon 08:00-12:00Z\",expiry-time=\"20260101Z\",from=\"::1\"", "::1",
     "2026-11-17 09:00Z", POLICY_EXPIRED},
    {"from=\"::1\",expiry-time=\"20270101Z\",valid=\"Mon 08:00-12:00Z\"", "::1",
     "2026-11-17 09:00Z", POLICY_OUTSIDE_WINDOW},
    {"from=\"::1\",expiry-time=\"20270101Z\",valid=\"Mon 08:00-12:00Z\"", "::1",
     "2026-11-16 09:00Z", POLICY_GRANT},
    /* What the monitor counts or dials with is no condition of the policy. */
    {"max-sessions=1,replace-old,max-channels=1,source=\"127.0.0.9\"", "::1", "2026-11-16 09:00Z",
     POLICY_GRANT},
};

static void expect_conditions(size_t i, const struct keyline *k, struct policy_request *r,
			      enum policy_verdict want)
{
	enum policy_verdict v = policy_decide(k, &confd, r);

	cr_expect_eq(v, want, "row %zu, action %d: %s", i, (int)r->action, policy_texts[v].reason);
}

Test(policy, source_expiry_and_window)
{
	for (size_t i = 0; i < sizeof(conditions) / sizeof(*conditions); i++) {
		const enum policy_verdict v = conditions[i].verdict;
		struct keyline k = parse(conditions[i].options);
		struct policy_request r = {.now = at(conditions[i].time)};

		if (conditions[i].source)
			cr_assert_eq(address_from_host(conditions[i].source, 22, &r.source), 0);
		expect_conditions(i, &k, &r, v);
		for (int action = POLICY_DIRECT_TCPIP; action <= POLICY_DIRECT_STREAMLOCAL;
		     action++) {
			r.action = (enum policy_action)action;
			r.host = ".";
			r.host_len = 1;
			expect_conditions(i, &k, &r, v);
			r.host = ".status";
			r.host_len = 7;
			expect_conditions(i, &k, &r, v == POLICY_GRANT ? POLICY_GRANT_STATUS : v);
			r.host = "no";
			r.host_len = 2;
			expect_conditions(i, &k, &r,
					  v == POLICY_GRANT ? POLICY_WRONG_DESTINATION : v);
		}
		/* Before them stand type, endpoint and key. */
		r.action = POLICY_OTHER_CHANNEL;
		expect_conditions(i, &k, &r, POLICY_WRONG_TYPE);
		r.action = POLICY_LOGIN;
		cr_expect_eq(policy_decide(&k, NULL, &r), POLICY_NO_ENDPOINT);
		cr_expect_eq(policy_decide(NULL, &confd, &r), POLICY_NO_KEY);
		keyline_free(&k);
	}
}

/* Each condition says what it alone thinks; the decision is the first that refuses. */
Test(policy, conditions_by_themselves)
{
	static const enum policy_verdict want[] = {
	    [POLICY_ASK_KEY] = POLICY_GRANT,
	    [POLICY_ASK_TYPE] = POLICY_GRANT,
	    [POLICY_ASK_ENDPOINT] = POLICY_GRANT,
	    [POLICY_ASK_SOURCE] = POLICY_SOURCE_NOT_ALLOWED,
	    [POLICY_ASK_EXPIRY] = POLICY_EXPIRED,
	    [POLICY_ASK_WINDOW] = POLICY_OUTSIDE_WINDOW,
	    [POLICY_ASK_VERIFIED] = POLICY_GRANT,
	    [POLICY_ASK_DESTINATION] = POLICY_WRONG_DESTINATION,
	};
	struct keyline k =
	    parse("from=\"::1\",expiry-time=\"20260101Z\",valid=\"Mon 08:00-12:00Z\"");
	struct policy_request r = {.action = POLICY_DIRECT_TCPIP,
				   .host = "no",
				   .host_len = 2,
				   .now = at("2026-11-17 09:00Z")};

	for (int c = 0; c < POLICY_CONDITIONS; c++)
		cr_expect_eq(policy_ask((enum policy_condition)c, &k, &confd, &r), want[c],
			     "condition %d", c);
	cr_expect_eq(policy_decide(&k, &confd, &r), POLICY_SOURCE_NOT_ALLOWED);
	r.action = POLICY_LOGIN;
	cr_expect_eq(policy_ask(POLICY_ASK_DESTINATION, &k, &confd, &r), POLICY_GRANT);
	cr_expect_eq(policy_ask(POLICY_CONDITIONS, &k, &confd, &r), POLICY_WRONG_TYPE);
	keyline_free(&k);
}

/* Default deny: a request that says nothing of its user is one that was not verified. */
Test(policy, verify_required)
{
	static const char line[] =
	    "verify-required,valid=\"Mon 08:00-12:00Z\" sk-ssh-ed25519@openssh.com "
	    "AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIN6HImNkE4f23Npob39/"
	    "lAW5fRvzPbpc8XS1uGBQOKwO"
	    "AAAABHNzaDo=";
	struct policy_request r = {.action = POLICY_LOGIN, .now = at("2026-11-16 09:00Z")};
	const char *why = NULL;
	struct keyline k, plain = parse("");

	cr_assert_eq(keyline_parse(line, strlen(line), &k, &why), 1, "%s", why);
	for (int action = POLICY_LOGIN; action <= POLICY_DIRECT_STREAMLOCAL; action++) {
		r.action = (enum policy_action)action;
		r.host = ".";
		r.host_len = 1;
		r.user_verified = false;
		cr_expect_eq(policy_decide(&k, &confd, &r), POLICY_USER_NOT_VERIFIED);
		cr_expect_eq(policy_decide(&plain, &confd, &r), POLICY_GRANT);
		r.user_verified = true;
		cr_expect_eq(policy_decide(&k, &confd, &r), POLICY_GRANT);
		cr_expect_eq(policy_decide(&plain, &confd, &r), POLICY_GRANT);
	}
	r.now = at("2026-11-17 09:00Z");
	cr_expect_eq(policy_decide(&k, &confd, &r), POLICY_OUTSIDE_WINDOW);
	keyline_free(&k);
	keyline_free(&plain);
}

Test(policy, next_change)
{
	static const struct {
		const char *options, *now, *next;
	} table[] = {
	    {"", "2026-11-16 09:00Z", NULL},
	    {"from=\"::1\"", "2026-11-16 09:00Z", NULL},
	    {"expiry-time=\"20261201Z\"", "2026-11-16 09:00Z", "2026-12-01 00:00Z"},
	    {"expiry-time=\"20261201Z\"", "2026-11-30 23:59:59Z", "2026-12-01 00:00Z"},
	    {"expiry-time=\"20261201Z\"", "2026-12-01 00:00Z", NULL},
	    {"valid=\"Mon 08:00-12:00Z\"", "2026-11-16 09:00Z", "2026-11-16 12:00Z"},
	    {"valid=\"Mon 08:00-12:00Z\"", "2026-11-16 12:00Z", "2026-11-23 08:00Z"},
	    {"valid=\"Mon-Sun 00:00-24:00Z\"", "2026-11-16 12:00Z", NULL},
	    {"valid=\"Mon 08:00-12:00Z\",expiry-time=\"20261201Z\"", "2026-11-16 09:00Z",
	     "2026-11-16 12:00Z"},
	    {"valid=\"Mon 08:00-12:00Z\",expiry-time=\"202611161000Z\"", "2026-11-16 09:00Z",
	     "2026-11-16 10:00Z"},
	    {"valid=\"Mon-Sun 00:00-24:00Z\",expiry-time=\"20261201Z\"", "2026-11-16 09:00Z",
	     "2026-12-01 00:00Z"},
	    {"valid=\"Mon 08:00-12:00Z\",expiry-time=\"20261101Z\"", "2026-11-16 09:00Z", NULL},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct keyline k = parse(table[i].options);

		cr_expect_eq(policy_next_change(&k, at(table[i].now)),
			     table[i].next ? at(table[i].next) : 0, "row %zu", i);
		keyline_free(&k);
	}
}
