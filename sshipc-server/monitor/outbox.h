// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_OUTBOX_H
#define SSHIPC_SERVER_OUTBOX_H
/*
 * Messages to one process, sent in order: those that its socket does not accept at once are queued.
 */
#include <event2/event.h>
#include <sys/queue.h>

struct outbox {
	int sock;
	struct event *writable;
	STAILQ_HEAD(, outgoing) waiting;
	size_t n_unawaited; /* queued messages without a sent callback */
};

/* Called when a queued message was sent, or failed; error: 0, or errno. */
typedef void outbox_sent(void *arg, int error);

/* sock: non-blocking, the caller's. */
void outbox_init(struct outbox *o, struct event_base *base, int sock);
void outbox_free(struct outbox *o); /* queued messages are dropped */

/* Sends a message, with the descriptor fd (-1: none).  0, or errno; EAGAIN: it is queued, sent (may
 * be NULL) is called for it later, and fd must stay open until then. */
int outbox_send(struct outbox *o, const void *message, int fd, outbox_sent *sent, void *arg);

/* Drops the queued messages that have this arg; returns how many. */
size_t outbox_forget(struct outbox *o, const void *arg);

#endif
