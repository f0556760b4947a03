// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_ADMISSION_H
#define SSHIPC_SERVER_ADMISSION_H
/*
 * Where connections come from that are not logged in: who may have one more, who makes room for
 * whom, and who has failed so often that his are served two at a time.  Knows of no session that is
 * logged in.  A source is a network: all addresses that share its prefix.  Times are monotonic
 * seconds, as the caller says.
 *
 * A connection is accepted at once and decided upon at once: refusing it costs an accept and a
 * close, so a flood does not fill the backlog.  The rules, in this order:
 *
 * 1. A source that has its share (most) is refused, unless the oldest connection that it has is
 * older than patience: that one goes.  So a client that shares an address with silent connections
 * gets in, and a flood from there makes no more than its share in that time.
 *
 * 2. Where all places are taken, the oldest connection of the source that has most goes, if that
 * source has at least two more than the newcomer's, or the newcomer's has none.  So eight strangers
 * cannot keep a ninth out, and do not push each other out in turns.  A source from where a login
 * succeeded within a day is the last whose connections go, while it has no more than half of its
 * share, and up to there takes the place of one that is not known so.
 *
 * 3. A source that failed (its penalty is 15 s or more) has two connections served at a time, or
 * half of its share where a login from there succeeded within a day; the others wait in the order
 * in which they came, and none is refused for it.  Of those that are served the oldest goes while
 * another waits, if it has begun no key exchange within idle_patience, or no login succeeded within
 * patience; so each of those that rule 1 takes has its turn.  A connection that sent nothing, or a
 * banner, or was ended by rule 2, is blameless.
 *
 * 4. What the connections of a source cost without a login adds up, as the kernel tells at their
 * end: none of a source that is ahead of its rate is served until that is made up for.  Connections
 * that began no key exchange are not counted.
 *
 * The addresses of balancers and proxies, in unpunished, have neither penalty nor rate of CPU;
 * rules 1 and 2 hold for them, too, or one client behind a balancer could take all places.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>
#include <time.h>

#include "cidr.h"

/* Sources, with connections or only remembered because they failed or logged in: so many, or twice
 * the room.  When all places are taken the longest without connections is forgotten first, of those
 * where a login succeeded the last. */
#define ADMISSION_REMEMBERED 4096

struct admission;

struct admission_config {
	int prefix_v4, prefix_v6; /* bits that make a source */
	int most;		  /* connections that are not logged in, of one source */
	int patience;		  /* seconds in which one gives way only where all is full */
	int idle_patience;	  /* the same where it has not begun anything, and others wait */
	int max_penalty; /* seconds that all faults of a source add up to; 0: none are kept */
	const struct cidr_list *unpunished; /* whose faults and CPU are not kept */
	int room;			    /* connections that are not logged in, of all sources */
};

/* One connection that is not logged in, a member of its owner. */
struct unauth {
	TAILQ_ENTRY(unauth) of_source; /* the oldest first */
	struct source *source;	       /* NULL: not, or no longer, counted here */
	time_t started;		       /* it is served; 0: it waits for that */
	bool begun;		       /* the owner's to set: it has sent more than a banner */
	void *owner;
};

/* What stands against one more. */
enum admission_verdict {
	ADMISSION_FREE,	   /* nothing */
	ADMISSION_FULL,	   /* there is no room */
	ADMISSION_TOO_MANY /* as many of this source as it may have */
};

enum admission_fault { /* and for how many seconds */
		       ADMISSION_BLAMELESS = 0,
		       ADMISSION_NO_LOGIN = 1, /* a key exchange for nothing */
		       ADMISSION_REFUSED = 5,
		       ADMISSION_TOO_SLOW = 10,
		       ADMISSION_CRASH = 90,
};

struct admission *admission_new(const struct admission_config *config);
void admission_free(struct admission *s); /* every connection has left */

/* May one more come from peer?  full: there is room only if another goes.  *instead: the connection
 * whose place it takes and that must leave first, or NULL: of the source with most, and of a known
 * one (admission_welcome) with up to half of its share only where there is no other. */
enum admission_verdict admission_ask(struct admission *s, const struct address *peer, bool full,
				     time_t now, struct unauth **instead);

void admission_enter(struct admission *s, struct unauth *u, const struct address *peer, time_t now);
void admission_leave(struct admission *s, struct unauth *u); /* safe on none */

/* May it be served from now on?  The first that asks is the first of its source.  False: it waits,
 * since its source failed or costs too much; true once *instead, if not NULL, has left.  True for
 * one that is served. */
bool admission_start(struct admission *s, struct unauth *u, time_t now, struct unauth **instead);

/* Faults add up, each by so many seconds (those of enum admission_fault, or another number; 0: it
 * is blameless); from 15 s on, and until that time has passed, the source has two connections
 * served at a time: one that fails again, and one beside it that shares the address. */
void admission_punish(struct admission *s, const struct address *peer, int seconds, time_t now);

/* A login from there succeeded, or such a session ended: for ADMISSION_KNOWN seconds the source has
 * half of its share served, even where others there fail, and keeps it where strangers from however
 * many sources fill the house. */
enum { ADMISSION_KNOWN = 86400 };
void admission_welcome(struct admission *s, const struct address *peer, time_t now);

/* What connections without a login cost adds up, too: more than ADMISSION_CPU_AHEAD ms of CPU, and
 * none of the source is started until what is beyond ADMISSION_CPU_RATE ms a second is made up for.
 */
enum { ADMISSION_CPU_RATE = 100, ADMISSION_CPU_AHEAD = 2000 };
void admission_spend(struct admission *s, const struct address *peer, unsigned ms, time_t now);

/* Connections that are not logged in. */
size_t admission_unauth(const struct admission *s);

/* Sources that have such connections or are remembered. */
size_t admission_count(const struct admission *s, time_t now);

#endif
