// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_SERVERS_H
#define SSHIPC_CLIENT_SERVERS_H
/*
 * Which of several servers is tried, and when there is a pause.  Attempts come in rounds, one for
 * each server, without a pause in a round.  With one server each attempt is a round.
 */
#include <stdbool.h>
#include <stddef.h>

#include "settings.h"

struct servers {
	size_t n, order[SETTINGS_SERVERS], at; /* order[at]: the one that is tried, or in use */
	bool shuffled;
	size_t tried, refused; /* in this round: attempts that failed, and refusals among them */
	char why[2048];	       /* why those failed */
};

/* n: 1 to SETTINGS_SERVERS.  shuffled: each round has an order of its own. */
void servers_start(struct servers *v, size_t n, bool shuffled);

/* The number of the server that is tried, or in use. */
size_t servers_current(const struct servers *v);

/* The attempt has failed, or, with was_up, the session was lost: it is the turn of the next server,
 * at the end of a round that of the first.  True: a pause is due before it, since a round is over,
 * or a loss begins one. */
bool servers_failed(struct servers *v, bool was_up);

/* An attempt has succeeded, or another server is chosen: the next failure begins a round. */
void servers_begin(struct servers *v, size_t at);

/* Adds to why: server, "HOST:PORT", and the reason, which may begin with it. */
void servers_explain(struct servers *v, const char *server, const char *reason);

#endif
