// SPDX-License-Identifier: BSD-2-Clause
/* What listeners do before a link is there; connections are carried in tests/e2e. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "listener.h"

static char dir[] = "/tmp/sshipc-listener-XXXXXX";
static char sock[64], spec_text[128];
static struct event_base *base;
static struct spec specs[3];

static void setup(void)
{
	cr_assert(mkdtemp(dir));
	snprintf(sock, sizeof(sock), "%s/s", dir);
	base = event_base_new();
	cr_assert(base);
}

static void teardown(void)
{
	for (size_t i = 0; i < 3; i++)
		spec_free(&specs[i]);
	event_base_free(base);
	cr_expect_eq(rmdir(dir), 0, "a file was left behind");
}

static void parse(size_t i, const char *text)
{
	const char *err = NULL;

	err = spec_parse(text, false, &specs[i]);

	cr_assert_null(err, "%s", err);
}

TestSuite(listener, .init = setup, .fini = teardown);

Test(listener, opens_describes_and_cleans_up)
{
	char text[2 * ADDRESS_TEXT], want[256];
	struct listeners *ls = NULL;
	struct address at;
	struct stat st;
	const char *why = NULL;
	bool pending = false;
	int fd = -1;

	parse(0, "0:confd");
	parse(1, "[::1]:0");
	snprintf(spec_text, sizeof(spec_text), "%s:/run/b.sock,mode=0640", sock);
	parse(2, spec_text);
	ls = listeners_open(base, specs, 3);
	cr_assert(ls);

	cr_assert(listeners_describe(ls, 2, text, sizeof(text)));
	snprintf(want, sizeof(want), "%s -> /run/b.sock", sock);
	cr_expect_str_eq(text, want);
	cr_expect_eq(stat(sock, &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0640);
	cr_assert(listeners_describe(ls, 1, text, sizeof(text)));
	cr_expect_eq(strncmp(text, "[::1]:", 6), 0);
	cr_expect(strstr(text, " -> default endpoint"));
	cr_expect_null(listeners_describe(ls, 3, text, sizeof(text)));

	/* The port that is announced is the real one; nobody accepts before the start. */
	cr_assert(listeners_describe(ls, 0, text, sizeof(text)));
	cr_assert(strstr(text, " -> confd"));
	*strstr(text, " -> ") = '\0';
	why = address_parse(text, 0, &at);
	cr_assert_null(why, "%s: %s", text, why);
	fd = address_connect(&at, NULL, &pending);
	cr_assert_geq(fd, 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	cr_expect_eq(recv(fd, want, 1, MSG_DONTWAIT), -1);
	cr_expect_eq(errno, EAGAIN);
	close(fd);

	listeners_free(ls);
	cr_expect_eq(access(sock, F_OK), -1);
	cr_expect_lt(address_connect(&at, NULL, &pending), 0);
	listeners_free(NULL);
}

Test(listener, all_or_none)
{
	char text[2 * ADDRESS_TEXT];
	struct listeners *first = NULL;

	parse(0, "0");
	first = listeners_open(base, specs, 1);
	cr_assert(first && listeners_describe(first, 0, text, sizeof(text)));
	*strstr(text, " -> ") = '\0';
	parse(1, sock);
	parse(2, text);
	cr_expect_null(listeners_open(base, &specs[1], 2), "%s was bound twice", text);
	cr_expect_eq(access(sock, F_OK), -1, "the first of the two stayed");
	listeners_free(first);
}
