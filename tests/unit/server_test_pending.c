// SPDX-License-Identifier: BSD-2-Clause
/* Unknown keys that wait for approval: from where and until when, how many, how fast. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keys.h"
#include "log.h"
#include "pending.h"

enum { UNTIL = 100000 };

static struct settings settings = {.pending_until = UNTIL};
static struct pending *p;
static struct address here;
static char logged[512];

static void keep(int priority, const char *text)
{
	snprintf(logged, sizeof(logged), "%s", text);
}

static void set_up(void)
{

	cr_assert_null(cidr_parse("192.0.2.0/24", &settings.pending_from));
	cr_assert_null(address_parse("192.0.2.7:50000", 0, &here));
	p = pending_new(&settings);
	cr_assert(p);
	log_redirect(keep);
}

static void tear_down(void)
{
	pending_free(p);
	cidr_free(&settings.pending_from);
}

TestSuite(pending, .init = set_up, .fini = tear_down);

/* A well-formed Ed25519 key for each number. */
static size_t make_key(uint8_t blob[64], uint8_t number)
{
	static const uint8_t head[] = "\0\0\0\x0bssh-ed25519\0\0\0\x20";

	memset(blob, number, 64);
	memcpy(blob, head, sizeof(head) - 1);
	return sizeof(head) - 1 + 32;
}

static bool add(uint8_t number, time_t now)
{
	uint8_t blob[64];
	const size_t n = make_key(blob, number);

	return pending_add(p, blob, n, &here, "ann", 3, now);
}

Test(pending, open_from_there_until_then)
{
	static const struct {
		const char *from;
		time_t now;
		bool open;
	} t[] = {
	    {"192.0.2.7:1", 1, true},	       {"192.0.2.255:9", UNTIL - 1, true},
	    {"192.0.2.7:1", UNTIL, false},     {"192.0.2.7:1", UNTIL + 1, false},
	    {"192.0.3.7:1", 1, false},	       {"[2001:db8::1]:1", 1, false},
	    {"[::ffff:192.0.2.7]:1", 1, true},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct address a;

		cr_assert_null(address_parse(t[i].from, 0, &a), "%s", t[i].from);
		cr_expect_eq(pending_open(p, &a, t[i].now), t[i].open, "%s at %lld", t[i].from,
			     (long long)t[i].now);
	}
	cidr_free(&settings.pending_from);
	settings.pending_from = (struct cidr_list){.n = 0};
	cr_expect_not(pending_open(p, &here, 1), "nowhere");
}

Test(pending, one_new_key_a_second)
{
	cr_expect(add(1, 50));
	cr_expect_not(add(2, 50), "a second one within the second");
	cr_expect(add(1, 50), "a known one is renewed at any time");
	cr_expect(add(2, 51));
	cr_expect_eq(pending_count(p), 2);
}

Test(pending, no_more_than_it_holds)
{
	char text[PENDING_TEXT];
	struct json_out o = {text, sizeof(text), 0};
	uint8_t n;

	for (n = 0; n < PENDING_MAX; n++)
		cr_expect(add(n, 100 + n), "key %d", n);
	cr_expect_not(add(n, 1000), "one too many");
	cr_expect(add(5, 1000), "a known one is renewed");
	cr_expect_eq(pending_count(p), PENDING_MAX);
	pending_put(p, 5, &o);
	cr_expect(json_is_object(text) && strstr(text, "\"time\":\"1970-01-01T00:16:40Z\""), "%s",
		  text);
}

Test(pending, what_is_no_key_is_not_remembered)
{
	uint8_t blob[64];
	const size_t n = make_key(blob, 1);

	for (size_t i = 0; i < n; i++)
		cr_expect_not(pending_add(p, blob, i, &here, "", 0, 1), "cut at %zu", i);
	blob[4] = 'x';
	cr_expect_not(pending_add(p, blob, n, &here, "", 0, 1), "an unknown type");
	cr_expect_eq(pending_count(p), 0);
}

Test(pending, a_listed_key_was_approved)
{
	char path[] = "/tmp/sshipc-pending-XXXXXX";
	static const char line[] =
	    "name=\"blade7\" ssh-ed25519 "
	    "AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\n";
	const int fd = mkstemp(path);
	struct endpoint e = {.name = "confd"};
	const struct allow_names names = {&e, 1, NULL, NULL, 0, false};
	struct allowlist *list;

	cr_assert(fd >= 0 && write(fd, line, sizeof(line) - 1) == sizeof(line) - 1);
	close(fd);
	list = allowlist_load(path, &names, NULL, NULL);
	unlink(path);
	cr_assert(list);
	for (uint8_t n = 6; n < 9; n++)
		add(n, n);
	pending_prune(p, list);
	cr_expect_eq(pending_count(p), 2);
	cr_expect(strstr(logged, "key blade7 (SHA256:") &&
		      strstr(logged, "is now approved, for endpoint confd"),
		  "%s", logged);
	logged[0] = '\0';
	pending_prune(p, list);
	cr_expect_str_empty(logged);
	allowlist_free(list);
}
