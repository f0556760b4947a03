// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_PLACES_H
#define SSHIPC_SERVER_PLACES_H
/*
 * max-sessions, replace-old and max-channels over all generations: what they say to each other
 * about keys.
 *
 * Each generation knows what keys have open in the others (elsewhere.h).  The one in charge decides
 * by that, as within one generation, and what it says is "check" (login_check) to all older ones,
 * and "replace" (login_replace) to the one that has the oldest silent session.  A login that is
 * still under way in a generation when that retires counts there as a session, and is granted when
 * the one in charge has answered "place": it alone gives places, so no two logins get the same one.
 */
#include "monitor.h"

/* Writes what keys have open here: lines of elsewhere.h. */
struct evbuffer;
void places_put(const struct monitor_view *view, struct evbuffer *out);

/* What they have open in that generation (the descriptor is taken over); 0: text has the numbers of
 * the generations that are left. */
void places_elsewhere(struct monitor_view *view, unsigned generation, int file, const char *text);

/* Acts on text, which that generation has sent (the words above); what is malformed is ignored. */
void places_told(struct monitor_view *view, unsigned generation, const char *text);

#endif
