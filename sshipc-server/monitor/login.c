// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by dispatch.c: PROBE, AUTHORIZE and ALIVE of a session.  Grants a
 * login only by policy.h, and only for a key whose signature was verified; sends through peer.h and
 * reads no file.
 */
#include "conn.h"

#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "loop.h"

enum {
	REPLACE_MS = 3000, /* for the older sessions of a key to answer CHECK */
	GO_MS = 1500,	   /* for a replaced session to exit; the new one waits longer than both */
};

bool login_count(struct conn *c, enum login_count which)
{
	static const struct {
		unsigned most;
		const char *what, *reason;
	} limits[LOGIN_COUNTS] = {
	    {20, "keys offered: its client must choose (ssh -o IdentitiesOnly=yes -i KEY)",
	     "too many keys offered: choose one (ssh -o IdentitiesOnly=yes -i KEY)"},
	    {SESSION_SIGNATURES, "signatures sent", "too many login attempts"},
	    {20, "certificates offered", "too many certificates offered: none is taken here"},
	};

	if (++c->login.counts[which] <= limits[which].most)
		return true;
	audit_limit(c, LIMIT_ATTEMPTS, "more than %u %s", limits[which].most, limits[which].what);
	revoke_end(c, limits[which].reason);
	return false;
}

const struct allow_entry *login_find_key(const struct conn *c, const uint8_t *blob, size_t len,
					 char fingerprint[KEYLINE_FINGERPRINT])
{
	uint8_t digest[KEYLINE_DIGEST];

	keyline_digest(blob, len, digest);
	keyline_fingerprint(digest, fingerprint);
	return allowlist_find(c->view->allowlist, blob, len);
}

enum handled login_on_probe(struct conn *c, struct message *m)
{
	const struct message_probe *probe = &m->probe;
	char fingerprint[KEYLINE_FINGERPRINT], what[256];
	const struct allow_entry *entry =
	    login_find_key(c, probe->key, probe->key_len, fingerprint);
	/* From an address in pending_from even the owner of an unlisted key is asked for a
	 * signature. */
	const bool yes = entry || pending_open(c->view->pending, &c->from, time(NULL));
	const struct message_known answer = {{MESSAGE_KNOWN, 0}, yes};
	struct log_text user;

	if (!login_count(c, LOGIN_QUERIES))
		return HANDLED;
	snprintf(what, sizeof(what), "key %s refused: %s", fingerprint,
		 policy_texts[POLICY_NO_KEY].reason);
	if (!yes)
		c->fault = ADMISSION_REFUSED;
	c->view->logins_refused[POLICY_NO_KEY] += !yes;
	if (!yes && audit_may_log(c, "login-refused", what))
		audit_log(c, LOG_NOTICE, "login-refused",
			  LOG_FIELDS({"fingerprint", fingerprint, 0},
				     {"reason", policy_texts[POLICY_NO_KEY].reason, 0}),
			  "%s (user \"%s\"); %s", what,
			  log_escape(&user, probe->user, strlen(probe->user)),
			  policy_texts[POLICY_NO_KEY].remedy);
	peer_send(&c->peer, &answer);
	return HANDLED;
}

void login_stop(struct conn *c)
{
	loop_drop(c->login.wait);
	c->login.wait = NULL;
	keyuse_wait_over(c);
}

/* One elsewhere may be: its generation says so only when it is gone. */
static bool one_is_ending(const struct monitor_view *view, const struct key_use *u)
{
	const struct conn *c;

	LIST_FOREACH(c, &u->conns, of_key)
		if (c->state != CONN_UP)
			return true;
	return keyuse_sessions(view, u) > u->sessions;
}

/* ---- login ---- */

static void grant(struct conn *c, const struct allow_entry *entry)
{
	const struct message_grant answer = {{MESSAGE_GRANT, 0},
					     (uint32_t)c->view->settings->max_channels};

	c->opens.slots =
	    xcalloc((size_t)c->view->settings->max_channels + 1, sizeof(struct channel *));
	c->state = CONN_UP;
	c->entry = entry;
	c->endpoint = entry->endpoint;
	c->user = entry->user;
	keyuse_enter(c, &entry->key);
	c->activity.login = loop_seconds();
	audit_name(c);
	event_del(c->login.grace);
	admission_leave(c->view->admission, &c->unauth);
	admission_welcome(c->view->admission, &c->from, loop_seconds());
	c->view->counts[COUNT_LOGINS]++;
	audit_log(c, LOG_INFO, "login", LOG_FIELDS({"client", c->login.client, 0}),
		  "key %s (%s) logged in for endpoint %s; %s", entry->key.name,
		  entry->key.fingerprint, entry->endpoint->name, c->login.client);
	peer_send(&c->peer, &answer);
	revoke_tell_idle(c);
	c->view->logged_in(c->view->owner, revoke_conn_change(c, time(NULL)));
}

static const char *remedy(const struct conn *c, enum policy_verdict verdict)
{
	return verdict == POLICY_USER_NOT_VERIFIED && !c->login.proof
		   ? "with this libssh no login's signature is seen (sshipc-server --version), so "
		     "verify-required cannot be granted; remove it, or use another libssh"
		   : policy_texts[verdict].remedy;
}

/* Denies the login.  The owner of a listed key is told the reason.  more: text appended to it. */
static void deny(struct conn *c, const struct allow_entry *entry, const char *fingerprint,
		 enum policy_verdict verdict, const char *more)
{
	struct message_deny answer = {.head = {MESSAGE_DENY, 0}};
	char reason[128], what[512];

	c->fault = ADMISSION_REFUSED;
	c->view->logins_refused[verdict]++;
	snprintf(c->login.refused_key, sizeof(c->login.refused_key), "%s",
		 entry ? fingerprint : "");
	snprintf(reason, sizeof(reason), "%s%s", policy_texts[verdict].reason, more);
	snprintf(what, sizeof(what), "key %s%s%s%s refused: %s", entry ? entry->key.name : "",
		 entry ? " (" : "", fingerprint, entry ? ")" : "", reason);
	if (audit_may_log(c, "login-refused", what))
		audit_log(c, LOG_NOTICE, "login-refused",
			  LOG_FIELDS({"key", entry ? entry->key.name : "", 0},
				     {"fingerprint", fingerprint, 0},
				     {"client", c->login.client, 0}, {"reason", reason, 0}),
			  "%s; %s; %s", what, c->login.client, remedy(c, verdict));
	if (entry)
		snprintf(answer.reason, sizeof(answer.reason), "%s (session %u) [sshipc:%s]",
			 reason, (unsigned)c->id, policy_texts[verdict].code);
	peer_send(&c->peer, &answer);
}

bool login_replace(struct key_use *u, uint32_t by)
{
	struct conn *other, *oldest = NULL;

	LIST_FOREACH(other, &u->conns, of_key) {
		if (other->state != CONN_UP)
			return false;
		if (other->check.asked && !other->check.answered)
			oldest = other; /* the newest is first, so the last is the oldest */
	}
	/* One that was stopped may hear of the check only now. */
	if (!oldest || loop_ms() < u->checked + REPLACE_MS / 2)
		return false;
	audit_log(oldest, LOG_NOTICE, "replaced", LOG_FIELDS({"by_session", NULL, by}),
		  "replaced by session %u: its peer is silent (replace-old)", (unsigned)by);
	revoke_end(oldest, "replaced by a new session of the same key");
	return true;
}

/* The oldest session in an older generation goes first.  Only the generation in charge replaces
 * others' sessions. */
static bool replace(struct conn *c, struct key_use *u)
{
	const unsigned oldest = elsewhere_sum(&c->view->elsewhere, u->fingerprint).generation;

	if (oldest == 0 || c->view->retired)
		return login_replace(u, c->id);
	keyuse_tell(c->view, oldest, u, "replace", c->id, 0);
	return true;
}

/* The wait is over: the whole login is decided again, since list, clock and sessions may have
 * changed.  False: it waits on, for the end of a replaced session, or for the word of the
 * generation in charge, which alone gives places. */
static bool decide_again(struct conn *c, struct key_use *u)
{
	const struct allow_entry *entry = allowlist_find(c->view->allowlist, u->blob, u->blob_len);
	const enum policy_verdict verdict =
	    keyuse_decide(c, entry, entry ? entry->endpoint : NULL, time(NULL));
	const size_t sessions = keyuse_sessions(c->view, u);
	size_t max;

	if (verdict != POLICY_GRANT) {
		deny(c, entry, u->fingerprint, verdict, "");
		return true;
	}
	max = keyuse_most_sessions(c->view, &entry->key);
	if (sessions == max && entry->key.replace_old && !c->login.replaces && replace(c, u)) {
		c->login.replaces = true;
		loop_after(c->login.wait, GO_MS);
		return false;
	}
	if (sessions < max && c->view->retired && c->login.place == PLACE_UNKNOWN) {
		keyuse_tell(c->view, 0, u, "place", c->id, max);
		loop_after(c->login.wait, GO_MS);
		return false;
	}
	if (sessions < max && c->login.place != PLACE_TAKEN)
		grant(c, entry);
	else
		deny(c, entry, u->fingerprint, POLICY_MAX_SESSIONS, ", and none has gone");
	return true;
}

static void on_waited(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	if (c->state == CONN_ENDING || decide_again(c, c->login.awaited))
		login_stop(c);
}

void login_check(const struct monitor_view *view, struct key_use *u)
{
	static const struct message_head check = {MESSAGE_CHECK, 0};
	struct conn *other;

	u->checked = loop_ms();
	LIST_FOREACH(other, &u->conns, of_key) {
		if (other->state != CONN_UP)
			continue;
		other->check.asked = true;
		other->check.answered = false;
		peer_send(&other->peer, &check);
	}
	keyuse_changed(view);
}

/* Waits so long for the key's sessions that are ending or elsewhere; with replace-old they are sent
 * CHECK.  The login is answered after that. */
static void wait_for_others(struct conn *c, struct key_use *u, unsigned ms, bool replace)
{
	c->state = CONN_WAITING;
	c->login.awaited = u;
	c->login.replaces = false;
	c->login.place = PLACE_UNKNOWN;
	LIST_INSERT_HEAD(&u->waiters, c, login.of_awaited);
	u->waiting++;
	keyuse_changed(c->view);
	c->login.wait = loop_timer(c->view->base, on_waited, c);
	loop_after(c->login.wait, ms);
	if (!replace)
		return;
	login_check(c->view, u);
	if (!c->view->retired && keyuse_sessions(c->view, u) > u->sessions)
		keyuse_tell(c->view, 0, u, "check", c->id, 0);
}

/* Remembers an unlisted key whose owner proved possession, for approval. */
static void remember(struct conn *c, const struct message_authorize *m, const char *fingerprint)
{
	const time_t now = time(NULL);

	if (pending_open(c->view->pending, &c->from, now) &&
	    pending_add(c->view->pending, m->key, m->key_len, &c->from, (const uint8_t *)m->user,
			strlen(m->user), now) &&
	    audit_may_log(c, "pending", fingerprint))
		audit_log(c, LOG_NOTICE, "pending", LOG_FIELDS({"fingerprint", fingerprint, 0}),
			  "key %s waits for approval: sshipc-server ctl approve %s --endpoint NAME "
			  "--name NAME",
			  fingerprint, fingerprint);
}

/* The verdict on the login's signature; anything but good was answered here, or is a violation.  An
 * unlisted key is checked only if it is to be remembered. */
static enum signature_verdict proved(struct conn *c, const struct allow_entry *entry,
				     const struct message_authorize *m, const char *fingerprint)
{
	enum signature_verdict verdict;

	if (!c->login.proof || (!entry && !pending_open(c->view->pending, &c->from, time(NULL))))
		return SIGNATURE_GOOD;
	verdict = signing_check(c, m);
	if (verdict == SIGNATURE_NO_TOUCH)
		deny(c, entry, fingerprint, POLICY_NOT_TOUCHED, "");
	return verdict;
}

enum handled login_on_authorize(struct conn *c, struct message *m)
{
	const struct message_authorize *login = &m->authorize;
	char fingerprint[KEYLINE_FINGERPRINT];
	const struct allow_entry *entry =
	    login_find_key(c, login->key, login->key_len, fingerprint);
	struct log_text user, version;
	enum signature_verdict proof;
	enum policy_verdict verdict;
	struct key_use *use;
	bool room;

	log_escape(&user, login->user, strlen(login->user));
	log_escape(&version, login->version, strlen(login->version));
	snprintf(c->login.client, sizeof(c->login.client), "user \"%s\", client \"%s\"", user.s,
		 version.s);
	snprintf(c->login.version, sizeof(c->login.version), "%s", version.s);
	if (!login_count(c, LOGIN_SIGNATURES))
		return HANDLED;
	proof = proved(c, entry, login, fingerprint);
	if (proof != SIGNATURE_GOOD)
		return proof == SIGNATURE_BAD ? HANDLED_UNPROVED : HANDLED;
	/* Only a verified signature shows that the security key verified its user. */
	c->login.user_verified =
	    c->login.proof && entry && (login->signature.flags & SIGNATURE_USER_VERIFIED);
	verdict = keyuse_decide(c, entry, entry ? entry->endpoint : NULL, time(NULL));
	if (!entry)
		remember(c, login, fingerprint);
	if (verdict != POLICY_GRANT) {
		deny(c, entry, fingerprint, verdict, "");
		return HANDLED;
	}
	use = keyuse_get(c->view, &entry->key);
	room = keyuse_sessions(c->view, use) + use->waiting <
	       keyuse_most_sessions(c->view, &entry->key);
	if (room && !c->view->retired)
		grant(c, entry);
	else if (room ||
		 (use->waiting == 0 && (entry->key.replace_old || one_is_ending(c->view, use))))
		wait_for_others(c, use, room ? 0 : REPLACE_MS, !room && entry->key.replace_old);
	else
		deny(c, entry, fingerprint, POLICY_MAX_SESSIONS, "");
	keyuse_drop(use);
	return HANDLED;
}

enum handled login_on_alive(struct conn *c, struct message *m)
{
	if (!c->check.asked)
		return HANDLED_WRONG;
	c->check.answered = true;
	keyuse_changed(c->view);
	keyuse_wake(c->view, c->use);
	return HANDLED;
}
