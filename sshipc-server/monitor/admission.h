// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_ADMISSION_H
#define SSHIPC_SERVER_ADMISSION_H
/*
 * Admission of connections that are not logged in, by source: which source may have one more, which
 * connection is evicted for it, and which sources failed so often that they are served two
 * connections at a time.  Sessions that are logged in do not count here.  A source is a network:
 * all addresses that share its prefix.  Times are monotonic seconds, passed by the caller.
 *
 * A connection is accepted at once and decided upon at once: refusing it costs an accept and a
 * close, so a flood does not fill the backlog.  The rules, in this order:
 *
 * 1.  A source that has its share (most) is refused, unless the oldest connection that it has is
 * older than patience: that one goes.  So a client that shares an address with silent connections
 * gets in, and a flood from there gets no more than its share in that time.
 *
 * 2.  When all places are in use, the oldest connection of the largest source is evicted, if that
 * source has at least two more than the newcomer's, or the newcomer's has none.  So eight strangers
 * cannot keep a ninth out, and do not evict each other in turns.  A source is known for a day after
 * a login from there: it is evicted from last while it has no more than half of its share, and up
 * to there evicts an unknown one.
 *
 * 3.  A source that failed (its penalty is 15 s or more) has two connections served at a time, or
 * half of its share if it is known; its other connections wait in the order of their accept, and
 * none is refused for the penalty.  While one waits, the oldest that is served is evicted if it
 * began no key exchange within idle_patience, or did not log in within patience; so each connection
 * that rule 1 admits has its turn.  A connection that sent nothing, or a banner, or was ended by
 * rule 2, is blameless.
 *
 * 4.  The CPU time that a source's connections use without a login adds up, as the kernel reports
 * it at their end: a source that is ahead of its rate is not served until time has made up for it.
 * Connections that began no key exchange are not counted.
 *
 * The addresses of balancers and proxies, in unpunished, have neither penalty nor rate of CPU;
 * rules 1 and 2 hold for them, too, or one client behind a balancer could take all places.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>
#include <time.h>

#include "cidr.h"

/* The most sources, with connections or only remembered for a penalty or a login: this, or twice
 * the room if that is more.  When all places are in use, the source longest without connections is
 * forgotten first, known sources last. */
#define ADMISSION_REMEMBERED 4096

struct admission;

struct admission_config {
	int prefix_v4, prefix_v6; /* prefix lengths in bits */
	int most;		  /* connections of one source that are not logged in */
	int patience;		  /* seconds before rules 1 and 3 evict a connection */
	int idle_patience;	  /* the same, for rule 3, without a key exchange */
	int max_penalty; /* seconds, the most a source's penalties add up to; 0: none are kept */
	const struct cidr_list *unpunished; /* sources without penalty or CPU rate */
	int room; /* most connections that are not logged in, of all sources */
};

/* One connection that is not logged in, a member of its owner. */
struct unauth {
	TAILQ_ENTRY(unauth) of_source; /* the oldest first */
	struct source *source;	       /* NULL: not, or no longer, counted here */
	time_t started;		       /* when its service began; 0: it waits for its turn */
	bool begun;		       /* set by the owner: the peer has sent more than a banner */
	void *owner;
};

/* The answer of admission_ask: why a further connection is refused. */
enum admission_verdict {
	ADMISSION_FREE,	   /* nothing */
	ADMISSION_FULL,	   /* no place is free and none can be evicted */
	ADMISSION_TOO_MANY /* the source has its share */
};

enum admission_fault { /* the value is the penalty in seconds */
		       ADMISSION_BLAMELESS = 0,
		       ADMISSION_NO_LOGIN = 1, /* a key exchange without a login */
		       ADMISSION_REFUSED = 5,
		       ADMISSION_TOO_SLOW = 10,
		       ADMISSION_CRASH = 90,
};

struct admission *admission_new(const struct admission_config *config);
void admission_free(struct admission *s); /* call it after admission_leave for each connection */

/* Whether peer may have a further connection.  full: a place is free only if another connection is
 * evicted.  *instead: the connection that the caller must end first, or NULL: of the largest
 * source, and of a known one (admission_welcome) with up to half of its share only if there is no
 * other. */
enum admission_verdict admission_ask(struct admission *s, const struct address *peer, bool full,
				     time_t now, struct unauth **instead);

void admission_enter(struct admission *s, struct unauth *u, const struct address *peer, time_t now);
void admission_leave(struct admission *s, struct unauth *u); /* does nothing if u is not counted */

/* Whether the connection u may be served from now on.  The first to ask is the first of its source.
 * False: u waits, since its source has a penalty or is ahead of its CPU rate; if *instead is not
 * NULL, ending that connection makes it true.  True for a connection that is already served. */
bool admission_start(struct admission *s, struct unauth *u, time_t now, struct unauth **instead);

/* Adds a penalty of that many seconds (of enum admission_fault, or another number; 0: none) to the
 * source.  From 15 s on, and until that time has passed, the source has two connections served at a
 * time: one that fails again, and one of another client that shares the address. */
void admission_punish(struct admission *s, const struct address *peer, int seconds, time_t now);

/* A login from this source succeeded, or its session ended: for ADMISSION_KNOWN seconds the source
 * has half of its share served, even if others of that source fail, and keeps that half however
 * many unknown sources fill all places. */
enum { ADMISSION_KNOWN = 86400 };
void admission_welcome(struct admission *s, const struct address *peer, time_t now);

/* Adds the CPU time of a connection without a login to its source: more than ADMISSION_CPU_AHEAD ms
 * beyond ADMISSION_CPU_RATE ms a second, and no connection of the source is started until time has
 * made up for the excess. */
enum { ADMISSION_CPU_RATE = 100, ADMISSION_CPU_AHEAD = 2000 };
void admission_spend(struct admission *s, const struct address *peer, unsigned ms, time_t now);

/* The number of connections that are not logged in. */
size_t admission_unauth(const struct admission *s);

/* The number of sources that have such connections or are remembered. */
size_t admission_count(const struct admission *s, time_t now);

/* The first address of the source that peer belongs to.  Returns buf. */
const char *admission_name(const struct admission *s, const struct address *peer, char *buf,
			   size_t size);

#endif
