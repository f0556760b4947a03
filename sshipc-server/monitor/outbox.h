// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_OUTBOX_H
#define SSHIPC_SERVER_OUTBOX_H
/*
 * Messages to one process, sent in order: what its socket does not take at once waits here.
 */
#include <event2/event.h>
#include <sys/queue.h>

struct outbox {
	int sock;
	struct event *writable;
	STAILQ_HEAD(, outgoing) waiting;
	size_t n_unawaited; /* of those, without a sent */
};

/* Called once a message that waited was sent, or could not be; error: 0, or errno. */
typedef void outbox_sent(void *arg, int error);

/* sock: non-blocking, the caller's. */
void outbox_init(struct outbox *o, struct event_base *base, int sock);
void outbox_free(struct outbox *o); /* what waits is dropped */

/* Sends one, with the descriptor fd (-1: none).  0, or errno; EAGAIN: it waits, sent (may be NULL)
 * is called for it, and fd must stay open until then. */
int outbox_send(struct outbox *o, const void *message, int fd, outbox_sent *sent, void *arg);

/* What waits for arg is not sent any more; how many that were. */
size_t outbox_forget(struct outbox *o, const void *arg);

#endif
