// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_LINK_H
#define SSHIPC_CLIENT_LINK_H
/*
 * One SSH session to the server: resolves, connects, authenticates, keeps it up, opens channels and
 * hands them to the relay.  Nothing outside it knows how many links there are.
 */
#include <event2/event.h>

#include "identity.h"
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
	LINK_DOWN,	   /* no session; text: why */
	LINK_OPEN_GRANTED, /* the server's answer to a local connection */
	LINK_OPEN_REFUSED,
	LINK_AGENT_FAILED, /* so LINK_DOWN comes; text: ssh-agent's fault, "; " and the remedy */
	LINK_IDLE,	   /* the last connection has ended */
};

/* Why the server is not to be had, or we are not. */
struct link_refusal {
	int exit_code;		     /* 64, 76, 77 or 78 */
	enum policy_verdict verdict; /* of 77: denial.h */
	const char *cause, *remedy;  /* remedy NULL: it stands behind the cause and "; " */
};

/* All called from the loop. */
struct link_ops {
	void (*event)(void *arg, enum link_event event, const char *text);
	/* A refusal that will not pass by itself, before the first success (exit_on_refusal: also
	 * after it); already logged, and valid for the call. */
	void (*refused)(void *arg, const struct link_refusal *r);
	void *arg;
};

/* Starts connecting.  s must outlive it; the identity is its own from here on.  Out of memory ends
 * the program. */
struct link *link_new(struct event_base *base, const struct settings *s, struct identity *identity,
		      const struct link_ops *ops);

/* Carries the local connection fd (taken over, non-blocking, address_tune'd) to a destination: held
 * while the link is down, as settings say; refused ones are reset (TCP) or closed (Unix) and logged
 * with the cause.  local names the listener, and the caller where known, for the log; NULL: a
 * question of our own, not logged and no event.  watch may be NULL. */
void link_open(struct link *l, const struct destination *to, int fd, const char *local,
	       const struct opening_watch *watch);

/* The server of the session is an sshipc-server, by its banner. */
bool link_is_sshipc(const struct link *l);

/* It carries no connection, and none waits. */
bool link_idle(const struct link *l);

/* The socket of the session that is up, for getsockname(2). */
int link_fd(const struct link *l);

/* Disconnects and frees; every connection it carries is aborted. */
void link_free(struct link *l);

#endif
