// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_RELAY_INTERNAL_H
#define SSHIPC_RELAY_INTERNAL_H
/*
 * Shared by relay.c (one channel and its socket) and relays.c (the queues of a session).  Calls go
 * from relays.c to relay.c only.
 *
 *   input    OPEN      the socket's end of file: EOF is sent            -> EOF_SENT
 *            OPEN      we send CLOSE, and with it EOF                   -> EOF_SENT
 *   output   OPEN      the peer's EOF; its CLOSE, once our EOF is sent  -> DRAINING
 *            OPEN      a one-way socket is attached                     -> CLOSED
 *            DRAINING  the socket has taken all that was held: SHUT_WR  -> CLOSED
 *   close    NONE      the peer's CLOSE                                 -> RECEIVED
 *            NONE      input EOF_SENT and output CLOSED, or a failure:  -> SENT
 *            RECEIVED    the socket is closed and our CLOSE is sent     -> BOTH
 *            SENT      the peer's CLOSE                                 -> BOTH
 *            BOTH      done is called, channel and relay are freed
 *
 * A failure is an end other than RELAY_END_ORDERLY in the relay's stats.  CLOSE received while
 * input is OPEN is a failure, as soon as no data is held for the socket.
 */
#include <libssh/callbacks.h>
#include <sys/queue.h>
#include <time.h>

#include "channel_window.h"
#include "relay.h"

/* The queue in which a relay stands. */
enum place {
	IDLE,
	PARKED,	  /* the open is sent and no socket attached: it is not served yet */
	READY,	  /* an event happened */
	WAITING,  /* has data for the session; in the order of service */
	BLOCKED,  /* has data for the session, and the channel's window is closed */
	EXPIRING, /* the peer closed; the socket has some time to accept the rest */
	PLACES
};

enum { SHARED_MS = 1000 }; /* after a small message beside bulk data, and after bulk data */

struct relay {
	TAILQ_ENTRY(relay) all, queue, corks, small_ones;
	enum place place;
	struct relays *rs;
	ssh_channel channel;
	struct ssh_channel_callbacks_struct callbacks;
	enum { INPUT_OPEN, INPUT_EOF_SENT } input;			   /* socket to channel */
	enum { OUTPUT_OPEN, OUTPUT_DRAINING, OUTPUT_CLOSED } output;	   /* channel to socket */
	enum { CLOSE_NONE, CLOSE_RECEIVED, CLOSE_SENT, CLOSE_BOTH } close; /* of the channel */
	int fd;			 /* -1: not attached, or closed */
	bool may_read, may_send; /* the socket's readiness, as last seen */
	bool one_way;
	bool small; /* the last read from the socket was a small message */
	struct event *readable, *writable;
	uint8_t *tail; /* read from the socket, not yet written to the session */
	size_t tail_len;
	uint8_t *out; /* read from libssh, not yet sent to the socket */
	size_t out_pos, out_len;
	size_t held; /* in libssh's buffer of this channel */
	bool corked; /* the socket's last bytes may wait for others */
	struct channel_window window;
	size_t claim;	   /* the window's, as included in the session's sum */
	bool renew;	   /* the window is to be renewed */
	size_t counted;	   /* held plus out, as included in the session's sum */
	uint64_t bulk_at;  /* ms: when more than a small message last passed; 0: never */
	uint64_t small_at; /* ms: when a small one passed beside bulk data; 0: none counts */
	time_t closed_at;
	struct relay_stats stats;
	void (*done)(void *arg, const struct relay_stats *stats);
	void *arg;
};

TAILQ_HEAD(relay_list, relay);

struct relays {
	struct event_base *base;
	struct sshloop *loop;
	struct relay_list all, queues[PLACES], corked;
	size_t blocked,
	    unseen;	     /* relays in BLOCKED; those still to be looked at since bytes_then */
	uint64_t bytes_then; /* received by the session when unseen was set */
	time_t expired_at;   /* when EXPIRING was last looked at */
	size_t held, limit;
	size_t most;   /* bytes of one write */
	size_t claims; /* of all windows, beyond libssh's own */
	struct relay_stats total;
	void (*full)(void *arg, size_t held);
	void *arg;
	uint64_t bulk_at;	      /* ms: when that was; 0: never */
	struct relay_list small_ones; /* those with small_at, in that order */
	uint64_t small_at;	      /* ms: the last of those that are gone; 0: there is none */
	time_t full_at;		      /* when full was last called; 0: never */
	uint8_t *buf;		      /* for one read; shared: empty between two relays */
};

/* Moves the relay to the end of a queue. */
void relay_move(struct relay *r, enum place place);

/* Takes all steps that are possible, in order; turn: it is this relay's turn to write.  Returns the
 * queue in which the relay belongs; the caller has handled CLOSE_BOTH. */
enum place relay_step(struct relay *r, bool turn);

/* Has the kernel send the socket's last bytes: no others have followed in this turn. */
void relay_uncork(struct relay *r);

/* Whether the socket is still to be read. */
bool relay_wants_read(const struct relay *r);

/* Closes the socket; not orderly: with a reset (TCP). */
void relay_close_socket(struct relay *r, bool orderly);

/* Calls done and frees the relay; its channel stays. */
void relay_finish(struct relay *r);

#endif
