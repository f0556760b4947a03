// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_OPENINGS_H
#define SSHIPC_CLIENT_OPENINGS_H
/*
 * Local connections on their way to a channel: waiting for a session, asked for and not yet
 * answered.  Knows how libssh tells what became of an open.  Opened ones belong to the relay.
 */
#include <event2/event.h>
#include <libssh/libssh.h>
#include <stdbool.h>

#include "relay.h"
#include "spec.h"

#define OPENINGS_HOLD 10 /* seconds that a local connection waits for a session */

struct openings;

struct openings *openings_new(struct event_base *base);
void openings_free(struct openings *os); /* refuses what is left */

/* Takes fd over. It is refused (TCP: reset; Unix: closed) when it was not opened OPENINGS_HOLD
 * seconds later, for want of a session. */
void openings_add(struct openings *os, const struct destination *to, int fd, const char *local);

/* From the pass of a session that is up: asks for what waits, hands what is open to relays, refuses
 * what was denied. sshipc: the server is ours. */
void openings_serve(struct openings *os, ssh_session ssh, struct relays *relays, bool sshipc);

/* The session is going: what was not answered waits again.  Before its channels are freed. */
void openings_requeue(struct openings *os);

/* No session, and why: from here on those that wait too long are refused with it. */
void openings_hold(struct openings *os, const char *why);

#endif
