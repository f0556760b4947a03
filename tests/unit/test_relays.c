// SPDX-License-Identifier: BSD-2-Clause
/*
 * Whose turn it is among the relays of a session, and what one channel may bring: with a session
 * and channels that this file stands in for.
 */
#include <criterion/criterion.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fds.h"
#include "relay_internal.h"

enum { CHUNK = 100, BULK = 3, WINDOW_MAX = 2 * 1024 * 1024, SLACK = 64 * 1024 };

static struct {
	int channel; /* its address stands for the channel */
	ssh_channel_callbacks callbacks;
	size_t turns, window;
	int far;
	struct relay *relay;
} of[BULK];

static struct event_base *base;
static const char *failed;
static bool paused;
static size_t fds_before;

static size_t number(ssh_channel channel)
{
	size_t i = 0;

	while (i < BULK && (void *)channel != &of[i].channel)
		i++;
	cr_assert_lt(i, BULK);
	return i;
}

/* ---- libssh ---- */

uint32_t ssh_channel_window_size(ssh_channel channel)
{
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

int ssh_channel_close(ssh_channel channel)
{
	return SSH_OK;
}

/* ---- the session's loop ---- */

void sshloop_kick(struct sshloop *l)
{
}

void sshloop_yield(struct sshloop *l)
{
}

bool sshloop_writable(struct sshloop *l)
{
	return true;
}

long sshloop_write(struct sshloop *l, ssh_channel channel, const void *p, size_t n)
{
	of[number(channel)].turns++;
	return (long)n;
}

void sshloop_cork(struct sshloop *l, bool on)
{
}

void sshloop_defer_reads(struct sshloop *l, bool on)
{
}

size_t sshloop_chunk(void)
{
	return CHUNK;
}

void sshloop_pause(struct sshloop *l, bool pause)
{
	paused = pause;
}

void sshloop_fail(struct sshloop *l, const char *why)
{
	failed = why;
}

/* ---- the tests ---- */

static void on_done(void *arg, const struct relay_stats *stats)
{
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
	for (size_t i = 0; i < BULK; i++)
		if (of[i].far > 0)
			close(of[i].far);
	cr_expect_eq(count_fds(), fds_before, "descriptors leaked");
}

/* Its socket has more than a few turns take. */
static void pour(size_t i)
{
	const char bytes[50 * CHUNK] = "";
	int pair[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	of[i].far = pair[1];
	relay_attach(of[i].relay, pair[0], false);
	cr_assert_eq(write(pair[1], bytes, sizeof(bytes)), sizeof(bytes));
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
	relays_pass(rs);
	cr_expect_gt(of[0].turns, 0, "a window that opened is not seen");
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
