// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the session process and in the client, called by relay.c for one channel: in libssh's
 * callback for data, and when its window is due.  It calls nothing: the clock, the round trip and
 * what is left of the session's budget are told to it.
 */
#include "channel_window.h"

static size_t size_of(const struct channel_window *w)
{
	return w->size > 0 ? w->size : CHANNEL_WINDOW_OWN;
}

bool channel_window_note(struct channel_window *w, size_t arrived, size_t held)
{
	w->arrived += arrived;
	w->sum += arrived;
	if (held > w->held && held > CHANNEL_WINDOW_OWN)
		w->held = held;
	if (held > size_of(w) / 4)
		w->lagged = true;
	return w->arrived >= size_of(w) / CHANNEL_WINDOW_RENEWS;
}

/* Of a window that libssh renews, no more than half arrives in a long round trip. */
static void measure(struct channel_window *w, uint64_t in_round_trip, size_t room)
{
	const size_t size = size_of(w), much = w->size > 0 ? size / 2 : size * 3 / 8;

	if (w->lagged || in_round_trip < size / 16)
		w->size = size / 2 > CHANNEL_WINDOW_OWN ? size / 2 : 0;
	else if (in_round_trip >= much)
		w->size = size + (size < room ? size : room);
	if (w->size > CHANNEL_WINDOW_MOST)
		w->size = CHANNEL_WINDOW_MOST;
	if (w->size > w->most)
		w->most = w->size;
}

size_t channel_window_renew(struct channel_window *w, uint64_t now, unsigned round_trip,
			    size_t room)
{
	const uint64_t took = now - w->begun;

	w->arrived = 0;
	if (round_trip < CHANNEL_WINDOW_SHORT) {
		w->size = 0;
		return 0;
	}
	if (took >= round_trip) {
		if (w->begun > 0)
			measure(w, w->sum * (uint64_t)round_trip / took, room);
		w->begun = now;
		w->sum = 0;
		w->lagged = false;
	}
	return w->size;
}

size_t channel_window_claim(const struct channel_window *w)
{
	const size_t most = w->held > w->size ? w->held : w->size;

	return most > CHANNEL_WINDOW_OWN ? most - CHANNEL_WINDOW_OWN : 0;
}
