// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_BACKOFF_H
#define SSHIPC_CLIENT_BACKOFF_H
/*
 * Times the attempts to connect: after pauses that double, or within about a second while a local
 * connection waits.
 */
#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

struct backoff;

/* most_s: the longest pause, in seconds.  attempt is called from the loop, at once and then at the
 * end of each pause. */
struct backoff *backoff_new(struct event_base *base, int most_s, void (*attempt)(void *arg),
			    void *arg);
void backoff_free(struct backoff *b);

/* An attempt begins. */
void backoff_begin(struct backoff *b);

/* Milliseconds since the last attempt began. */
uint64_t backoff_age(const struct backoff *b);

/* An attempt has failed: starts the next pause and returns it in ms.  A random half to whole of a
 * time that doubles from 0.5 s on, so that many clients do not reconnect at the same moment;
 * wanted: at most a second.  denied: backoff_wake does not end it, since the server may penalise us
 * for it. */
unsigned backoff_pause(struct backoff *b, bool wanted, bool denied);

/* The next attempt follows at once, and no pause grows by this one. */
void backoff_skip(struct backoff *b);

/* A local connection waits: a pause ends now, or a second after the last attempt began, if that is
 * later. */
void backoff_wake(struct backoff *b);

/* Resets the next pause to the shortest. */
void backoff_forget(struct backoff *b);

/* Ends the pause; returns whether there was one. */
bool backoff_stop(struct backoff *b);

#endif
