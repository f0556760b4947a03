// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_FIRST_H
#define SSHIPC_CLIENT_FIRST_H
/*
 * Looks whether the first of several servers is back, while the session is at another one
 * (return_to_first).  No session is given up before the first has sent its banner, nor while it
 * carries a connection.
 */
#include "openings.h"
#include "reach.h"
#include "settings.h"

struct first;

struct first_ops {
	const struct openings *openings; /* idle: the session may be given up */
	struct reach_memory *memory;
	/* The first server has answered; fd and at as of reach_done.  Not called without an fd. */
	reach_done *back;
	void *arg;
};

/* s must outlive it. */
struct first *first_new(struct event_base *base, const struct settings *s,
			const struct first_ops *ops);
void first_free(struct first *f);

/* A session is up: at another server it looks every s->return_to_first seconds, never if that is 0;
 * after each return that did not become a session only after twice as long, up to 16 times. */
void first_watch(struct first *f, bool elsewhere);

/* That session has ended. */
void first_stop(struct first *f);

#endif
