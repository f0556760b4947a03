// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_RELAY_INTERNAL_H
#define SSHIPC_RELAY_INTERNAL_H
/*
 * What relay.c (one channel and its socket) and relays.c (whose turn it is, what all may hold)
 * share.
 */
#include <libssh/callbacks.h>
#include <sys/queue.h>
#include <time.h>

#include "relay.h"

/* READY: something happened.  WAITING: has data for the session, in the order in which it will be
 * served.  BLOCKED: its window is closed.  DRAINING: the peer closed, the socket still takes what
 * it left. */
enum place { IDLE, READY, WAITING, BLOCKED, DRAINING, PLACES };

struct relay {
	TAILQ_ENTRY(relay) all, queue;
	enum place place; /* which queue it stands in */
	struct relays *rs;
	ssh_channel channel;
	struct ssh_channel_callbacks_struct callbacks;
	int fd;
	struct event *readable, *writable;
	uint8_t *tail; /* read from the socket, not yet taken by the session */
	size_t tail_len;
	uint8_t *out; /* taken from libssh, not yet by the socket */
	size_t out_pos, out_len;
	size_t held;	/* in libssh's buffer of this channel */
	size_t counted; /* of both, in the session's sum */
	time_t closed_at;
	bool may_read, may_send;   /* what the socket last told */
	bool socket_eof, eof_sent; /* socket to channel */
	bool channel_eof, shut;	   /* channel to socket */
	bool channel_closed, abort, close_sent, pulling, one_way, awaiting;
	struct relay_stats stats;
	void (*done)(void *arg, const struct relay_stats *stats);
	void *arg;
};

TAILQ_HEAD(relay_list, relay);

struct relays {
	struct event_base *base;
	struct sshloop *loop;
	struct relay_list all, queues[PLACES];
	size_t count, closing, held, limit;
	struct relay_stats total;
	void (*full)(void *arg, size_t held);
	void *arg;
	time_t told_at;
	uint8_t *buf; /* one read, shared: nothing stays in it between two relays */
};

/* Everything that may happen next, in the order in which it may; turn: it is this relay's turn to
 * write.  The relay may be gone afterwards. */
void relay_step(struct relay *r, bool turn);

/* Reads from the socket that can still matter. */
bool relay_wants_read(const struct relay *r);

/* Closes the socket; not orderly: as a reset (TCP). */
void relay_close_socket(struct relay *r, bool orderly);

/* The end: reports and frees, the channel too. */
void relay_finish(struct relay *r);

/* Puts it at the end of a queue. */
void relays_move(struct relay *r, enum place place);

/* Compares what a relay holds with what was last told, for the session's budget. */
void relays_account(struct relay *r);

#endif
