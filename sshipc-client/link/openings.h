// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_OPENINGS_H
#define SSHIPC_CLIENT_OPENINGS_H
/*
 * Local connections without a channel yet: waiting for a session, or for the answer to their open.
 * Knows how libssh reports the result of an open.  Open ones belong to the relay.
 *
 * While there is no session a local connection waits for hold seconds, then it is refused.  Once
 * there is one it has patience seconds to get its channel.  Then it is closed, but libssh cannot
 * free a channel whose open is not answered: the channel keeps its place among the 32 of its
 * destination until the answer comes (a channel that opens too late is closed) or the session ends.
 * So a destination that never answers has 32 opens at most and its further connections wait, which
 * is logged after 5 s; other destinations are not affected.  If all 32 are unanswered for ten times
 * the patience, and the session carries nothing, a new session is made.  The relay is made before
 * the open is sent, and is parked until the answer was seen, so that data or a CLOSE arriving with
 * the answer are not missed.
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
	OPENING_ABORTED,  /* it was open, and failed */
	OPENING_ORDERLY,
};

/* For an owner that needs the result of a connection: called once, from the loop, after its socket
 * is closed. */
struct opening_watch {
	void (*ended)(void *arg, enum opening_end end);
	void *arg;
};

struct openings_ops {
	/* The server has answered the open of a connection with a local name. */
	void (*answered)(void *arg, bool granted);
	/* The last connection has ended. */
	void (*idle)(void *arg);
	/* A destination's 32 opens have been unanswered for so long, and the session carries
	 * nothing: a new session may help. */
	void (*stuck)(void *arg);
	void *arg;
};

/* hold: seconds that a local connection waits for a session; 0: it is refused at once.  patience:
 * seconds that it waits for its channel once there is a session. */
struct openings *openings_new(struct event_base *base, int hold, int patience,
			      const struct openings_ops *ops);
void openings_free(struct openings *os); /* refuses the connections that wait */

/* Takes fd over.  It is refused (TCP: reset; Unix: closed) when its time has expired.  A
 * destination has at most 32 unanswered opens; its other connections wait, without delaying those
 * of other destinations.  local: its listener, for the log; NULL: a channel of our own use, not
 * logged.  watch may be NULL. */
void openings_add(struct openings *os, const struct destination *to, int fd, const char *local,
		  const struct opening_watch *watch);

/* Called from the pass of a session that is up: sends opens for connections that wait, hands open
 * channels to relays, refuses denied ones.  sshipc: the server is an sshipc-server. */
void openings_serve(struct openings *os, ssh_session ssh, struct relays *relays, bool sshipc);

/* Whether a local connection waits for a session or its turn. */
bool openings_wanted(const struct openings *os);

/* Whether no connection waits and no relay is running. */
bool openings_idle(const struct openings *os);

/* How many channels are open, those of our own use among them. */
size_t openings_carried(const struct openings *os);

/* The session is ending: connections whose open was not answered wait again.  To be called before
 * its channels are freed. */
void openings_requeue(struct openings *os);

/* There is no session, for the reason why: from here on connections that wait too long are refused
 * with it. */
void openings_hold(struct openings *os, const char *why);

#endif
