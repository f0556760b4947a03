// SPDX-License-Identifier: BSD-2-Clause
/* What keys have open in other generations: what is read, added up and forgotten. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "elsewhere.h"
#include "link.h"

static struct elsewhere e;

static void tear_down(void)
{
	elsewhere_free(&e);
}

TestSuite(elsewhere, .fini = tear_down);

static void say(unsigned generation, const char *text)
{
	struct evbuffer *b = evbuffer_new();

	evbuffer_add_printf(b, "%s", text);
	elsewhere_set(&e, generation, link_file(b));
	evbuffer_free(b);
}

static void expect(const char *key, size_t sessions, size_t silent, size_t channels,
		   unsigned oldest)
{
	const struct elsewhere_use sum = elsewhere_sum(&e, key);

	cr_expect_eq(sum.sessions, sessions, "%s: %zu sessions", key, sum.sessions);
	cr_expect_eq(sum.silent, silent, "%s: %zu silent", key, sum.silent);
	cr_expect_eq(sum.channels, channels, "%s: %zu channels", key, sum.channels);
	cr_expect_eq(sum.generation, oldest, "%s: generation %u", key, sum.generation);
}

Test(elsewhere, nobody_has_anything)
{
	expect("SHA256:a", 0, 0, 0, 0);
	elsewhere_keep(&e, "1 2 3 ");
	say(1, "");
	cr_expect_eq(e.n, 0);
	cr_expect_eq(e.sessions, 0);
}

Test(elsewhere, added_up)
{
	say(2, "SHA256:a 1 0 3\nSHA256:b 2 1 0\n");
	say(1, "SHA256:b 4 2 5\n");
	expect("SHA256:a", 1, 0, 3, 0);
	expect("SHA256:b", 6, 3, 5, 1);
	expect("SHA256:", 0, 0, 0, 0);
	cr_expect_eq(e.sessions, 7);
	say(1, "SHA256:b 1 0 0\n"); /* all that it has now */
	expect("SHA256:b", 3, 1, 0, 2);
	say(2, "");
	expect("SHA256:b", 1, 0, 0, 0);
	cr_expect_eq(e.sessions, 1);
}

/* Each login and each open of a channel asks: that takes no longer with many keys. */
Test(elsewhere, many_keys, .timeout = 20)
{
	enum { KEYS = 100000 };
	struct evbuffer *b = evbuffer_new();
	char key[32];

	for (unsigned g = 1; g <= 2; g++) {
		for (unsigned i = 0; i < KEYS; i++) /* in no order */
			evbuffer_add_printf(b, "SHA256:%u %u 1 0\n", i * 7919 % KEYS, g);
		elsewhere_set(&e, g, link_file(b));
	}
	evbuffer_free(b);
	for (unsigned i = 0; i < KEYS; i++) {
		snprintf(key, sizeof(key), "SHA256:%u", i);
		cr_assert_eq(elsewhere_sum(&e, key).sessions, 3, "%s", key);
	}
	expect("SHA256:0", 3, 2, 0, 1);
	expect("SHA256:99999", 3, 2, 0, 1);
	expect("SHA256:999999", 0, 0, 0, 0);
	expect("SHA257", 0, 0, 0, 0);
	expect("A", 0, 0, 0, 0);
}

/* Of another program there may be more, or what is not understood. */
Test(elsewhere, lines_of_another_program)
{
	say(1, "SHA256:a 1 0 3 17 new\nSHA256:b 2\n\nnonsense\nSHA256:c 1 1 1\n");
	expect("SHA256:a", 1, 0, 3, 0);
	expect("SHA256:b", 0, 0, 0, 0);
	expect("SHA256:c", 1, 1, 1, 1);
	cr_expect_eq(e.n, 2);
}

Test(elsewhere, a_file_that_cannot_be_read)
{
	say(1, "SHA256:a 1 0 3\n");
	elsewhere_set(&e, 1, -1);
	expect("SHA256:a", 1, 0, 3, 0);
}

/* Several generations get the same file. */
Test(elsewhere, a_file_stays_as_it_is)
{
	struct evbuffer *b = evbuffer_new();
	int file;

	evbuffer_add_printf(b, "SHA256:a 1 0 3\n");
	file = link_file(b);
	evbuffer_free(b);
	cr_expect_lt(pwrite(file, "B", 1, 0), 0, "written");
	cr_expect_lt(pwrite(file, "B", 1, 15), 0, "made longer");
	cr_expect_neq(ftruncate(file, 0), 0, "cut");
	elsewhere_set(&e, 1, file);
	expect("SHA256:a", 1, 0, 3, 0);
}

Test(elsewhere, what_is_written_is_read)
{
	const struct elsewhere_use u = {0, "SHA256:a", 7, 8, 9};
	struct evbuffer *b = evbuffer_new();

	elsewhere_put(b, &u);
	elsewhere_set(&e, 3, link_file(b));
	evbuffer_free(b);
	expect("SHA256:a", 7, 8, 9, 3);
}

Test(elsewhere, generations_that_are_left)
{
	static const struct {
		const char *left;
		size_t sessions;
	} rows[] = {{"1 2 12 ", 7}, {"12 2", 6}, {"2 ", 2}, {"1", 1}, {"", 0}, {"21 3", 0}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		say(1, "SHA256:a 1 0 0\n");
		say(2, "SHA256:a 2 0 0\n");
		say(12, "SHA256:a 4 0 0\n");
		elsewhere_keep(&e, rows[i].left);
		cr_expect_eq(e.sessions, rows[i].sessions, "\"%s\": %zu", rows[i].left, e.sessions);
		expect("SHA256:a", rows[i].sessions, 0, 0, 0);
	}
}
