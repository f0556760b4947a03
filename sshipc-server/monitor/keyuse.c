// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor: counts sessions, channels and dials of a key over all its sessions, and
 * wakes the logins that wait for one of them.  Called by login.c, status.c and conn.c; sends
 * nothing to a session.
 *
 * max-sessions and max-channels count over all sessions of a key, in all generations (places.h),
 * each until its process has exited.  A login above max-sessions waits if one of the sessions is
 * ending, or may be, since it is in another generation.  With replace-old any login above
 * max-sessions waits: each older session gets CHECK, sends a keepalive request, and sends ALIVE at
 * the peer's next byte (at once if its reading is suspended).  When all have answered, one has
 * ended, or 3 s are over, the login is decided anew by the rules then in force: if there is still
 * no free place, the oldest session that did not answer is ended, and the login waits up to 1.5 s
 * more for that end; if all are alive, the login is refused.  One login of a key so waits at a
 * time; login_grace goes on meanwhile.  In a generation that retires as many wait as the key has
 * places.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "conn.h"

struct key_use *keyuse_find(const struct monitor_view *view, const char *fingerprint)
{
	struct key_use *u;

	LIST_FOREACH(u, &view->uses, entry)
		if (strcmp(u->fingerprint, fingerprint) == 0)
			return u;
	return NULL;
}

struct key_use *keyuse_get(struct monitor_view *view, const struct keyline *key)
{
	struct key_use *u = keyuse_find(view, key->fingerprint);

	if (u)
		return u;
	u = xcalloc(1, sizeof(*u));
	u->blob = xmalloc(key->blob_len);
	memcpy(u->blob, key->blob, key->blob_len);
	u->blob_len = key->blob_len;
	memcpy(u->name, key->name, sizeof(u->name));
	memcpy(u->fingerprint, key->fingerprint, sizeof(u->fingerprint));
	LIST_INSERT_HEAD(&view->uses, u, entry);
	return u;
}

void keyuse_drop(struct key_use *u)
{
	if (!LIST_EMPTY(&u->conns) || u->waiting > 0)
		return;
	LIST_REMOVE(u, entry);
	free(u->blob);
	free(u);
}

size_t keyuse_sessions(const struct monitor_view *view, const struct key_use *u)
{
	return u->sessions + elsewhere_sum(&view->elsewhere, u->fingerprint).sessions;
}

void keyuse_changed(const struct monitor_view *view)
{
	view->ops.used(view->ops.arg);
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
	struct key_use *u = keyuse_get(c->view, key);

	LIST_INSERT_HEAD(&u->conns, c, of_key);
	u->sessions++;
	c->use = u;
	keyuse_changed(c->view);
}

size_t keyuse_most_sessions(const struct monitor_view *view, const struct keyline *key)
{
	return key->max_sessions ? key->max_sessions : (view->max_sessions + 1) / 2;
}

size_t keyuse_lifetime(const struct monitor_view *view, const struct keyline *key)
{
	return key->max_lifetime ? key->max_lifetime : (size_t)view->settings->max_lifetime;
}

size_t keyuse_channels(const struct conn *c)
{
	return c->use->channels + elsewhere_sum(&c->view->elsewhere, c->use->fingerprint).channels;
}

void keyuse_add_channels(struct conn *c, int n)
{
	c->use->channels += (size_t)n;
	if (c->entry && c->entry->key.max_channels && (c->view->retired || c->view->elsewhere.n))
		keyuse_changed(c->view);
}

void keyuse_wake(const struct monitor_view *view, const struct key_use *u)
{
	const struct allow_entry *entry = allowlist_find(view->allowlist, u->blob, u->blob_len);
	const size_t sessions = keyuse_sessions(view, u);
	const struct conn *c;
	bool awaited = sessions > u->sessions;

	LIST_FOREACH(c, &u->conns, of_key)
		awaited |= c->state != CONN_UP || (c->check.asked && !c->check.answered);
	if (awaited && entry && sessions >= keyuse_most_sessions(view, &entry->key))
		return;
	LIST_FOREACH(c, &u->waiters, login.of_awaited)
		event_active(c->login.wait, EV_TIMEOUT, 0);
}

void keyuse_leave(struct conn *c)
{
	struct key_use *u = c->use;

	c->use = NULL;
	if (!u)
		return;
	LIST_REMOVE(c, of_key);
	u->sessions--;
	keyuse_changed(c->view);
	keyuse_wake(c->view, u);
	keyuse_drop(u);
}

void keyuse_wait_over(struct conn *c)
{
	struct key_use *u = c->login.awaited;

	c->login.awaited = NULL;
	if (c->state == CONN_WAITING)
		c->state = CONN_LOGIN;
	if (!u)
		return;
	LIST_REMOVE(c, login.of_awaited);
	u->waiting--;
	keyuse_changed(c->view);
	keyuse_drop(u);
}

/* ---- other generations ---- */

void keyuse_tell(const struct monitor_view *view, unsigned generation, const struct key_use *u,
		 const char *word, uint32_t id, size_t n)
{
	char text[128];

	snprintf(text, sizeof(text), "%s %s %u %zu", word, u->fingerprint, (unsigned)id, n);
	view->ops.tell(view->ops.arg, generation, text);
}
