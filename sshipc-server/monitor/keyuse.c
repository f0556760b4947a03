// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor: counts sessions, channels and dials of a key over all its sessions, and
 * wakes the login that waits for one of them.  Called by login.c, status.c and conn.c; sends
 * nothing.
 *
 * max-sessions and max-channels count over all sessions of a key, each until its process has
 * exited; a login above max-sessions waits if a session is ending.  With replace-old any login
 * above max-sessions waits: each older session gets CHECK, sends a keepalive request, and sends
 * ALIVE at the peer's next byte (at once if its reading is suspended).  When all have answered, one
 * has ended, or 3 s are over, the login is decided anew by the rules then in force: if there is
 * still no free place, the oldest session that did not answer is ended, and the login waits up to
 * 1.5 s more for that end; if all are alive, the login is refused.  One login of a key waits at a
 * time; login_grace goes on meanwhile.
 */
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "conn.h"

struct key_use *keyuse_find(struct monitor_view *view, const uint8_t *digest)
{
	struct key_use *u;

	LIST_FOREACH(u, &view->uses, entry)
		if (memcmp(u->digest, digest, sizeof(u->digest)) == 0)
			return u;
	return NULL;
}

enum policy_verdict keyuse_decide(const struct conn *c, const struct allow_entry *entry,
				  const struct endpoint *endpoint, time_t now)
{
	const struct policy_request r = {.action = POLICY_LOGIN,
					 .source = c->from,
					 .now = now,
					 .user_verified = c->login.user_verified};

	return policy_decide(entry ? &entry->key : NULL, endpoint, &r);
}

void keyuse_enter(struct conn *c, const struct keyline *key)
{
	struct key_use *u = keyuse_find(c->view, key->digest);

	if (!u) {
		u = xcalloc(1, sizeof(*u));
		u->blob = xmalloc(key->blob_len);
		memcpy(u->blob, key->blob, key->blob_len);
		u->blob_len = key->blob_len;
		memcpy(u->digest, key->digest, sizeof(u->digest));
		memcpy(u->name, key->name, sizeof(u->name));
		memcpy(u->fingerprint, key->fingerprint, sizeof(u->fingerprint));
		LIST_INSERT_HEAD(&c->view->uses, u, entry);
	}
	LIST_INSERT_HEAD(&u->conns, c, of_key);
	u->sessions++;
	c->use = u;
}

static void drop_unused(struct key_use *u)
{
	if (!LIST_EMPTY(&u->conns) || u->waiter)
		return;
	LIST_REMOVE(u, entry);
	free(u->blob);
	free(u);
}

size_t keyuse_most_sessions(const struct monitor_view *view, const struct keyline *key)
{
	return key->max_sessions ? key->max_sessions : (view->max_sessions + 1) / 2;
}

size_t keyuse_lifetime(const struct monitor_view *view, const struct keyline *key)
{
	return key->max_lifetime ? key->max_lifetime : (size_t)view->settings->max_lifetime;
}

void keyuse_wake(struct monitor_view *view, const struct key_use *u)
{
	const struct allow_entry *entry = allowlist_find(view->allowlist, u->blob, u->blob_len);
	const struct conn *c;
	bool awaited = false;

	LIST_FOREACH(c, &u->conns, of_key)
		awaited |= c->state != CONN_UP || (c->check.asked && !c->check.answered);
	if (u->waiter &&
	    (!awaited || !entry || u->sessions < keyuse_most_sessions(view, &entry->key)))
		event_active(u->waiter->login.wait, EV_TIMEOUT, 0);
}

void keyuse_leave(struct conn *c)
{
	struct key_use *u = c->use;

	c->use = NULL;
	if (!u)
		return;
	LIST_REMOVE(c, of_key);
	u->sessions--;
	keyuse_wake(c->view, u);
	drop_unused(u);
}

void keyuse_wait_over(struct conn *c)
{
	struct key_use *u = c->login.awaited;

	c->login.awaited = NULL;
	if (c->state == CONN_WAITING)
		c->state = CONN_LOGIN;
	if (!u)
		return;
	u->waiter = NULL;
	drop_unused(u);
}
