// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_LINK_H
#define SSHIPC_CLIENT_LINK_H
/*
 * One SSH session to the server, or to one of several: resolves, connects, authenticates,
 * reconnects, opens channels and hands them to the relay.  Callers do not depend on there being one
 * link.
 *
 * A link goes through reaching (resolve.h, reach.h, or via.h), keying, which ends with the check of
 * the host key (trust.h), authenticating with the one identity (identity.h), and up.
 * connect_timeout covers all of it, and begins anew after the user was asked about the host key.  A
 * failure closes the session, resets every connection that it carried, and the link tries again
 * after a pause (backoff.h).  Before the first success a refusal is the end: host key 76, login 77,
 * no destination for a foreign server 64, an unreadable known_hosts 78.  Later refusals are logged
 * and tried again, except with exit_on_refusal; with listeners, so is at any time a refusal that an
 * sshipc-server calls temporary (max-sessions, valid).
 *
 * Of several servers the next one is tried when one fails (servers.h), a refusal included, which is
 * logged; before the first success it is the end once all of them have refused, with
 * exit_on_refusal at once.  A session at another server than the first one ends for it only with
 * return_to_first, while no connection is carried, and after the first has answered.
 *
 * From the connect to the first answer of an endpoint there are seven round trips, which a long
 * path makes the time of a start: TCP; the banners and then the KEXINITs, half a trip each, as
 * libssh sends its KEXINIT when it has the peer's banner; the key exchange; the service
 * "ssh-userauth", which it requests with its NEWKEYS; the login, signed without a query; the opens,
 * which are sent together with that of .status; and the data, which need the number of the server's
 * channel.
 *
 * A new local connection ends the pause, once a second, and restarts a connect that has hung for 3
 * s, unless a local connection started it: the kernel repeats a SYN after ever longer times.
 * Neither happens after the host key or our key was refused, since the server may penalise us for
 * it.  After a suspend of a keepalive period or longer the session is closed and the next attempt
 * made at once.
 */
#include <event2/event.h>

#include "identity.h"
#include "json.h"
#include "openings.h"
#include "settings.h"
#include "verdict.h"

struct link;

enum link_event {
	LINK_REACHED,	   /* connected; text: the server's address */
	LINK_KEYED,	   /* keys are exchanged; text: the server's banner and the algorithms */
	LINK_TRANSPORT,	   /* the host key is the right one; text: its fingerprint */
	LINK_UP,	   /* authenticated; text: "HOST:PORT" */
	LINK_DENIED,	   /* the key was refused */
	LINK_NEXT,	   /* no session; the next server is tried at once; text: why */
	LINK_DOWN,	   /* no session; text: why */
	LINK_OPEN_GRANTED, /* the server's answer to a local connection */
	LINK_OPEN_REFUSED,
	LINK_AGENT_FAILED, /* LINK_DOWN follows; text: ssh-agent's fault, "; " and the remedy */
	LINK_IDLE,	   /* the last connection has ended */
};

/* Why we refused the server, or the server refused us. */
struct link_refusal {
	int exit_code;		     /* 64, 76, 77 or 78 */
	enum policy_verdict verdict; /* of 77: denial.h */
	const char *cause, *remedy;  /* remedy NULL: cause contains it, after "; " */
};

/* All called from the loop. */
struct link_ops {
	void (*event)(void *arg, enum link_event event, const char *text);
	/* A permanent refusal before the first success (exit_on_refusal: also after it); already
	 * logged; r is valid for the call. */
	void (*refused)(void *arg, const struct link_refusal *r);
	void *arg;
};

/* Starts connecting, from the loop.  s must outlive the link, which owns identity from here on.
 * Out of memory ends the program. */
struct link *link_new(struct event_base *base, const struct settings *s, struct identity *identity,
		      const struct link_ops *ops);

/* Carries the local connection fd (taken over, non-blocking, address_tune'd) to a destination: held
 * while the link is down, as the settings say; a refused one is reset (TCP) or closed (Unix) and
 * logged with the cause.  local names the listener, and the caller if known, for the log; NULL: a
 * channel of our own use, without log lines and events.  watch may be NULL. */
void link_open(struct link *l, const struct destination *to, int fd, const char *local,
	       const struct opening_watch *watch);

/* Whether the session's server is an sshipc-server, by its banner. */
bool link_is_sshipc(const struct link *l);

/* The server that is tried or in use, "HOST:PORT"; NULL: there is one only. */
const char *link_chosen(const struct link *l);

/* Whether the link carries no connection, and none waits. */
bool link_idle(const struct link *l);

/* Adds to the open object: server, its number and of how many, the key's fingerprint, channels,
 * bytes of all sessions (with those of .status), last_error and the exit code that it would be. */
void link_put(const struct link *l, struct json_out *o);

/* The socket of the session that is up, for getsockname(2). */
int link_fd(const struct link *l);

/* Disconnects and frees; every connection it carries is aborted. */
void link_free(struct link *l);

#endif
