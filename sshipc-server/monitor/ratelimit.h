// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_RATELIMIT_H
#define SSHIPC_SERVER_RATELIMIT_H
/*
 * Log lines that others can bring about as often as they like.  Of a kind the first few in a minute
 * are written and the others counted; at the minute's end one line ("repeated") tells the count.
 * The kinds of a minute are limited too.  A minute begins with its first line.
 */
#include <event2/event.h>
#include <stdbool.h>

#define RATELIMIT_LINES 5 /* of a kind, written */
#define RATELIMIT_KINDS                                                                            \
	256 /* in a minute, half of strangers, half of keys; others are counted, together */
#define RATELIMIT_OWN 32 /* of one address, or one key */

struct ratelimit;
struct repeat; /* a kind of line in this minute */

struct ratelimit *ratelimit_new(struct event_base *base);

/* Tells what is still counted. */
void ratelimit_free(struct ratelimit *r);

/* Lines of this event (static storage) about this subject, as text; NULL: none in this minute. */
struct repeat *ratelimit_find(struct ratelimit *r, const char *event, const char *subject);

/* One more of the kind.  True: to be written. */
bool ratelimit_again(struct repeat *k);

/* The first of its kind, of that key (or of ours), or of the stranger at that address.  True: to be
 * written. */
bool ratelimit_begin(struct ratelimit *r, const char *event, const char *subject, bool key,
		     const char *who);

/* The minute's number. */
unsigned ratelimit_minute(const struct ratelimit *r);

/* Ends the minute: tells the counts. */
void ratelimit_end_minute(struct ratelimit *r);

#endif
