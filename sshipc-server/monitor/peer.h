// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_PEER_H
#define SSHIPC_SERVER_PEER_H
/*
 * One session process as the monitor holds it: our end of the socket pair, what waits to be sent
 * on it, END, and the kill that is repeated until the process is gone.  Knows nothing of what the
 * messages mean.
 */
#include "message.h"
#include "outbox.h"

/* What a session asked for is paid for up to this moment, in microseconds. */
struct pace {
	uint64_t paid_until;
};

struct peer_ops {
	event_callback_fn readable;
	/* It has not gone half a second after END, or it does not read (overflowed): it is to be
	 * killed.
	 */
	void (*overdue)(void *arg);
	/* Tells the spawner to kill the process, at first and every half second until it is gone;
	 * false: the spawner did not take the order. */
	bool (*kill)(void *arg);
	/* Its process is gone, after peer_cut.  May free the peer. */
	void (*gone)(void *arg);
};

struct peer {
	int sock;
	struct event *readable, *resume, *timer;
	struct pace pace; /* of its messages, see peer_pause */
	struct outbox outbox;
	bool overflowed, cut; /* it did not read its messages; peer_cut was called */
	bool process;	      /* there is one, or the spawner is to make it; until EXITED */
	int pid;	      /* 0: not known */
	int parent;	      /* the spawner that died with it; 0: none did */
	bool ordered;	      /* the spawner was told to kill it */
	unsigned waited;      /* milliseconds since then */
	const struct peer_ops *ops;
	void *arg;
};

/* sock: non-blocking, taken over. */
void peer_init(struct peer *p, struct event_base *base, int sock, const struct peer_ops *ops,
	       void *arg);

/* Sends a message, or queues it. */
void peer_send(struct peer *p, const void *message);

/* The same for one with the descriptor fd (-1: none), which stays open until sent is called: at
 * once, or when the session has read what was before it.  error: 0, or errno. */
void peer_send_then(struct peer *p, const void *message, int fd, outbox_sent *sent, void *arg);

/* One more at now (monotonic microseconds), rate in a second, as many at once: for how many
 * microseconds the next one must wait. */
uint64_t pace_take(struct pace *p, unsigned rate, uint64_t now);

/* It is not readable for so long. */
void peer_pause(struct peer *p, uint64_t ms);

/* Says END, and is overdue after half a second. */
void peer_end(struct peer *p, const char *reason);

/* Closes the socket and has the process killed; gone is called when there is none. */
void peer_cut(struct peer *p);

/* It exited; or its spawner, process parent, died: so will it, and is awaited. */
void peer_exited(struct peer *p);
void peer_orphaned(struct peer *p, int parent);

/* After peer_cut: nothing is awaited any more. */
void peer_free(struct peer *p);

#endif
