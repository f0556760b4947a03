// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop.h"
#include "proxywait.h"

#define HEADER "PROXY TCP4 192.0.2.1 192.0.2.9 40000 2245\r\n"

static struct event_base *base;
static struct proxywait *waiting;
static struct {
	int fd;
	enum proxyproto_verdict verdict;
	struct proxyproto p;
} done[8];
static size_t n_done;

static void on_done(void *arg, int fd, enum proxyproto_verdict verdict, const struct proxyproto *p)
{
	cr_assert_eq(arg, &n_done);
	cr_assert_lt(n_done, sizeof(done) / sizeof(*done));
	done[n_done].fd = fd;
	done[n_done].verdict = verdict;
	done[n_done++].p = *p;
}

static void set_up(void)
{
	base = loop_new();
	waiting = proxywait_new(base, 3, on_done, &n_done);
}

static void tear_down(void)
{
	proxywait_free(waiting);
	event_base_free(base);
}

TestSuite(proxywait, .init = set_up, .fini = tear_down);

/* The balancer's end of a connection whose header is waited for. */
static int arrive(const char *via)
{
	struct address at, peer;
	struct listening l;
	bool pending, starved;
	char err[512];
	int to, from;

	cr_assert_null(address_parse("127.0.0.1:0", ADDRESS_PORT_0_OK, &at));
	cr_assert_eq(address_listen(&at, 1, NULL, &l, err, sizeof(err)), 0, "%s", err);
	to = address_connect(&l.at, NULL, &pending);
	from = address_accept(l.fd, &peer, &starved);
	cr_assert(to >= 0 && from >= 0);
	listening_close(&l);
	cr_assert_null(address_parse(via, 0, &at));
	proxywait_add(waiting, from, &at);
	return to;
}

static void say(int fd, const char *text)
{
	cr_assert_eq(send(fd, text, strlen(text), 0), (ssize_t)strlen(text));
}

static bool is(const struct address *a, const char *text)
{
	char formatted[ADDRESS_TEXT];

	return !strcmp(address_format(a, formatted, sizeof(formatted)), text);
}

static void expect(size_t i, enum proxyproto_verdict verdict, const char *via, const char *why)
{
	cr_assert_gt(n_done, i);
	cr_expect_eq(done[i].verdict, verdict, "%zu: %d", i, done[i].verdict);
	cr_expect(is(&done[i].p.via, via), "%zu", i);
	cr_expect(why ? done[i].p.why && strstr(done[i].p.why, why) : !done[i].p.why, "%zu: %s", i,
		  done[i].p.why ? done[i].p.why : "nothing is wrong");
	cr_expect_eq(close(done[i].fd), 0, "%zu: the callee has the descriptor", i);
}

static void run_until(size_t n)
{
	while (n_done < n)
		event_base_loop(base, EVLOOP_ONCE);
}

/* Each is done at its own header, in whatever order they come. */
Test(proxywait, in_any_order)
{
	const int a = arrive("192.0.2.7:1"), b = arrive("192.0.2.8:2"), c = arrive("192.0.2.9:3");

	say(b, HEADER);
	run_until(1);
	say(a, "SSH-2.0-x\r\n");
	run_until(2);
	say(c, "PROXY UNK");
	event_base_loop(base, EVLOOP_NONBLOCK);
	cr_expect_eq(n_done, 2);
	say(c, "NOWN\r\n");
	run_until(3);
	cr_expect(is(&done[0].p.source, "192.0.2.1:40000"));
	expect(0, PROXYPROTO_CLIENT, "192.0.2.8:2", NULL);
	expect(1, PROXYPROTO_NONE, "192.0.2.7:1", "something else");
	expect(2, PROXYPROTO_LOCAL, "192.0.2.9:3", NULL);
	close(a);
	close(b);
	close(c);
}

/* A balancer that names its own connection checks whether we are there; another one of its machine
 * is a client. */
Test(proxywait, the_balancer_itself)
{
	const int a = arrive("192.0.2.1:40000"), b = arrive("192.0.2.1:40001");

	say(a, HEADER);
	run_until(1);
	say(b, HEADER);
	run_until(2);
	expect(0, PROXYPROTO_LOCAL, "192.0.2.1:40000", NULL);
	expect(1, PROXYPROTO_CLIENT, "192.0.2.1:40001", NULL);
	close(a);
	close(b);
}

/* One that leaves without a byte looked whether the port is open; one that leaves later is at
 * fault. */
Test(proxywait, who_leaves)
{
	const int a = arrive("192.0.2.7:1"), b = arrive("192.0.2.8:2");

	close(a);
	run_until(1);
	say(b, "PROXY");
	event_base_loop(base, EVLOOP_NONBLOCK);
	close(b);
	run_until(2);
	expect(0, PROXYPROTO_GONE, "192.0.2.7:1", NULL);
	expect(1, PROXYPROTO_GONE, "192.0.2.8:2", "left");
}

/* With three places the fourth has that of the first; whose header is there has it as before. */
Test(proxywait, too_many)
{
	int to[5];

	for (size_t i = 0; i < 3; i++)
		to[i] = arrive("192.0.2.7:1");
	event_base_loop(base, EVLOOP_NONBLOCK);
	cr_expect_eq(n_done, 0);
	to[3] = arrive("192.0.2.8:2");
	cr_assert_eq(n_done, 1);
	expect(0, PROXYPROTO_MORE, "192.0.2.7:1", "others needed the place");
	say(to[3], HEADER);
	run_until(2);
	expect(1, PROXYPROTO_CLIENT, "192.0.2.8:2", NULL);
	to[4] = arrive("192.0.2.8:2");
	cr_expect_eq(n_done, 2, "one place was free again");
	for (size_t i = 0; i < 5; i++)
		close(to[i]);
}

/* A byte every second gains no time, and no byte neither. */
Test(proxywait, too_slow)
{
	const int a = arrive("192.0.2.7:1"), b = arrive("192.0.2.8:2");
	const uint64_t begun = loop_ms();
	const struct timeval second = {.tv_sec = 1};

	for (const char *byte = HEADER; n_done < 2 && *byte; byte++) {
		send(a, byte, 1, MSG_NOSIGNAL);
		event_base_loopexit(base, &second);
		event_base_dispatch(base);
	}
	cr_expect_geq(loop_ms() - begun + 1, (uint64_t)PROXYWAIT_SECONDS * 1000);
	cr_assert_eq(n_done, 2);
	for (size_t i = 0; i < 2; i++)
		expect(i, PROXYPROTO_MORE,
		       is(&done[i].p.via, "192.0.2.7:1") ? "192.0.2.7:1" : "192.0.2.8:2",
		       "within 5 s");
	close(a);
	close(b);
}
