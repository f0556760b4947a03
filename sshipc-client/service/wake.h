// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_WAKE_H
#define SSHIPC_CLIENT_WAKE_H
/*
 * Tells that the machine was suspended: then timers have stood still, and peers have given us up.
 */
#include <event2/event.h>

struct wake;

/* slept is called from the loop, at once after a resume: for how many seconds.  NULL where the
 * kernel has no such timer. */
struct wake *wake_new(struct event_base *base, void (*slept)(void *arg, long seconds), void *arg);
void wake_free(struct wake *w);

#endif
