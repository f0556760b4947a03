// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by generation.c: what generations say to each other about keys.  It
 * grants nothing and ends nothing itself: login.c does.
 */
#include "places.h"

#include <stdio.h>
#include <string.h>

#include "conn.h"

void places_put(const struct monitor_view *view, struct evbuffer *out)
{
	const struct key_use *u;
	const struct conn *c;

	LIST_FOREACH(u, &view->uses, entry) {
		struct elsewhere_use all = {.sessions = u->sessions + u->waiting,
					    .channels = u->channels};

		memcpy(all.fingerprint, u->fingerprint, sizeof(all.fingerprint));
		LIST_FOREACH(c, &u->conns, of_key)
			all.silent += c->state == CONN_UP && c->check.asked && !c->check.answered;
		elsewhere_put(out, &all);
	}
}

void places_elsewhere(struct monitor_view *view, unsigned generation, int file, const char *text)
{
	const struct key_use *u;

	if (generation == 0)
		elsewhere_keep(&view->elsewhere, text);
	else
		elsewhere_set(&view->elsewhere, generation, file);
	LIST_FOREACH(u, &view->uses, entry)
		if (u->waiting > 0)
			keyuse_wake(view, u);
}

void places_told(struct monitor_view *view, unsigned generation, const char *text)
{
	struct key_use *u, none = {.sessions = 0};
	struct conn *c;
	char word[16];
	unsigned id;
	size_t n;

	if (sscanf(text, "%15s %51s %u %zu", word, none.fingerprint, &id, &n) != 4)
		return;
	u = keyuse_find(view, none.fingerprint);
	u = u ? u : &none;
	if (strcmp(word, "check") == 0)
		login_check(view, u);
	else if (strcmp(word, "replace") == 0)
		login_replace(u, id);
	else if (strcmp(word, "place") == 0 && !view->retired)
		keyuse_tell(view, generation, u, "placed", id,
			    keyuse_sessions(view, u) + u->waiting <= n);
	LIST_FOREACH(c, &u->waiters, login.of_awaited)
		if (strcmp(word, "placed") == 0 && c->id == id) {
			c->login.place = n ? PLACE_FREE : PLACE_TAKEN;
			event_active(c->login.wait, EV_TIMEOUT, 0);
		}
}
