// SPDX-License-Identifier: BSD-2-Clause
/* What generations say of their keys, in the keeper: who gets it, and when one does not read. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fds.h"
#include "keeper_internal.h"
#include "loop.h"

static struct keeper k;
static struct generation g[5]; /* by number; 4: checked, 3: in charge, 2 and 1: older */
static int theirs[5];
static size_t fds;

static void set_up(void)
{
	static const enum state states[] = {0, RETIRING, RETIRING, IN_CHARGE, CHECKING};

	fds = count_fds();
	TAILQ_INIT(&k.all);
	k.base = loop_new();
	k.again = loop_timer(k.base, share_again, &k);
	for (unsigned i = 1; i < 5; i++) {
		int pair[2];

		cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
		g[i] = (struct generation){
		    .k = &k, .number = i, .state = states[i], .sock = pair[0], .uses = -1};
		theirs[i] = pair[1];
		TAILQ_INSERT_HEAD(&k.all, &g[i], entry);
	}
}

static void tear_down(void)
{
	for (int i = 1; i < 5; i++) {
		close(theirs[i]);
		close(g[i].sock);
		if (g[i].uses >= 0)
			close(g[i].uses);
	}
	event_free(k.again);
	event_base_free(k.base);
	check_at_end(count_fds() == fds, "descriptors leaked");
}

TestSuite(share, .init = set_up, .fini = tear_down, .timeout = 30);

/* i has that open. */
static void uses(int i, const char *text)
{
	struct evbuffer *b = evbuffer_new();
	struct link_message m = {.type = LINK_USES};

	evbuffer_add_printf(b, "%s", text);
	m.fds[0] = link_file(b);
	m.n_fds = 1;
	share_uses(&g[i], &m);
	link_close(&m);
	evbuffer_free(b);
}

static void tell(int i, unsigned number, const char *text)
{
	struct link_message m = {.type = LINK_TELL, .number = number};

	snprintf(m.text, sizeof(m.text), "%s", text);
	share_tell(&g[i], &m);
}

static void read_all(int i)
{
	struct link_message m;

	while (link_recv(theirs[i], &m) == 1)
		link_close(&m);
}

/* All that i gets: "USES 1 text|TELL 3 text|". */
static const char *got(int i)
{
	static char all[1024];
	struct link_message m;
	size_t n = 0;

	all[0] = '\0';
	while (link_recv(theirs[i], &m) == 1) {
		struct evbuffer *b = evbuffer_new();

		if (m.n_fds > 0)
			cr_expect_eq(link_read_file(m.fds[--m.n_fds], 100, b), 0);
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s %u %s%.*s|",
				      m.type == LINK_USES ? "USES" : "TELL", m.number, m.text,
				      (int)evbuffer_get_length(b), evbuffer_pullup(b, -1));
		evbuffer_free(b);
	}
	return all;
}

Test(share, who_gets_what)
{
	uses(3, "c");
	uses(1, "a");
	cr_expect_str_eq(got(4), "");
	cr_expect_str_eq(got(3), "USES 1 a|");
	cr_expect_str_eq(got(2), "USES 3 c|USES 1 a|");
	cr_expect_str_eq(got(1), "USES 3 c|");
	uses(1, "b"); /* what a later one gets is the last */
	g[4].state = IN_CHARGE;
	g[3].state = RETIRING;
	share_all(&g[4]);
	cr_expect_str_eq(got(4), "USES 0 4 3 2 1 |USES 3 c|USES 1 b|");
}

Test(share, without_a_file)
{
	struct link_message m = {.type = LINK_USES};

	share_uses(&g[1], &m);
	cr_expect_str_eq(got(3), "");
}

Test(share, gone)
{
	TAILQ_REMOVE(&k.all, &g[2], entry);
	share_gone(&k);
	cr_expect_str_eq(got(3), "USES 0 4 3 1 |");
	cr_expect_str_eq(got(1), "USES 0 4 3 1 |");
	cr_expect_str_eq(got(4), "");
}

static const struct {
	int from;
	unsigned to;
	const char *got[5];
} words[] = {
    {3, 0, {NULL, "TELL 3 x|", "TELL 3 x|", "", ""}},
    {3, 2, {NULL, "", "TELL 3 x|", "", ""}},
    {3, 3, {NULL, "", "", "", ""}},
    {3, 4, {NULL, "", "", "", ""}},
    {2, 0, {NULL, "", "", "TELL 2 x|", ""}},
    {2, 1, {NULL, "", "", "TELL 2 x|", ""}}, /* to the one in charge, whatever it says */
};

Test(share, tell)
{
	for (size_t w = 0; w < sizeof(words) / sizeof(*words); w++) {
		tell(words[w].from, words[w].to, "x");
		for (int i = 1; i < 5; i++)
			cr_expect_str_eq(got(i), words[w].got[i], "row %zu", w);
	}
}

/* One that is stopped holds nobody up, is told nothing that it could not understand, and has all
 * when it goes on. */
Test(share, one_that_does_not_read)
{
	size_t n = 0;

	while (!g[3].behind) {
		uses(1, "old");
		cr_assert_lt(++n, 100000);
	}
	for (int i = 0; i < 9; i++) /* as many upgrades and lists */
		cr_expect_eq(link_send(g[3].sock, LINK_LIST, 0, NULL, NULL, 0), 0);
	read_all(2);
	tell(1, 0, "x");
	uses(2, "two");
	uses(1, "one");
	cr_expect_str_eq(got(1), "USES 2 two|");
	cr_expect_str_eq(got(2), "USES 1 one|");
	TAILQ_REMOVE(&k.all, &g[4], entry);
	share_gone(&k);
	read_all(3);
	while (g[3].behind)
		cr_assert_eq(event_base_loop(k.base, EVLOOP_ONCE), 0);
	cr_expect_str_eq(got(3), "USES 0 3 2 1 |USES 2 two|USES 1 one|");
	tell(1, 0, "x");
	cr_expect_str_eq(got(3), "TELL 1 x|");
}
