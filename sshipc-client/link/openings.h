// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_OPENINGS_H
#define SSHIPC_CLIENT_OPENINGS_H
/*
 * Local connections on their way to a channel: waiting for a session, asked for and not yet
 * answered.  Knows how libssh tells what became of an open.  Opened ones belong to the relay.
 *
 * While there is no session a local connection waits for hold seconds, then it is refused.  Once
 * there is one it has patience seconds to get its channel.  Then it is given up, but libssh cannot
 * free a channel whose answer is owed: the channel keeps its place among the 32 of its destination
 * until the answer comes (an open that comes too late is closed) or the session ends.  So a
 * destination that swallows connections has 32 opens at most and its own connections wait, which
 * the log says after 5 s; those of others do not notice.  Where all 32 are owed for ten times the
 * patience, and the session carries nothing, another session is made.  The relay is made before the
 * open is sent, and rests until its answer was seen, so that what comes with the answer, be it the
 * channel's end, is not missed.
 */
#include <event2/event.h>
#include <libssh/libssh.h>
#include <stdbool.h>

#include "relay.h"
#include "spec.h"

struct openings;

enum opening_end {
	OPENING_UNSERVED, /* there was no session to carry it */
	OPENING_REFUSED,  /* by the server */
	OPENING_ABORTED,  /* it was open, and broke */
	OPENING_ORDERLY,
};

/* For who must know what became of a connection: called once, from the loop, its socket closed. */
struct opening_watch {
	void (*ended)(void *arg, enum opening_end end);
	void *arg;
};

struct openings_ops {
	/* The server's answer to an open that has a local name. */
	void (*answered)(void *arg, bool granted);
	/* The last one has ended. */
	void (*idle)(void *arg);
	/* The server owes so many answers, for so long, that no more is asked of it for some
	 * destination, and it carries nothing: another session may do better. */
	void (*stuck)(void *arg);
	void *arg;
};

/* hold: seconds that a local connection waits for a session; 0: none without one.  patience:
 * seconds that it waits for its channel once there is one. */
struct openings *openings_new(struct event_base *base, int hold, int patience,
			      const struct openings_ops *ops);
void openings_free(struct openings *os); /* refuses what is left */

/* Takes fd over.  It is refused (TCP: reset; Unix: closed) when its time is over.  Of one
 * destination 32 are asked for at a time; the others wait, and those of other destinations do not
 * notice.  local: its listener, for the log; NULL: our own affair, not
 * logged.  watch may be NULL. */
void openings_add(struct openings *os, const struct destination *to, int fd, const char *local,
		  const struct opening_watch *watch);

/* From the pass of a session that is up: asks for what waits, hands what is open to relays, refuses
 * what was denied. sshipc: the server is ours. */
void openings_serve(struct openings *os, ssh_session ssh, struct relays *relays, bool sshipc);

/* A local connection waits for a session or its turn. */
bool openings_wanted(const struct openings *os);

/* Nothing waits, and no relay goes on. */
bool openings_idle(const struct openings *os);

/* The session is going: what was not answered waits again.  Before its channels are freed. */
void openings_requeue(struct openings *os);

/* No session, and why: from here on those that wait too long are refused with it. */
void openings_hold(struct openings *os, const char *why);

#endif
