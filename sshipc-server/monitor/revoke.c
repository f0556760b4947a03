// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor: ends sessions.  monitor.c has all sessions decided on anew when the list or
 * the clock has changed, and ends all when the server stops; login.c, conn.c and answers.c end one.
 *
 * Judging: each session that is logged in is asked what a login is asked: policy_decide() with the
 * line that its key has now, its address, and the time.  A session ends whose key is off the list,
 * whose line refuses it, or has another endpoint or connect-as; the log has the reason, the peer
 * gets it with its DISCONNECT, and dials under way are cancelled.  All others keep their channels,
 * with the new line's conditions and limits; sessions above a lowered max-sessions stay.
 */
#include "conn.h"

#include <stdio.h>
#include <string.h>

#include "loop.h"

enum { WARN_SECONDS = 300 }; /* before a session ends by the clock */

void revoke_end(struct conn *c, const char *reason)
{
	if (c->state >= CONN_ENDING)
		return;
	c->state = CONN_ENDING;
	c->ended = true;
	event_del(c->login.grace);
	opens_stop(c);
	peer_end(&c->peer, reason);
}

void revoke_dismiss(struct conn *c, unsigned uid)
{
	static const char reason[] = "ended by the administrator";

	audit_log(c, LOG_NOTICE, "killed", LOG_FIELDS({"uid", NULL, uid}),
		  "told to end: %s (uid %u; key %s)", reason, uid, c->use->fingerprint);
	revoke_end(c, reason);
}

void revoke_tell_idle(struct conn *c)
{
	const struct message_idle m = {
	    {MESSAGE_IDLE, 0}, c->entry->key.idle_timeout, (uint32_t)c->endpoint->idle_timeout};

	if (m.session == c->idle.session && m.channel == c->idle.channel)
		return;
	c->idle.session = m.session;
	c->idle.channel = m.channel;
	peer_send(&c->peer, &m);
}

/* The monotonic second at which its time is over; 0: never. */
static time_t end_of_life(const struct conn *c)
{
	const size_t most =
	    c->state == CONN_UP && c->entry ? keyuse_lifetime(c->view, &c->entry->key) : 0;

	return most ? c->activity.login + (time_t)most : 0;
}

static bool revoke_if_refused(struct conn *c, time_t now)
{
	const char *reason = NULL, *event = "revoked";
	enum policy_verdict verdict;

	if (!c->use)
		return false;
	c->entry = allowlist_find(c->view->allowlist, c->use->blob, c->use->blob_len);
	if (c->entry) {
		snprintf(c->use->name, sizeof(c->use->name), "%s", c->entry->key.name);
		audit_name(c);
	}
	if (c->state != CONN_UP)
		return false;
	verdict = keyuse_decide(c, c->entry, c->endpoint, now);
	if (verdict != POLICY_GRANT)
		reason = verdict == POLICY_NO_KEY ? "the key was taken off the allow list"
						  : policy_texts[verdict].reason;
	else if (c->entry->endpoint != c->endpoint || c->entry->user != c->user)
		reason = "the key's endpoint or connect-as was changed";
	if (!reason && end_of_life(c) && loop_seconds() >= end_of_life(c)) {
		reason = "the session has lasted as long as it may (max-lifetime)";
		event = "lifetime";
	}
	if (!reason)
		return false;
	audit_log(c, LOG_NOTICE, event, LOG_FIELDS({"reason", reason, 0}),
		  "told to end: %s (key %s)", reason, c->use->fingerprint);
	snprintf(c->revoke.reason, sizeof(c->revoke.reason), "%s", reason);
	revoke_end(c, reason);
	return true;
}

/* The earlier of two times that are not 0. */
static time_t earlier(time_t a, time_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

time_t revoke_conn_change(struct conn *c, time_t now)
{
	const time_t over = end_of_life(c);
	const time_t life = over ? now + over - loop_seconds() : 0;
	const time_t next =
	    c->state == CONN_UP && c->entry ? policy_next_change(&c->entry->key, now) : 0;

	if (next == 0 || next > now + WARN_SECONDS)
		return earlier(next == 0 ? 0 : next - WARN_SECONDS, life);
	if (c->revoke.warned_for != next) {
		c->revoke.warned_for = next;
		audit_log(c, LOG_WARNING, "expiry-soon",
			  LOG_FIELDS({"seconds", NULL, (uint64_t)(next - now)}),
			  "ends in %lld s by expiry-time or valid (key %s)",
			  (long long)(next - now), c->use->fingerprint);
	}
	return earlier(next, life);
}

/* Adds a closed session to the summary: the first few have name and reason. */
static void name_closed(const struct conn *c, size_t n, char *names, size_t size)
{
	const size_t used = strlen(names);

	if (n <= 8)
		snprintf(names + used, size - used, "%s%s (%s)", n > 1 ? ", " : "", c->use->name,
			 c->revoke.reason);
	else if (n == 9)
		snprintf(names + used, size - used, ", ...");
}

void revoke_refused(void *arg, const struct allowlist *list, const char *event, char *summary,
		    size_t size)
{
	struct monitor_view *view = arg;
	const time_t now = loop_wall();
	size_t closed = 0, kept = 0;
	char names[768] = "", absent[128] = "";
	struct conn *c;

	view->allowlist = list;
	pending_prune(view->pending, list);
	LIST_FOREACH(c, &view->conns, of_view) {
		if (revoke_if_refused(c, now)) {
			name_closed(c, ++closed, names, sizeof(names));
		} else if (c->state == CONN_UP) {
			revoke_tell_idle(c);
			kept++;
		}
	}
	if (allowlist_absent(list) > 0)
		snprintf(absent, sizeof(absent),
			 " (%zu granted nothing: this server does not have their endpoints)",
			 allowlist_absent(list));
	snprintf(summary, size, "%zu key%s%s; %zu session%s closed%s%s; %zu left untouched",
		 allowlist_count(list), allowlist_count(list) == 1 ? "" : "s", absent, closed,
		 closed == 1 ? "" : "s", closed ? ": " : "", names, kept);
	if (closed > 0 || strcmp(event, "reload") == 0)
		log_event(LOG_NOTICE, event,
			  LOG_FIELDS({"keys", NULL, allowlist_count(list)},
				     {"closed", NULL, closed}, {"kept", NULL, kept}),
			  "%s: %s", event, summary);
}

time_t revoke_next_change(void *arg, time_t now)
{
	const struct monitor_view *view = arg;
	time_t first = 0;
	struct conn *c;

	LIST_FOREACH(c, &view->conns, of_view)
		first = earlier(first, revoke_conn_change(c, now));
	return first;
}
