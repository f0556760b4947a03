// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_RATELIMIT_H
#define SSHIPC_SERVER_RATELIMIT_H
/*
 * Rate limit for log lines that peers can cause at will.  Of each kind the first few in a minute
 * are written, and of each source so many kinds; the others are counted.  At the minute's end
 * "repeated" has the count of a kind, and "limit" the counts of what was not written else, by event
 * and with the number of sources.  A minute begins with its first line.
 *
 * Events that matter for security have no budget in common: each source, and each key from there,
 * has its own, so nobody else can use it up.  Ordinary lines have budgets apart from that.  Memory
 * is fixed, and a line costs a look at a few places: who finds his place taken by others gets a new
 * budget, not none.
 */
#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#define RATELIMIT_LINES	   5   /* of a kind that are written */
#define RATELIMIT_OWN	   32  /* kinds of one source */
#define RATELIMIT_ORDINARY 128 /* kinds of all keys together, and as many of strangers */
#define RATELIMIT_ARRIVALS 512 /* of all sources together, a line each */
#define RATELIMIT_TOLD	   64  /* kinds that have a "repeated" of their own */

enum ratelimit_budget {
	RATELIMIT_SECURITY,
	RATELIMIT_ARRIVAL, /* refused without a session: a connect is all that it costs a peer */
	RATELIMIT_OF_KEYS,
	RATELIMIT_OF_STRANGERS,
	RATELIMIT_BUDGETS
};

struct ratelimit;

/* lost is incremented for each line that only a "limit" counts; it must outlive r. */
struct ratelimit *ratelimit_new(struct event_base *base, uint64_t *lost);

/* Logs the counts that are left, and frees r. */
void ratelimit_free(struct ratelimit *r);

/* Counts a line of this event (static storage), of the kind that subject says, which who causes: a
 * network, a key or both.  True: it is to be written. */
bool ratelimit_may(struct ratelimit *r, enum ratelimit_budget b, const char *who, const char *event,
		   const char *subject);

/* Ends the minute: logs the counts. */
void ratelimit_end_minute(struct ratelimit *r);

#endif
