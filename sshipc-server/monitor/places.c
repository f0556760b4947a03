// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by monitor.c: what another generation says about a key, since
 * max-sessions and replace-old hold over all generations.  It grants nothing: login.c does.
 *
 * Each generation knows what keys have open in the others (elsewhere.h).  The one in charge decides
 * by that, as within one generation, and what it says is "check" (login_check) to all older ones,
 * and "replace" (login_replace) to the one that has the oldest silent session.  A login that is
 * still under way in a generation when that retires counts there as a session, and is granted when
 * the one in charge has answered "place": it alone gives places, so no two logins get the same one.
 */
#include <stdio.h>
#include <string.h>

#include "conn.h"

void places_told(struct monitor_view *view, unsigned generation, const char *text)
{
	char word[16], fingerprint[KEYLINE_FINGERPRINT];
	struct key_use *u, none = {.sessions = 0};
	unsigned id;
	size_t n;

	if (sscanf(text, "%15s %51s %u %zu", word, fingerprint, &id, &n) != 4)
		return;
	u = keyuse_find(view, fingerprint);
	if (!u) {
		u = &none;
		snprintf(none.fingerprint, sizeof(none.fingerprint), "%s", fingerprint);
	}
	if (strcmp(word, "check") == 0)
		login_check(view, u);
	else if (strcmp(word, "replace") == 0)
		login_replace(u, id);
	else if (strcmp(word, "place") == 0 && !view->retired)
		keyuse_tell(view, generation, u, "placed", id,
			    keyuse_sessions(view, u) + !!u->waiter <= n);
	else if (strcmp(word, "placed") == 0 && u->waiter && u->waiter->id == id)
		login_on_place(u->waiter, n != 0);
}
