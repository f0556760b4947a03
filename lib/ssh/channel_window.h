// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CHANNEL_WINDOW_H
#define SSHIPC_CHANNEL_WINDOW_H
/*
 * How large the receive window of one channel should be: arithmetic only, without a clock or
 * libssh.  relay.c applies it.
 *
 * A channel carries at most one window in a round trip, and libssh 0.10 renews its window of 1.28
 * MB when half of it is used: 12 MB/s where a round trip takes 50 ms.  So a window of which that
 * much is used within one round trip is doubled, as TCP does it, while the socket takes what
 * arrives.  Where a round trip is short, the window is never the limit: a larger one would only
 * stand in the queues of the kernel, and a small request behind it.  If the socket falls behind,
 * the window is halved.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHANNEL_WINDOW_OWN 1280000 /* that of libssh 0.10 */
#define CHANNEL_WINDOW_MOST                                                                        \
	(12 * CHANNEL_WINDOW_OWN)  /* libssh's buffer for it is the next power of two */
#define CHANNEL_WINDOW_SHORT  1000 /* us: a round trip below is short */
#define CHANNEL_WINDOW_RENEWS 8	   /* in one window */

struct channel_window {
	size_t size; /* what is granted at a time; 0 is CHANNEL_WINDOW_OWN, which libssh renews */
	size_t most; /* the largest size so far */
	size_t held; /* the most bytes held for the socket so far, with a size of its own */
	size_t arrived; /* bytes since it was renewed */
	size_t sum;	/* bytes since begun */
	uint64_t begun; /* us: the round trip that is measured */
	bool lagged;	/* in it: the socket fell behind */
};

/* Bytes have arrived, and held bytes now wait for the socket.  True: channel_window_renew is due.
 */
bool channel_window_note(struct channel_window *w, size_t arrived, size_t held);

/* now: us.  round_trip: us, the shortest seen; 0: unknown.  room: by how much it may grow.  Returns
 * how many bytes the peer may send from now on; 0: libssh renews the window itself. */
size_t channel_window_renew(struct channel_window *w, uint64_t now, unsigned round_trip,
			    size_t room);

/* Bytes beyond those of an ordinary channel that this one has a claim to: what is granted, or what
 * libssh's buffer has grown to. */
size_t channel_window_claim(const struct channel_window *w);

#endif
