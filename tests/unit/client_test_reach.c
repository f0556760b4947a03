// SPDX-License-Identifier: BSD-2-Clause
/* The race of a name's addresses: they are 127.0.0.1 and so on, each behaves as its table says. */
#include <criterion/criterion.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fds.h"
#include "loop.h"
#include "reach.h"

enum { MOST = 4 };

struct host {
	enum { NONE, ABSENT, SILENT, SAYS, ENDS } kind; /* ENDS: says it, then closes */
	const char *text;
};

static struct {
	struct event_base *base;
	struct host hosts[MOST];
	int listeners[MOST], callers[MOST];
	struct event *events[2 * MOST];
	unsigned port;
	int calls, fd;
	char why[512];
} t;

static struct sockaddr_in host_address(int i)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons((uint16_t)t.port),
				    .sin_addr.s_addr = htonl(0x7f000001U + (unsigned)i)};
}

/* Stands in for libc's, in the look-up's child. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
		struct addrinfo **list)
{
	static struct sockaddr_in in[MOST];
	static struct addrinfo info[MOST];

	*list = NULL;
	for (int i = MOST; i-- > 0;) {
		in[i] = host_address(i);
		info[i] = (struct addrinfo){.ai_addr = (struct sockaddr *)&in[i],
					    .ai_addrlen = sizeof(in[i]),
					    .ai_next = *list};
		if (t.hosts[i].kind != NONE)
			*list = &info[i];
	}
	return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
}

static void done(void *arg, int fd, const struct address *at, const char *why)
{
	cr_expect_eq(at != NULL, fd >= 0);
	t.calls++;
	t.fd = fd;
	snprintf(t.why, sizeof(t.why), "%s", why);
	event_base_loopbreak(t.base);
}

/* '|' in a text: what follows comes with a packet of its own. */
static void on_caller(evutil_socket_t fd, short what, void *arg)
{
	const struct host *h = arg;
	const long i = h - t.hosts;
	const int caller = accept((int)fd, NULL, NULL);
	size_t n;

	t.callers[i] = caller;
	for (const char *p = h->kind == SILENT ? "" : h->text; *p; p += n + (p[n] == '|')) {
		n = strcspn(p, "|");
		cr_assert_eq(send(caller, p, n, MSG_NOSIGNAL), (ssize_t)n);
		usleep(p[n] == '|' ? 20000 : 0);
	}
	if (h->kind == ENDS) {
		close(caller);
		t.callers[i] = -1;
	}
}

static void set_up(const struct host hosts[MOST])
{
	memset(&t, 0, sizeof(t));
	t.base = loop_new();
	memcpy(t.hosts, hosts, sizeof(t.hosts));
	for (int i = 0; i < MOST; i++) {
		struct sockaddr_in in = host_address(i);
		socklen_t len = sizeof(in);

		t.callers[i] = -1;
		t.listeners[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		cr_assert_eq(bind(t.listeners[i], (struct sockaddr *)&in, len), 0);
		cr_assert_eq(getsockname(t.listeners[i], (struct sockaddr *)&in, &len), 0);
		t.port = ntohs(in.sin_port);
		if (t.hosts[i].kind < SILENT)
			continue;
		cr_assert_eq(listen(t.listeners[i], 8), 0);
		t.events[i] = loop_watch(t.base, t.listeners[i], EV_READ | EV_PERSIST, on_caller,
					 &t.hosts[i]);
	}
}

static void tear_down(void)
{
	for (int i = 0; i < MOST; i++) {
		loop_drop(t.events[i]);
		close(t.listeners[i]);
		if (t.callers[i] >= 0)
			close(t.callers[i]);
	}
	if (t.fd >= 0)
		close(t.fd);
	event_base_free(t.base);
}

/* Which host won, counted from 1; 0: none. */
static int winner(void)
{
	struct sockaddr_in in;
	socklen_t len = sizeof(in);

	if (t.fd < 0)
		return 0;
	cr_assert_eq(getpeername(t.fd, (struct sockaddr *)&in, &len), 0);
	return (int)(ntohl(in.sin_addr.s_addr) - 0x7f000000U);
}

#define SSH "SSH-2.0-x\r\n"

static char long_talk[9000];

Test(reach, who_speaks_ssh_wins, .timeout = 120)
{
	static const struct {
		struct host hosts[MOST];
		int wins;
		const char *why;
	} table[] = {
	    {{{SAYS, SSH}}, 1, ""},
	    {{{SILENT, NULL}}, 1, ""}, /* alone: nobody else to wait for */
	    {{{ABSENT, NULL}}, 0, "refused"},
	    {{{ABSENT, NULL}, {SILENT, NULL}}, 2, "refused"},
	    {{{ABSENT, NULL}, {ABSENT, NULL}}, 0, "127.0.0.2"},
	    {{{SAYS, SSH}, {SAYS, SSH}}, 1, ""},
	    {{{SILENT, NULL}, {SAYS, SSH}}, 2, ""},
	    {{{SILENT, NULL}, {ABSENT, NULL}, {SILENT, NULL}, {SAYS, SSH}}, 4, "refused"},
	    {{{SILENT, NULL}, {SAYS, "hello\r\n" SSH}}, 2, ""},
	    {{{SILENT, NULL}, {SAYS, "hel|lo\r\nSS|H-2.0-x\r\n"}}, 2, ""},
	    {{{SAYS, "SSHx"}, {SAYS, "xSSH-"}, {SAYS, SSH}}, 3, ""},
	    {{{ENDS, "SS"}, {SILENT, NULL}, {SAYS, SSH}}, 3, "without"},
	    {{{ENDS, ""}, {ENDS, "x"}, {ABSENT, NULL}, {SAYS, SSH}}, 4, "without a word"},
	    {{{SAYS, long_talk}, {SILENT, NULL}, {SAYS, SSH}}, 3, "does not speak SSH"},
	};

	memset(long_talk, 'x', sizeof(long_talk) - 1);
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		const struct reach_memory none = {.n = 0};
		char byte;

		set_up(table[i].hosts);
		reach_start(t.base, "name", t.port, 60, &none, done, NULL);
		event_base_dispatch(t.base);
		cr_expect_eq(t.calls, 1, "%zu", i);
		cr_expect_eq(winner(), table[i].wins, "%zu: %d won", i, winner());
		cr_expect(strstr(t.why, table[i].why), "%zu: %s", i, t.why);
		if (t.fd >= 0 && t.hosts[winner() - 1].kind == SAYS) {
			cr_expect_eq(recv(t.fd, &byte, 1, 0), 1);
			cr_expect_eq(byte, t.hosts[winner() - 1].text[0], "%zu: was read", i);
		}
		tear_down();
	}
}

/* Some wait for the client's first word; then the first is as good as the others. */
Test(reach, nobody_speaks, .timeout = 60)
{
	static const struct host hosts[MOST] = {{SILENT, NULL}, {SILENT, NULL}};
	const struct reach_memory none = {.n = 0};

	set_up(hosts);
	reach_start(t.base, "name", t.port, 2, &none, done, NULL);
	event_base_dispatch(t.base);
	cr_expect_eq(winner(), 1);
	tear_down();
}

Test(reach, who_failed_is_last, .timeout = 60)
{
	static const struct host hosts[MOST] = {{SAYS, SSH}, {SAYS, SSH}, {SAYS, SSH}};
	struct reach_memory m = {.n = 0};
	static const int failed[] = {1, 2, 3, 1}, wins[] = {2, 3, 1, 2};

	for (int i = 0; i < 4; i++) {
		struct sockaddr_in in;
		struct address a;

		set_up(hosts);
		in = host_address(failed[i] - 1);
		address_from_sockaddr(&a, (struct sockaddr *)&in, sizeof(in));
		for (size_t k = 0; k < m.n; k++) /* as after a new start of the server */
			address_set_port(&m.failed[k], (uint16_t)t.port);
		reach_remember(&m, &a, true);
		reach_start(t.base, "name", t.port, 60, &m, done, NULL);
		event_base_dispatch(t.base);
		cr_expect_eq(winner(), wins[i], "%d: %d", i, winner());
		tear_down();
	}
}

Test(reach, families_take_turns)
{
	static const char *const order[][2] = {
	    {"1::1 1::2 1::3 10.0.0.1 10.0.0.2", "1::1 10.0.0.1 1::2 10.0.0.2 1::3"},
	    {"10.0.0.1 10.0.0.2 1::1", "10.0.0.1 1::1 10.0.0.2"},
	    {"1::1 10.0.0.1 1::2", "1::1 10.0.0.1 1::2"},
	    {"10.0.0.1 10.0.0.2", "10.0.0.1 10.0.0.2"},
	    {"", ""},
	};

	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
		struct address a[RESOLVE_MAX];
		char text[256], got[256] = "", *rest = text, *word;
		const struct reach_memory none = {.n = 0};
		size_t n = 0;

		snprintf(text, sizeof(text), "%s", order[i][0]);
		while ((word = strtok_r(rest, " ", &rest)))
			cr_assert_eq(address_from_host(word, 1, &a[n++]), 0);
		cr_expect_eq(reach_order(a, n, &none), n);
		for (size_t k = 0; k < n; k++) {
			char host[ADDRESS_TEXT];

			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", k ? " " : "",
				 address_format_host(&a[k], host, sizeof(host)));
		}
		cr_expect_str_eq(got, order[i][1]);
	}
}

Test(reach, memory_has_an_end)
{
	struct reach_memory m = {.n = 0};
	struct address a;

	for (unsigned port = 1; port <= 3 * RESOLVE_MAX; port++) {
		cr_assert_eq(address_from_host("127.0.0.1", (uint16_t)port, &a), 0);
		reach_remember(&m, &a, true);
		reach_remember(&m, &a, true);
	}
	cr_expect_eq(m.n, RESOLVE_MAX);
	cr_expect(address_equal(&m.failed[m.n - 1], &a));
	reach_remember(&m, &a, false);
	cr_expect_eq(m.n, RESOLVE_MAX - 1);
}
