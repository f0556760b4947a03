// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the session process and in the client, from the pass of the session's loop: schedules the
 * relays of one session.  relay.c does the work of a turn.
 */
#include "relay_internal.h"

#include <stdlib.h>

#include "alloc.h"
#include "loop.h"

enum {
	EXPIRE_SECONDS = 60, /* for a socket to accept the bytes that a closed channel left */
	TURNS = 4,	     /* writes in one pass, then the loop serves its other descriptors */
	LOOKS = 64,	     /* blocked channels that one pass looks at */
};

static void serve(struct relay *r, bool turn)
{
	ssh_channel channel = r->channel;
	enum place next;

	relay_move(r, IDLE);
	if (r->close == CLOSE_BOTH) {
		relay_finish(r);
		ssh_channel_free(channel);
		return;
	}
	next = relay_step(r, turn);
	if (r->place == IDLE) /* else a callback has queued it again */
		relay_move(r, next);
}

/* libssh 0.10 has no callback for a window that opens.  After packets each blocked channel is
 * looked at, but not all in one pass: thousands of them must not slow down the others. */
static void unblock(struct relays *rs)
{
	const uint64_t bytes = sshloop_bytes_in(rs->loop);
	struct relay *r;

	if (bytes != rs->bytes_then)
		rs->unseen = rs->blocked;
	rs->bytes_then = bytes;
	for (int i = 0; i < LOOKS && rs->unseen > 0; i++) {
		r = TAILQ_FIRST(&rs->queues[BLOCKED]);
		rs->unseen = r ? rs->unseen - 1 : 0;
		if (r)
			relay_move(r, ssh_channel_window_size(r->channel) > 0 ? READY : BLOCKED);
	}
	if (rs->unseen > 0)
		sshloop_yield(rs->loop);
}

/* Once a second: aborts relays whose sockets did not accept the rest in time. */
static void expire(struct relays *rs)
{
	const time_t now = TAILQ_EMPTY(&rs->queues[EXPIRING]) ? rs->expired_at : loop_seconds();
	struct relay *r, *next;

	for (r = now == rs->expired_at ? NULL : TAILQ_FIRST(&rs->queues[EXPIRING]); r; r = next) {
		next = TAILQ_NEXT(r, queue);
		if (now - r->closed_at > EXPIRE_SECONDS)
			relay_abort(r);
	}
	rs->expired_at = now;
}

/* Whether bulk data and small messages of others passed within the last second. */
static bool is_shared(struct relays *rs)
{
	const struct relay *last = TAILQ_LAST(&rs->small_ones, relay_list);
	const uint64_t at = last && last->small_at > rs->small_at ? last->small_at : rs->small_at;

	if (rs->bulk_at != 0 && loop_ms() - rs->bulk_at >= SHARED_MS)
		rs->bulk_at = 0;
	return rs->bulk_at != 0 && at != 0 && loop_ms() - at < SHARED_MS;
}

void relays_pass(struct relays *rs)
{
	struct relay *r;
	int turns = 0;

	const bool shared = is_shared(rs);

	rs->most = shared ? sshloop_chunk() / 2 : sshloop_chunk();
	sshloop_share(rs->loop, shared);
	unblock(rs);
	while ((r = TAILQ_FIRST(&rs->corked)))
		relay_uncork(r);
	while ((r = TAILQ_FIRST(&rs->queues[READY])))
		serve(r, false);
	while ((r = TAILQ_FIRST(&rs->queues[WAITING])) && sshloop_writable(rs->loop, false)) {
		if (turns++ == TURNS) {
			sshloop_yield(rs->loop);
			break;
		}
		serve(r, true);
	}
	expire(rs);
}

struct relays *relays_new(struct event_base *base, struct sshloop *loop, size_t limit,
			  void (*full)(void *arg, size_t held), void *arg)
{
	struct relays *rs = xcalloc(1, sizeof(*rs));

	rs->buf = xmalloc(sshloop_chunk());
	rs->base = base;
	rs->loop = loop;
	rs->limit = limit;
	rs->full = full;
	rs->arg = arg;
	TAILQ_INIT(&rs->all);
	TAILQ_INIT(&rs->corked);
	TAILQ_INIT(&rs->small_ones);
	for (int i = 0; i < PLACES; i++)
		TAILQ_INIT(&rs->queues[i]);
	return rs;
}

void relays_free(struct relays *rs)
{
	struct relay *r;

	if (!rs)
		return;
	while ((r = TAILQ_FIRST(&rs->all))) {
		/* The peer's EOF and CLOSE may have come with what ended the session. */
		const bool orderly = r->stats.end == RELAY_END_ORDERLY &&
				     r->input == INPUT_EOF_SENT && r->output != OUTPUT_OPEN &&
				     r->counted == 0;

		if (r->close < CLOSE_SENT && !orderly)
			r->stats.end = RELAY_END_SESSION;
		relay_close_socket(r, orderly);
		relay_finish(r); /* libssh frees the channel with the session */
	}
	free(rs->buf);
	free(rs);
}

const struct relay_stats *relays_total(const struct relays *rs)
{
	return &rs->total;
}
