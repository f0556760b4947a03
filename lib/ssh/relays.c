// SPDX-License-Identifier: BSD-2-Clause
#include "relay_internal.h"

#include <stdlib.h>

#include "alloc.h"
#include "loop.h"

enum {
	DRAIN_SECONDS = 60, /* for a socket to take what a closed channel left */
	TURNS = 4,	    /* writes in one pass, then the other descriptors get theirs */
	TELL_SECONDS = 60,  /* between two words about the budget */
	CLOSING_MANY = 32,  /* channels that the peer has closed and we have not */
};

void relays_move(struct relay *r, enum place place)
{
	if (r->place != IDLE)
		TAILQ_REMOVE(&r->rs->queues[r->place], r, queue);
	r->place = place;
	if (r->place != IDLE)
		TAILQ_INSERT_TAIL(&r->rs->queues[r->place], r, queue);
}

static void check_budget(struct relays *rs)
{
	const bool full = rs->held > rs->limit;

	if (full && (rs->told_at == 0 || loop_seconds() - rs->told_at >= TELL_SECONDS)) {
		rs->told_at = loop_seconds();
		rs->full(rs->arg, rs->held);
	}
	sshloop_pause(rs->loop, full);
}

/* What this relay holds for its socket, in libssh and here, against the session's budget. */
void relays_account(struct relay *r)
{
	const size_t now = r->held + r->out_len - r->out_pos;

	r->rs->held += now - r->counted;
	r->counted = now;
	check_budget(r->rs);
}

void relays_pass(struct relays *rs)
{
	struct relay *r, *next;
	int turns = 0;

	/* A window may have opened; nothing tells but the look. */
	for (r = TAILQ_FIRST(&rs->queues[BLOCKED]); r; r = next) {
		next = TAILQ_NEXT(r, queue);
		if (ssh_channel_window_size(r->channel) > 0 || !relay_wants_read(r))
			relays_move(r, READY);
	}
	/* Each close has libssh read, and that may be more opens than one: closed channels would
	 * pile up until there is no room for a new one. */
	while ((r = TAILQ_FIRST(&rs->queues[READY]))) {
		sshloop_hush(rs->loop, rs->closing > CLOSING_MANY);
		relay_step(r, false);
	}
	sshloop_hush(rs->loop, false);
	while ((r = TAILQ_FIRST(&rs->queues[WAITING])) && sshloop_writable(rs->loop)) {
		if (turns++ == TURNS) {
			sshloop_yield(rs->loop);
			break;
		}
		relay_step(r, true);
	}
	/* The peer has gone, and the socket does not take what it left. */
	for (r = TAILQ_FIRST(&rs->queues[DRAINING]); r; r = next) {
		next = TAILQ_NEXT(r, queue);
		if (loop_seconds() - r->closed_at > DRAIN_SECONDS)
			relay_abort(r);
	}
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
		if (!r->close_sent)
			r->stats.end = RELAY_END_SESSION;
		relay_close_socket(r, false);
		r->done(r->arg, &r->stats);
		relay_discard(r); /* the session's end frees the channel */
	}
	free(rs->buf);
	free(rs);
}

size_t relays_count(const struct relays *rs)
{
	return rs->count;
}

const struct relay_stats *relays_total(const struct relays *rs)
{
	return &rs->total;
}
