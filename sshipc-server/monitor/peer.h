// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_PEER_H
#define SSHIPC_SERVER_PEER_H
/*
 * The monitor's side of one session process: our end of the socket pair, the messages queued for
 * it, END, and the kill that is repeated until the process has exited.  It does not know the
 * meaning of the messages.
 */
#include "message.h"
#include "outbox.h"

/* A rate limit: the time up to which its requests are accounted for, in microseconds. */
struct pace {
	uint64_t paid_until;
};

struct peer_ops {
	event_callback_fn readable;
	/* The process has not exited half a second after END, or does not read (overflowed): the
	 * owner must kill it. */
	void (*overdue)(void *arg);
	/* Orders the spawner to kill the process, first and every half second until it has exited;
	 * false: the spawner did not accept the order. */
	bool (*kill)(void *arg);
	/* The process has exited, after peer_cut.  May free the peer. */
	void (*gone)(void *arg);
};

struct peer {
	int sock;
	struct event *readable, *resume, *timer;
	bool single;	  /* it had one message when it was read last */
	struct pace pace; /* of its messages, see peer_pause */
	struct outbox outbox;
	bool overflowed, cut; /* its queue was full; peer_cut was called */
	bool process;	      /* there is one, or the spawner will fork it; until EXITED */
	int pid;	      /* 0: unknown */
	int parent;	      /* its spawner, if that died; else 0 */
	bool ordered;	      /* the spawner accepted the order to kill it */
	unsigned waited;      /* milliseconds since the first order */
	const struct peer_ops *ops;
	void *arg;
};

/* sock: non-blocking, taken over. */
void peer_init(struct peer *p, struct event_base *base, int sock, const struct peer_ops *ops,
	       void *arg);

/* Sends a message, or queues it. */
void peer_send(struct peer *p, const void *message);

/* The same for a message with the descriptor fd (-1: none), which stays open until sent is called:
 * at once, or when the session has read the messages before it.  error: 0, or errno. */
void peer_send_then(struct peer *p, const void *message, int fd, outbox_sent *sent, void *arg);

/* Counts a request at now (monotonic microseconds) against rate per second, with a burst of as
 * many; returns the microseconds that the next one must wait. */
uint64_t pace_take(struct pace *p, unsigned rate, uint64_t now);

/* Suspends reading from the session for ms milliseconds. */
void peer_pause(struct peer *p, uint64_t ms);

/* Sends END with reason; overdue is called if the process has not exited after half a second. */
void peer_end(struct peer *p, const char *reason);

/* Closes the socket and orders the kill of the process; gone is called when it has exited, or there
 * is none. */
void peer_cut(struct peer *p);

/* The process exited; or (peer_orphaned) its spawner, process parent, died: the kernel kills it,
 * and its exit is awaited. */
void peer_exited(struct peer *p);
void peer_orphaned(struct peer *p, int parent);

/* To be called after peer_cut: stops waiting for the exit. */
void peer_free(struct peer *p);

#endif
