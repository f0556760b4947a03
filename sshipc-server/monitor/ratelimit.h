// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_RATELIMIT_H
#define SSHIPC_SERVER_RATELIMIT_H
/*
 * Rate limit for log lines that peers can cause at will.  Of each kind the first few in a minute
 * are written and the others counted; at the minute's end one line ("repeated") has the count.  The
 * number of kinds in a minute is limited too.  A minute begins with its first line.
 */
#include <event2/event.h>
#include <stdbool.h>

#define RATELIMIT_LINES 5 /* of a kind that are written */
#define RATELIMIT_KINDS                                                                            \
	256 /* in a minute, half of strangers, half of keys; others are counted, together */
#define RATELIMIT_OWN 32 /* kinds of one address, or one key */

struct ratelimit;
struct repeat; /* a kind of line in this minute */

struct ratelimit *ratelimit_new(struct event_base *base);

/* Logs the counts that are left, and frees r. */
void ratelimit_free(struct ratelimit *r);

/* The kind of line that this event (static storage) and subject text make; NULL: none in this
 * minute. */
struct repeat *ratelimit_find(struct ratelimit *r, const char *event, const char *subject);

/* Counts another line of the kind.  True: it is to be written. */
bool ratelimit_again(struct repeat *k);

/* Counts the first line of a kind, about a key (or the server itself), or about a peer without a
 * login, by address.  True: it is to be written. */
bool ratelimit_begin(struct ratelimit *r, const char *event, const char *subject, bool key,
		     const char *who);

/* The minute's number. */
unsigned ratelimit_minute(const struct ratelimit *r);

/* Ends the minute: logs the counts. */
void ratelimit_end_minute(struct ratelimit *r);

#endif
