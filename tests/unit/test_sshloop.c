// SPDX-License-Identifier: BSD-2-Clause
/*
 * When a session is given up: with a libssh and a clock that this file stands in for.  Waiting
 * takes no time here.
 */
#include <criterion/criterion.h>
#include <libssh/callbacks.h>
#include <libssh/server.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "loop.h"
#include "sshloop.h"

enum { KEEPALIVE = 16 };

static struct {
	uint64_t ms, interval;
	event_callback_fn tick, later;
	ssh_counter socket, packets;
	bool pending;	   /* output that the socket did not take */
	bool held;	   /* the peer does not answer our KEXINIT */
	uint64_t ended_at; /* 0: it lives */
	unsigned passes, yields;
	char why[128];
	struct sshloop *fails; /* a callback of the next packet that is tried ends it */
	struct sshloop *kicked;
	const char *banner; /* of the peer */
	unsigned takes;	    /* at which flush the socket takes all output; 0: at none */
	unsigned writable;  /* passes that were allowed to write */
} world;

/* ---- the loop: nothing is waited for, what would be called is called by the test ---- */

struct event *loop_event(struct event_base *base, int fd, short what, event_callback_fn call,
			 void *arg)
{
	if (fd < 0 && what == EV_PERSIST)
		world.tick = call;
	else if (fd < 0)
		world.later = call;
	return event_new(base, fd, what, call, arg);
}

struct event *loop_timer(struct event_base *base, event_callback_fn call, void *arg)
{
	return loop_event(base, -1, 0, call, arg);
}

void loop_after(struct event *e, uint64_t ms)
{
	if (ms > 0)
		world.interval = ms;
	else
		world.yields++;
}

uint64_t loop_us(void)
{
	return world.ms * 1000;
}

uint64_t loop_ms(void)
{
	return world.ms;
}

/* ---- libssh ---- */

void ssh_set_counters(ssh_session session, ssh_counter socket, ssh_counter packets)
{
	world.socket = socket;
	world.packets = packets;
}

int ssh_handle_key_exchange(ssh_session session)
{
	return SSH_OK;
}

int ssh_get_status(ssh_session session)
{
	return world.pending ? SSH_WRITE_PENDING : 0;
}

const char *ssh_get_clientbanner(ssh_session session)
{
	return world.banner;
}

ssh_event ssh_event_new(void)
{
	return (ssh_event)(void *)&world;
}

void ssh_event_free(ssh_event event)
{
}

int ssh_event_add_session(ssh_event event, ssh_session session)
{
	return SSH_OK;
}

int ssh_event_remove_session(ssh_event event, ssh_session session)
{
	return SSH_OK;
}

int ssh_event_dopoll(ssh_event event, int timeout)
{
	if (world.takes && world.takes-- == 1)
		world.pending = false;
	return SSH_OK;
}

int ssh_send_ignore(ssh_session session, const char *data)
{
	world.packets->out_packets += !world.held;
	if (world.fails)
		sshloop_fail(world.fails, "by a callback");
	return SSH_OK;
}

int ssh_send_keepalive(ssh_session session)
{
	world.packets->out_packets += !world.held;
	return SSH_OK;
}

int ssh_options_set(ssh_session session, enum ssh_options_e type, const void *value)
{
	return SSH_OK;
}

void ssh_set_fd_towrite(ssh_session session)
{
}

void ssh_disconnect(ssh_session session)
{
}

void ssh_free(ssh_session session)
{
}

/* ---- the tests ---- */

static void on_pass(void *arg)
{
}

static void on_dead(void *arg, const char *why)
{
	snprintf(world.why, sizeof(world.why), "%s", why);
	world.ended_at = world.ms;
}

enum { PACKET = 256 };

static const struct patience {
	const char *name, *why;
	bool pending, held; /* see world */
	unsigned hears;	    /* packets that come between two ticks */
	bool sends;
	uint64_t least, most; /* seconds */
} patience[] = {
    {"a peer that takes no data", "peer takes no data: connection given up", true, false, 1, false,
     50, 70},
    {"a peer that takes some", "", true, false, 1, true, 0, 0},
    {"a peer that says nothing", "peer does not answer: connection given up", true, false, 0, false,
     KEEPALIVE / 2, KEEPALIVE},
    {"a peer without new keys", "peer does not answer our key exchange: connection given up", false,
     true, 1, false, 50, 70},
    {"one that asks and asks", "peer does not answer our key exchange: connection given up", false,
     true, 40000, false, KEEPALIVE / 4, KEEPALIVE},
    {"a peer that is idle", "", false, false, 1, false, 0, 0},
};

/* A session that has just logged in. */
static struct sshloop *log_in(struct event_base *base, int pair[2], bool pending, bool held)
{
	static const struct sshloop_config config = {.keepalive = KEEPALIVE};
	static const struct sshloop_ops ops = {.pass = on_pass, .dead = on_dead};
	struct sshloop *l;

	memset(&world, 0, sizeof(world));
	world.pending = pending;
	world.held = held;
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	l = sshloop_new(base, NULL, pair[0], &config, &ops);
	sshloop_start(l);
	world.later(-1, EV_TIMEOUT, l);
	sshloop_logged_in(l);
	return l;
}

static void check_patience(const struct patience *p)
{
	struct event_base *base = event_base_new();
	int pair[2];
	struct sshloop *l = log_in(base, pair, p->pending, p->held);

	while (!world.ended_at && world.ms < 600 * 1000) {
		world.packets->in_packets += p->hears;
		world.socket->in_bytes += p->hears * PACKET;
		world.socket->out_bytes += p->sends;
		world.ms += world.interval;
		world.tick(-1, EV_TIMEOUT, l);
	}
	cr_expect_str_eq(world.why, p->why, "%s: \"%s\"", p->name, world.why);
	cr_expect(world.ended_at >= p->least * 1000 && world.ended_at <= p->most * 1000,
		  "%s: given up after %llu ms", p->name, (unsigned long long)world.ended_at);
	world.pending = false; /* else its end would wait for it, by this clock for ever */
	sshloop_free(l, NULL);
	event_base_free(base);
	close(pair[1]);
}

Test(sshloop, given_up)
{
	for (size_t i = 0; i < sizeof(patience) / sizeof(*patience); i++)
		check_patience(&patience[i]);
}

/* libssh reads, and runs callbacks, in the call that tries a packet: one that ends the session
 * there is not overruled by a watch that has nothing to say. */
Test(sshloop, failed_by_a_callback_of_the_watch)
{
	struct event_base *base = event_base_new();
	int pair[2];
	struct sshloop *l = log_in(base, pair, false, false);

	world.held = true;
	world.fails = l;
	world.packets->in_packets += 40000;
	world.later(-1, EV_TIMEOUT, l);
	cr_expect_str_eq(world.why, "by a callback", "it ended by \"%s\"", world.why);
	sshloop_free(l, NULL);
	event_base_free(base);
	close(pair[1]);
}

/* An answer that comes during a key exchange of theirs would end the session. */
Test(sshloop, who_is_asked_after_the_login)
{
	static const struct {
		const char *banner;
		bool asked;
	} peers[] = {{"SSH-2.0-OpenSSH_9.2", true},
		     {NULL, true},
		     {"SSH-2.0-paramiko_2.12.0", false},
		     {"SSH-2.0-AsyncSSH_2.18.0", false}};

	for (size_t i = 0; i < sizeof(peers) / sizeof(*peers); i++) {
		struct event_base *base = event_base_new();
		int pair[2];
		struct sshloop *l = log_in(base, pair, false, false);
		uint64_t before;

		world.banner = peers[i].banner;
		sshloop_logged_in(l);
		before = world.packets->out_packets;
		world.later(-1, EV_TIMEOUT, l);
		cr_expect_eq(world.packets->out_packets > before, peers[i].asked, "%s",
			     peers[i].banner);
		sshloop_free(l, NULL);
		event_base_free(base);
		close(pair[1]);
	}
}

static void on_pass_that_kicks(void *arg)
{
	cr_assert_lt(++world.passes, 1000, "the loop does not get its turn");
	sshloop_kick(world.kicked);
}

/* Work that makes work would hold the loop until the watchdog ends the process. */
Test(sshloop, yields)
{
	const struct sshloop_config config = {.keepalive = KEEPALIVE};
	const struct sshloop_ops ops = {.pass = on_pass_that_kicks, .dead = on_dead};
	struct event_base *base = event_base_new();
	struct sshloop *l;
	unsigned before;
	int pair[2];

	memset(&world, 0, sizeof(world));
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	l = world.kicked = sshloop_new(base, NULL, pair[0], &config, &ops);
	sshloop_start(l);
	for (unsigned turn = 1; turn <= 3; turn++) {
		before = world.passes;
		world.later(-1, EV_TIMEOUT, l);
		cr_expect_gt(world.passes, before, "turn %u: no pass", turn);
		cr_expect_eq(world.yields, turn + 1, "after turn %u no other is asked for", turn);
	}
	sshloop_free(l, NULL);
	event_base_free(base);
	close(pair[1]);
}

static void on_pass_that_writes(void *arg)
{
	world.writable += sshloop_writable(world.kicked, false);
}

/* A write that was put off has its turn as soon as the socket has taken what was before it: at the
 * begin of a turn, or at its end, when nothing else might happen. */
Test(sshloop, writes_after_a_full_socket)
{
	const struct sshloop_config config = {.keepalive = KEEPALIVE};
	const struct sshloop_ops ops = {.pass = on_pass_that_writes, .dead = on_dead};
	struct event_base *base = event_base_new();
	int pair[2];

	for (unsigned takes = 1; takes <= 2; takes++) {
		memset(&world, 0, sizeof(world));
		cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		world.kicked = sshloop_new(base, NULL, pair[0], &config, &ops);
		sshloop_start(world.kicked);
		world.pending = true;
		world.later(-1, EV_TIMEOUT, world.kicked);
		world.yields = world.writable = 0;
		world.takes = takes;
		world.later(-1, EV_TIMEOUT, world.kicked);
		cr_expect_eq(world.writable + world.yields, 1,
			     "flush %u: %u writes, %u turns to come", takes, world.writable,
			     world.yields);
		sshloop_free(world.kicked, NULL);
		close(pair[1]);
	}
	event_base_free(base);
}

/* The packet that opens a window, after few bytes, waits for others; nothing else does, nor for
 * long. */
Test(sshloop, grants_wait)
{
	static const struct {
		const char *name;
		unsigned packets, bytes, read;
		bool waits;
	} outputs[] = {{"a window's", 1, 9, 100, true},
		       {"one of another kind", 1, 5, 100, false},
		       {"two of them", 2, 18, 100, false},
		       {"after many bytes", 1, 9, 4097, false},
		       {"after none", 1, 9, 0, false}};
	const struct sshloop_config config = {.keepalive = KEEPALIVE};
	const struct sshloop_ops ops = {.pass = on_pass, .dead = on_dead};
	struct event_base *base = event_base_new();
	int pair[2];

	for (size_t i = 0; i < sizeof(outputs) / sizeof(*outputs); i++) {
		struct sshloop *l;

		memset(&world, 0, sizeof(world));
		cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		l = sshloop_new(base, NULL, pair[0], &config, &ops);
		sshloop_start(l);
		world.later(-1, EV_TIMEOUT, l);
		world.ms = 1000;
		world.pending = true;
		world.takes = 1;
		world.packets->out_packets += outputs[i].packets;
		world.packets->out_bytes += outputs[i].bytes;
		world.socket->in_bytes += outputs[i].read;
		world.interval = 0;
		world.later(-1, EV_TIMEOUT, l);
		cr_expect_eq(world.pending, outputs[i].waits, "%s", outputs[i].name);
		cr_expect_eq(world.interval > 0, outputs[i].waits, "%s: a timer", outputs[i].name);
		world.ms += world.interval;
		world.later(-1, EV_TIMEOUT, l);
		cr_expect(!world.pending, "%s, later", outputs[i].name);
		sshloop_free(l, NULL);
		close(pair[1]);
	}
	event_base_free(base);
}

/* What the kernel is told of a path that is dead, and of delays. */
Test(sshloop, tune)
{
	static const struct {
		const char *name;
		int level, option, value;
	} wanted[] = {
	    {"TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT, 60 * 1000},
	    {"TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY, 1},
	    {"SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, 1},
	    {"TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE, 1 + KEEPALIVE / 3},
	    {"TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL, 1 + KEEPALIVE / 3},
	    {"TCP_NOTSENT_LOWAT", IPPROTO_TCP, TCP_NOTSENT_LOWAT, 128 * 1024},
	};
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert_geq(fd, 0);
	address_tune_ssh(fd, KEEPALIVE);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		int value = -1;
		socklen_t len = sizeof(value);

		cr_expect_eq(getsockopt(fd, wanted[i].level, wanted[i].option, &value, &len), 0);
		cr_expect_eq(value, wanted[i].value, "%s is %d", wanted[i].name, value);
	}
	close(fd);
}
