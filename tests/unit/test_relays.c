// SPDX-License-Identifier: BSD-2-Clause
/*
 * Whose turn it is among the relays of a session, and what one channel may bring: with a session
 * and channels that this file stands in for.
 */
#include <criterion/criterion.h>
#include <event2/event.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fds.h"
#include "loop.h"
#include "relay_internal.h"

enum { CHUNK = 100, BULK = 3, MANY = 500, WINDOW_MAX = 2 * 1024 * 1024, SLACK = 64 * 1024 };

static struct {
	int channel; /* its address stands for the channel */
	ssh_channel_callbacks callbacks;
	size_t turns, window;
	size_t left; /* what on_data did not take */
	int far;
	struct relay *relay;
} of[MANY];

static struct event_base *base;
static const char *failed;
static bool paused, shared, bulk_waits, more;
static unsigned round_trip;
static int version = SSH_VERSION_INT(0, 10, 6);
static uint32_t asked, came; /* bytes, by a read */
static uint64_t bytes_in;
static size_t looks, yields; /* at windows; for another pass */
static size_t fds_before;
static char said[64]; /* what was done with channels */
static enum relay_end ended;
static char first[sizeof(((struct relay_stats *)0)->first_to) + 1];

static void say(const char *what)
{
	strncat(said, what, sizeof(said) - strlen(said) - 1);
}

static size_t number(ssh_channel channel)
{
	size_t i = 0;

	while (i < MANY && (void *)channel != &of[i].channel)
		i++;
	cr_assert_lt(i, MANY);
	return i;
}

/* ---- what is said to the kernel ---- */

static struct {
	int flags;	  /* of the last send */
	unsigned uncorks; /* the option that sends what waits */
} calls;

ssize_t sendto(int fd, const void *p, size_t n, int flags, const struct sockaddr *to, socklen_t len)
{
	calls.flags = flags;
	return syscall(SYS_sendto, fd, p, n, flags, to, len);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	calls.uncorks += level == IPPROTO_TCP && name == TCP_NODELAY;
	return (int)syscall(SYS_setsockopt, fd, level, name, value, len);
}

/* ---- libssh ---- */

uint32_t ssh_channel_window_size(ssh_channel channel)
{
	looks++;
	return (uint32_t)of[number(channel)].window;
}

int ssh_add_channel_callbacks(ssh_channel channel, ssh_channel_callbacks cb)
{
	of[number(channel)].callbacks = cb;
	return SSH_OK;
}

int ssh_remove_channel_callbacks(ssh_channel channel, ssh_channel_callbacks cb)
{
	return SSH_OK;
}

/* The peer sends n bytes to a channel; returns how many the relay took. */
static size_t send_data(size_t i, size_t n)
{
	static const uint8_t bytes[2 * CHANNEL_WINDOW_MOST];

	const size_t took = (size_t)of[i].callbacks->channel_data_function(
	    NULL, (ssh_channel)(void *)&of[i].channel, (void *)bytes, (uint32_t)n, 0,
	    of[i].callbacks->userdata);

	of[i].left = n - took;
	return took;
}

/* What on_data did not take; where more is asked for, what has come just now. */
int ssh_channel_read_timeout(ssh_channel channel, void *dest, uint32_t count, int is_stderr,
			     int timeout_ms)
{
	static const char data[] = "data";
	const size_t i = number(channel);

	asked = count;
	if (count <= of[i].left) {
		of[i].left -= count;
	} else {
		count = came;
		send_data(i, came);
	}
	memset(dest, 0, count);
	memcpy(dest, data, count < sizeof(data) ? count : sizeof(data));
	return (int)count;
}

const char *ssh_version(int least)
{
	return least > version ? NULL : "";
}

int ssh_channel_send_eof(ssh_channel channel)
{
	say("EOF ");
	return SSH_OK;
}

int ssh_channel_close(ssh_channel channel)
{
	say("CLOSE ");
	return SSH_OK;
}

void ssh_channel_free(ssh_channel channel)
{
	say("free");
}

/* ---- the session's loop ---- */

void sshloop_kick(struct sshloop *l)
{
}

void sshloop_yield(struct sshloop *l)
{
	yields++;
}

bool sshloop_has_more(const struct sshloop *l)
{
	return more;
}

uint64_t sshloop_bytes_in(const struct sshloop *l)
{
	return bytes_in;
}

void sshloop_share(struct sshloop *l, bool on)
{
	shared = on;
}

bool sshloop_writable(struct sshloop *l, bool urgent)
{
	return urgent == bulk_waits;
}

long sshloop_write(struct sshloop *l, ssh_channel channel, const void *p, size_t n)
{
	of[number(channel)].turns++;
	return (long)n;
}

size_t sshloop_chunk(void)
{
	return CHUNK;
}

void sshloop_pause(struct sshloop *l, bool pause)
{
	paused = pause;
}

unsigned sshloop_round_trip(const struct sshloop *l)
{
	return round_trip;
}

void sshloop_fail(struct sshloop *l, const char *why)
{
	failed = why;
}

/* ---- the tests ---- */

static void on_done(void *arg, const struct relay_stats *stats)
{
	ended = stats->end;
	memcpy(first, stats->first_to, sizeof(stats->first_to));
}

static void on_full(void *arg, size_t held)
{
}

TestSuite(relays, .timeout = 60);

static struct relays *start(void)
{
	struct relays *rs;

	fds_before = count_fds();
	base = event_base_new();
	rs = relays_new(base, NULL, 64 << 20, on_full, NULL);
	for (size_t i = 0; i < BULK; i++) {
		of[i].window = 1 << 20;
		of[i].relay = relay_new(rs, (ssh_channel)(void *)&of[i].channel, on_done, NULL);
	}
	return rs;
}

static void end(struct relays *rs)
{
	relays_free(rs);
	event_base_free(base);
	for (size_t i = 0; i < MANY; i++)
		if (of[i].far > 0)
			close(of[i].far);
	cr_expect_eq(count_fds(), fds_before, "descriptors leaked");
}

static void join(size_t i)
{
	int pair[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	of[i].far = pair[1];
	relay_attach(of[i].relay, pair[0], false);
}

/* Its socket has more than a few turns take. */
static void pour(size_t i)
{
	const char bytes[50 * CHUNK] = "";

	join(i);
	cr_assert_eq(write(of[i].far, bytes, sizeof(bytes)), sizeof(bytes));
}

/* The sockets are watched from a relay's first pass on. */
static void look(struct relays *rs)
{
	relays_pass(rs);
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void expect_equal_turns(size_t last)
{
	size_t least = SIZE_MAX, most = 0;

	for (size_t i = 0; i < last; i++) {
		least = of[i].turns < least ? of[i].turns : least;
		most = of[i].turns > most ? of[i].turns : most;
	}
	cr_expect(least > 0 && most - least <= 1, "from %zu to %zu turns", least, most);
}

Test(relays, bulk_channels_take_turns)
{
	struct relays *rs = start();

	for (size_t i = 0; i < BULK - 1; i++)
		pour(i);
	look(rs);
	for (int pass = 0; pass < 8; pass++) {
		relays_pass(rs);
		expect_equal_turns(BULK - 1);
	}
	/* One that comes later is served next, however much the others have. */
	pour(BULK - 1);
	look(rs);
	relays_pass(rs);
	cr_expect_gt(of[BULK - 1].turns, 0);
	end(rs);
}

/* A small message does not wait for bulk data, and while there are some, that is bounded. */
Test(relays, small_messages_go_first)
{
	struct relays *rs = start();

	pour(0);
	join(1);
	look(rs);
	relays_pass(rs);
	cr_expect_not(shared, "one bulk transfer is alone");
	bulk_waits = true;
	of[0].turns = 0;
	of[1].window = CHUNK / 2;
	for (size_t n = 1; n <= 3; n++) {
		cr_assert_eq(write(of[1].far, "message", 7), 7);
		look(rs);
		relays_pass(rs);
		cr_expect_eq(of[1].turns, n, "message %zu: %zu turns", n, of[1].turns);
	}
	cr_expect_eq(of[0].turns, 0);
	cr_expect(shared);
	end(rs);
}

Test(relays, a_short_piece_of_a_bulk_transfer_is_not_small)
{
	struct relays *rs = start();

	pour(0);
	pour(1);
	look(rs);
	relays_pass(rs);
	send_data(0, 100);
	send_data(1, 100);
	relays_pass(rs);
	cr_expect_not(shared);
	end(rs);
}

/* A bulk transfer on one channel, and a small message on another. */
static struct relays *start_beside_bulk(void)
{
	struct relays *rs = start();

	pour(0);
	join(1);
	look(rs);
	relays_pass(rs);
	cr_assert_eq(write(of[1].far, "request", 7), 7);
	look(rs);
	relays_pass(rs);
	relays_pass(rs);
	cr_expect(shared);
	return rs;
}

/* Several bulk transfers, each with its request first, do not slow each other down. */
Test(relays, a_request_is_not_small_once_bulk_data_answers_it)
{
	struct relays *rs = start_beside_bulk();

	send_data(1, SLACK);
	relays_pass(rs);
	cr_expect_not(shared);
	end(rs);
}

/* The answer makes its own request no small message, and takes no other's back. */
Test(relays, a_small_message_counts_whatever_others_do)
{
	struct relays *rs = start_beside_bulk();

	join(2);
	look(rs);
	relays_pass(rs);
	cr_assert_eq(write(of[2].far, "request", 7), 7);
	look(rs);
	relays_pass(rs);
	send_data(2, SLACK);
	relays_pass(rs);
	cr_expect(shared);
	send_data(1, SLACK);
	relays_pass(rs);
	cr_expect_not(shared);
	end(rs);
}

Test(relays, a_small_message_counts_after_the_end_of_its_channel)
{
	struct relays *rs = start_beside_bulk();

	relay_abort(of[1].relay);
	relays_pass(rs);
	of[1].callbacks->channel_close_function(NULL, NULL, of[1].callbacks->userdata);
	relays_pass(rs);
	cr_expect(strstr(said, "free"), "%s", said);
	send_data(0, SLACK);
	relays_pass(rs);
	cr_expect(shared);
	end(rs);
}

/* What the socket has got, and its bytes are those of send_data. */
static size_t got(size_t i)
{
	static uint8_t bytes[SLACK];
	const ssize_t n = recv(of[i].far, bytes, sizeof(bytes), MSG_DONTWAIT);

	return n > 0 ? (size_t)n : 0;
}

/* Bulk data may wait in the kernel for what follows in the same turn, so that TCP makes one segment
 * of both; never longer, and a small message not at all. */
Test(relays, bulk_data_makes_large_segments)
{
	static const struct {
		size_t n;
		bool more, waits;
	} table[] = {{10000, true, true}, {10000, false, false}, {100, true, false}};
	struct relays *rs = start();

	join(0);
	look(rs);
	relays_pass(rs);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		for (int times = 0; times < 2; times++) {
			more = table[i].more;
			cr_expect_eq(send_data(0, table[i].n), table[i].n, "row %zu", i);
			cr_expect_eq((calls.flags & MSG_MORE) != 0, table[i].waits, "row %zu", i);
			cr_expect_eq(got(0), table[i].n, "row %zu: a Unix socket", i);
		}
		calls.uncorks = 0;
		relays_pass(rs);
		cr_expect_eq(calls.uncorks, table[i].waits, "row %zu", i);
		relays_pass(rs);
		cr_expect_eq(calls.uncorks, table[i].waits, "row %zu: once", i);
	}
	/* What follows is sent without waiting, and takes along what has waited. */
	more = true;
	send_data(0, 10000);
	more = false;
	send_data(0, 10000);
	calls.uncorks = 0;
	relays_pass(rs);
	cr_expect_eq(calls.uncorks, 0);
	end(rs);
}

/* One that ends meanwhile is forgotten, and a channel that is busy both ways keeps its turn. */
Test(relays, what_waits_in_the_kernel)
{
	struct relays *rs = start();

	for (size_t i = 0; i < BULK; i++)
		pour(i);
	look(rs);
	relays_pass(rs);
	for (size_t i = 0; i < BULK; i++)
		of[i].turns = 0;
	more = true;
	for (int pass = 0; pass < 8; pass++) {
		send_data(0, 10000);
		relays_pass(rs);
		expect_equal_turns(BULK);
	}
	send_data(0, 10000);
	send_data(1, 10000);
	relay_close_socket(of[0].relay, false);
	relay_discard(of[0].relay);
	calls.uncorks = 0;
	relays_pass(rs);
	cr_expect_eq(calls.uncorks, 1);
	send_data(1, 10000);
	end(rs);
}

/* As one on a channel whose window is closed has none. */
Test(relays, a_closed_window_gives_up_its_turn)
{
	struct relays *rs = start();

	for (size_t i = 0; i < BULK; i++)
		pour(i);
	of[0].window = 0;
	look(rs);
	for (int pass = 0; pass < 4; pass++)
		relays_pass(rs);
	cr_expect_eq(of[0].turns, 0);
	cr_expect_gt(of[1].turns, 4);
	of[0].window = CHUNK;
	bytes_in++;
	relays_pass(rs);
	cr_expect_gt(of[0].turns, 0, "a window that opened is not seen");
	end(rs);
}

/* However many windows are closed, a pass looks at a few, and each is looked at in the end. */
Test(relays, many_closed_windows_do_not_delay_a_pass)
{
	struct relays *rs = start();

	for (size_t i = 0; i < MANY; i++) {
		if (i >= BULK)
			of[i].relay =
			    relay_new(rs, (ssh_channel)(void *)&of[i].channel, on_done, NULL);
		pour(i);
		of[i].window = 0;
	}
	while (rs->blocked < MANY) /* libevent reports some at a time */
		look(rs);
	for (size_t opened = 0; opened < MANY; opened += MANY - 1) {
		of[opened].window = CHUNK;
		bytes_in++;
		do {
			looks = yields = 0;
			relays_pass(rs);
			cr_expect_lt(looks, MANY / 2);
		} while (yields > 0);
		cr_expect_gt(of[opened].turns, 0, "channel %zu", opened);
		of[opened].window = 0;
	}
	looks = 0;
	relays_pass(rs);
	cr_expect_lt(looks, 3, "no packet has arrived");
	end(rs);
}

Test(relays, a_peer_that_ignores_its_window_is_ended)
{
	struct relays *rs = start();
	uint8_t *bytes = calloc(1, WINDOW_MAX + SLACK + 1);
	ssh_channel channel = (ssh_channel)(void *)&of[0].channel;

	/* Nothing takes it: libssh tells of all that it holds. */
	of[0].callbacks->channel_data_function(NULL, channel, bytes, WINDOW_MAX + SLACK, 0,
					       of[0].callbacks->userdata);
	cr_expect_null(failed, "the largest window that a libssh grants was not ignored");
	of[0].callbacks->channel_data_function(NULL, channel, bytes, WINDOW_MAX + SLACK + 1, 0,
					       of[0].callbacks->userdata);
	cr_assert(failed);
	cr_expect_str_eq(failed, "peer ignores the channel window");
	free(bytes);
	end(rs);
}

/* A peer that says goodbye right behind its EOF has ended in order. */
Test(relays, ended_before_the_session)
{
	struct relays *rs = start();
	char byte;

	join(0);
	look(rs);
	relays_pass(rs);
	cr_assert_eq(shutdown(of[0].far, SHUT_WR), 0);
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	relays_pass(rs);
	ended = RELAY_END_SESSION;
	of[0].callbacks->channel_eof_function(NULL, (ssh_channel)(void *)&of[0].channel,
					      of[0].callbacks->userdata);
	for (size_t i = 1; i < BULK; i++)
		relay_discard(of[i].relay);
	relays_free(rs);
	cr_expect_eq(ended, RELAY_END_ORDERLY, "%d", (int)ended);
	cr_expect_eq(recv(of[0].far, &byte, 1, 0), 0);
	close(of[0].far);
	event_base_free(base);
}

/* ---- windows ---- */

enum { PIECE = 160000 }; /* an eighth of libssh's window */

/* Reads what its socket was sent. */
static size_t take(size_t i)
{
	static char bytes[1 << 20];
	size_t sum = 0;
	ssize_t n;

	while ((n = recv(of[i].far, bytes, sizeof(bytes), 0)) > 0)
		sum += (size_t)n;
	return sum;
}

/* One is over in which as much arrived as there can. */
static void end_round_trip(size_t i)
{
	of[i].relay->window.begun = loop_us() - round_trip;
	of[i].relay->window.sum = (size_t)1 << 40;
}

/* What the window is after it; 0: it is as libssh made it. */
static uint32_t renewed(struct relays *rs, size_t i)
{
	asked = 0;
	for (int n = 0; n < CHANNEL_WINDOW_MOST / CHANNEL_WINDOW_OWN && asked == 0; n++) {
		end_round_trip(i);
		cr_assert_eq(send_data(i, PIECE), PIECE);
		relays_pass(rs);
		cr_assert_eq(take(i), PIECE);
	}
	return asked;
}

Test(relays, a_window_grows_on_a_long_path_and_is_kept_to)
{
	struct relays *rs = start();

	join(0);
	relays_pass(rs);
	round_trip = 100;
	cr_expect_eq(renewed(rs, 0), 0, "on a short path");
	round_trip = 50000;
	version = SSH_VERSION_INT(0, 11, 0);
	cr_expect_eq(renewed(rs, 0), 0, "this libssh enlarges no window");
	version = SSH_VERSION_INT(0, 10, 6);
	cr_expect_eq(renewed(rs, 0), 2 * CHANNEL_WINDOW_OWN);
	while (renewed(rs, 0) < CHANNEL_WINDOW_MOST)
		;
	send_data(0, CHANNEL_WINDOW_MOST);
	cr_expect_null(failed, "the peer may use its window");
	send_data(0, CHANNEL_WINDOW_MOST + SLACK + 1);
	cr_assert(failed);
	end(rs);
}

/* libssh may read while it is asked for more than there is. */
Test(relays, what_comes_with_a_larger_window_goes_to_the_socket)
{
	struct relays *rs = start();

	join(0);
	relays_pass(rs);
	round_trip = 50000;
	end_round_trip(0);
	came = 4;
	send_data(0, PIECE);
	relays_pass(rs);
	cr_expect_eq(asked, 2 * CHANNEL_WINDOW_OWN);
	cr_expect_eq(take(0), PIECE + 4);
	cr_expect_eq(rs->held, 0);
	end(rs);
}

/* One whose socket takes nothing keeps its window; all share half of what the session may hold, and
 * none takes all of it. */
Test(relays, windows_share_a_budget)
{
	struct relays *rs = start();
	size_t sum = 0, least = SIZE_MAX;

	rs->limit = 8 * CHANNEL_WINDOW_OWN;
	round_trip = 50000;
	for (size_t i = 0; i < BULK; i++)
		join(i);
	relays_pass(rs);
	for (size_t i = 0; i < BULK; i++) {
		size_t size = 0;

		for (int j = 0; j < 10; j++)
			size = renewed(rs, i);
		sum += size - CHANNEL_WINDOW_OWN;
		least = size < least ? size : least;
	}
	cr_expect_leq(sum, 4 * CHANNEL_WINDOW_OWN, "%zu bytes beyond libssh's own", sum);
	cr_expect_gt(least, CHANNEL_WINDOW_OWN);
	cr_expect_eq(rs->claims, sum);
	asked = 0;
	send_data(0, 4 * PIECE);
	relays_pass(rs);
	cr_expect_eq(asked, 0, "data wait for the socket, and the window was enlarged");
	relay_abort(of[0].relay);
	relays_pass(rs);
	relay_discard(of[0].relay);
	cr_expect_lt(rs->claims, sum, "what an end gave back is not seen");
	end(rs);
}

/* Two channels whose sockets take nothing share what a session may hold. */
Test(relays, a_session_that_holds_its_budget_is_not_read)
{
	enum { BUDGET = 1 << 20 };
	struct relays *rs = start();
	static uint8_t bytes[BUDGET];

	rs->limit = BUDGET;
	for (size_t i = 0; i < 2; i++) {
		cr_expect_not(paused, "with %zu of two halves held", i);
		of[i].callbacks->channel_data_function(NULL, (ssh_channel)(void *)&of[i].channel,
						       bytes, BUDGET / 2 + 1, 0,
						       of[i].callbacks->userdata);
	}
	cr_expect(paused);
	relay_abort(of[0].relay);
	relays_pass(rs);
	cr_expect_not(paused, "what an end gave back is not seen");
	end(rs);
}

/* ---- ends ---- */

/* One event each: a and A attach the socket (A: one way), s ends it, r resets it; d, e and c are
 * the peer's data, EOF and CLOSE; x aborts. */
static const struct order {
	const char *events, *said;
	enum relay_end end;
	const char *socket; /* what its far end reads: data, an end of file (.), a reset (!) */
} orders[] = {
    {"a s e c", "EOF CLOSE free", RELAY_END_ORDERLY, "."},
    {"a e s c", "EOF CLOSE free", RELAY_END_ORDERLY, "."},
    {"a d e s c", "EOF CLOSE free", RELAY_END_ORDERLY, "data."},
    {"a s c", "EOF CLOSE free", RELAY_END_ORDERLY, "."},
    {"a s d c", "EOF CLOSE free", RELAY_END_ORDERLY, "data."},
    {"a c", "CLOSE free", RELAY_END_PEER_ABORT, "!"},
    {"a ec", "CLOSE free", RELAY_END_PEER_ABORT, "!"},
    {"a dec", "CLOSE free", RELAY_END_PEER_ABORT, "data!"},
    {"c", "CLOSE free", RELAY_END_NO_SOCKET, ""},
    {"x c", "CLOSE free", RELAY_END_NO_SOCKET, ""},
    {"xa c", "CLOSE free", RELAY_END_NO_SOCKET, "!"},
    {"d a e s c", "EOF CLOSE free", RELAY_END_ORDERLY, "data."},
    {"a r c", "CLOSE free", RELAY_END_SOCKET_ERROR, ""},
    {"a x c", "CLOSE free", RELAY_END_SOCKET_ERROR, "!"},
    {"A s c", "EOF CLOSE free", RELAY_END_ORDERLY, "."},
    {"A d s c", "EOF CLOSE free", RELAY_END_ORDERLY, "."},
    {"d a d d e s c", "EOF CLOSE free", RELAY_END_ORDERLY, "datadatadata."},
    {"a s", "EOF ", RELAY_END_SESSION, "!"},
    {"a s e", "EOF CLOSE ", RELAY_END_ORDERLY, "."},
};

static void reset(int fd)
{
	const struct linger now = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

/* A connected pair over TCP, whose near end carries a relay's SO_LINGER. */
static void connect_pair(int pair[2])
{
	const struct linger now = {.l_onoff = 1};
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert_eq(bind(fd, (struct sockaddr *)&at, len), 0);
	cr_assert_eq(listen(fd, 1), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	pair[0] = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(connect(pair[0], (struct sockaddr *)&at, len), 0);
	pair[1] = accept(fd, NULL, NULL);
	cr_assert_geq(pair[1], 0);
	close(fd);
	setsockopt(pair[0], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	evutil_make_socket_nonblocking(pair[0]);
}

static void happen(char event, const int pair[2])
{
	struct ssh_channel_callbacks_struct *cb = of[0].callbacks;
	ssh_channel channel = (ssh_channel)(void *)&of[0].channel;
	char data[] = "datadatadata";

	switch (event) {
	case 'a':
	case 'A':
		relay_attach(of[0].relay, pair[0], event == 'A');
		break;
	case 's':
		shutdown(pair[1], SHUT_WR);
		break;
	case 'r':
		reset(pair[1]);
		break;
	case 'd':
		of[0].left += 4;
		of[0].left -= (size_t)cb->channel_data_function(
		    NULL, channel, data, (uint32_t)of[0].left, 0, cb->userdata);
		break;
	case 'e':
		cb->channel_eof_function(NULL, channel, cb->userdata);
		break;
	case 'c':
		cb->channel_close_function(NULL, channel, cb->userdata);
		break;
	case 'x':
		relay_abort(of[0].relay);
	}
}

static void read_far(int fd, char text[16])
{
	size_t len = 0;
	ssize_t n;

	while ((n = recv(fd, text + len, 14 - len, MSG_DONTWAIT)) > 0)
		len += (size_t)n;
	text[len] = n == 0 ? '.' : '!';
	text[len + 1] = '\0';
}

/* A D-Bus answers REJECTED to GLib's question for its mechanisms, too, and then OK. */
Test(relays, first_bytes_stay_while_pieces_begin_alike)
{
	static const struct {
		const char *pieces[3], *first;
	} cases[] = {
	    {{"REJECTED EXTERNAL\r\n"}, "REJECTED"},
	    {{"REJECTED EXTERNAL\r\n", "REJECTED EXTERNAL\r\n"}, "REJECTED"},
	    {{"REJ", "ECTED EXTERNAL\r\n"}, "REJECTED"},
	    {{"REJECTED EXTERNAL\r\n", "OK 0123\r\n", "REJECTED"}, ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct relays *rs = start();
		struct ssh_channel_callbacks_struct *cb;
		int pair[2];

		connect_pair(pair);
		relay_discard(of[1].relay);
		relay_discard(of[2].relay);
		relay_attach(of[0].relay, pair[0], false);
		cb = of[0].callbacks;
		for (const char *const *p = cases[i].pieces; p < cases[i].pieces + 3 && *p; p++)
			cb->channel_data_function(NULL, (ssh_channel)(void *)&of[0].channel,
						  (void *)(uintptr_t)*p, (uint32_t)strlen(*p), 0,
						  cb->userdata);
		memset(first, 0, sizeof(first));
		relays_free(rs);
		cr_expect_str_eq(first, cases[i].first, "case %zu: \"%s\"", i, first);
		close(pair[1]);
		event_base_free(base);
	}
}

Test(relays, each_order_of_ends)
{
	for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
		const struct order *o = &orders[i];
		struct relays *rs = start();
		char text[16];
		int pair[2];

		connect_pair(pair);
		said[0] = '\0';
		ended = RELAY_END_SESSION;
		memset(first, 0, sizeof(first));
		relay_discard(of[1].relay);
		relay_discard(of[2].relay);
		for (const char *e = o->events; *e; e++) {
			happen(*e, pair);
			/* Sockets are watched from the first pass on. */
			for (int pass = 0; e[1] <= ' ' && pass < 2; pass++)
				look(rs);
		}
		relays_pass(rs);
		if (!strpbrk(o->events, "aA"))
			close(pair[0]);
		relays_free(rs);
		cr_expect_str_eq(said, o->said, "%s: \"%s\"", o->events, said);
		cr_expect_eq(ended, o->end, "%s: %s", o->events, relay_end_text(ended));
		if (o->socket[0]) {
			read_far(pair[1], text);
			cr_expect_str_eq(text, o->socket, "%s: \"%s\"", o->events, text);
			text[strcspn(text, ".!")] = '\0';
			cr_expect(strncmp(first, text, 8) == 0, "%s: %s", o->events, first);
		}
		if (!strchr(o->events, 'r'))
			close(pair[1]);
		event_base_free(base);
		cr_expect_eq(count_fds(), fds_before, "%s: descriptors leaked", o->events);
	}
}
