// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_LINK_H
#define SSHIPC_CLIENT_LINK_H
/*
 * One SSH session to the server: resolves, connects, authenticates, keeps it up, opens channels and
 * hands them to the relay.  Nothing outside it knows how many links there are.
 */
#include <event2/event.h>

#include "settings.h"

struct link;

struct link_ops {
	/* Authenticated.  server: "HOST:PORT". Called again after each reconnect. */
	void (*up)(void *arg, const char *server);
	/* A refusal that will not pass by itself, before the first success: exit code 64, 76 or 77
	 * (already logged). */
	void (*refused)(void *arg, int exit_code);
	void *arg;
};

/* Reads the identity (prompting for its passphrase) and starts connecting.  s must outlive it.
 * NULL with *exit_code (already logged). */
struct link *link_new(struct event_base *base, const struct settings *s, const struct link_ops *ops,
		      int *exit_code);

/* Carries the local connection fd (taken over, non-blocking, address_tune'd) to a destination: held
 * while the link is down, for at most OPENINGS_HOLD seconds; refused ones are reset (TCP) or closed
 * (Unix) and logged with the cause.  local names the listener for the log. */
void link_open(struct link *l, const struct destination *to, int fd, const char *local);

/* Disconnects and frees; every connection it carries is aborted. */
void link_free(struct link *l);

#endif
