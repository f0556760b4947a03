// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_PACE_H
#define SSHIPC_PACE_H
/*
 * How many bytes may be under way to the peer while a bulk transfer shares the session with others:
 * a channel's window of 1.28 MB or 2 MiB would stand in the kernel's queues otherwise, and each
 * small message behind it.
 *
 * A keepalive request is a marker among the packets: its answer says that the peer has read all
 * that was sent before.  One marker is under way at a time, and the next one shows that it was
 * answered (liveness_ask).  So between one and two bounds are under way: while the peer reads what
 * came before the next marker, its answer to the last one lets as much follow.  What may be sent
 * behind a marker doubles while a round trip takes less than one and a half of the shortest, so
 * that a long path is used, and shrinks while it takes more than two, since that much stands in
 * queues.  A pure calculation: no descriptor, no clock.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PACE_LEAST = 63 * 1024,	      /* bytes: two packets, and no third one */
	PACE_MOST = 16 * 1024 * 1024, /* the largest window */
	PACE_SHORT = 300,	     /* us of a round trip: for a shorter one the least is enough */
	PACE_PATIENCE = 1000 * 1000, /* us that a marker may take, then nothing is bounded by it */
};

struct pace {
	uint64_t marked;   /* bytes sent before the last marker */
	uint64_t at;	   /* us: when the last marker was sent; 0: none was */
	unsigned shortest; /* us of a round trip; 0: none is known */
	uint64_t bound;	   /* bytes behind a marker; 0: none was answered yet */
};

/* The marker before was answered, and a new one is under way, behind that many bytes. */
void pace_mark(struct pace *p, uint64_t bytes, uint64_t now);

/* Whether more may be sent behind that many bytes. */
bool pace_allows(const struct pace *p, uint64_t bytes, uint64_t now);

#endif
