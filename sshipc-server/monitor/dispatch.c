// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by conn.c for each message of a session: holds it to the table of
 * message.c in the state of the connection, and hands it to its handler.  Short handlers are in
 * this file.
 */
#include <string.h>

#include "conn.h"
#include "loop.h"

static enum handled on_note(struct conn *c, struct message *m)
{
	const uint32_t priority = m->note.priority;
	struct log_text text;

	if (audit_may_log(c, "note", log_escape(&text, m->note.text, strlen(m->note.text))))
		audit_log(c, priority < LOG_ERR || priority > LOG_DEBUG ? LOG_DEBUG : (int)priority,
			  "note", NULL, "session says: %s", text.s);
	return HANDLED;
}

static enum handled on_refuse(struct conn *c, struct message *m)
{
	const struct policy_request r = {.action = (enum policy_action)m->refuse.action,
					 .host = m->refuse.what,
					 .host_len = strlen(m->refuse.what)};
	enum policy_verdict verdict;
	struct log_text what;
	size_t used = strlen(c->login.methods);

	if (r.action == POLICY_GLOBAL_REQUEST && c->use) {
		verdict = policy_decide(c->entry ? &c->entry->key : NULL, c->endpoint, &r);
		opens_refuse(c, 0, &r, verdict);
		return HANDLED;
	}
	log_escape(&what, r.host, r.host_len);
	/* Not logged: every client tries "none" first, to get the list of methods. */
	if (strcmp(what.s, "none") != 0)
		c->fault = ADMISSION_REFUSED;
	if (!strstr(c->login.methods, what.s))
		snprintf(c->login.methods + used, sizeof(c->login.methods) - used, "%s%s",
			 used ? ", " : "", what.s);
	return HANDLED;
}

static enum handled on_stats(struct conn *c, struct message *m)
{
	if (m->stats.to_endpoint != c->activity.to_endpoint ||
	    m->stats.from_endpoint != c->activity.from_endpoint)
		c->activity.last = loop_seconds();
	if (m->stats.to_endpoint > c->activity.to_endpoint)
		c->view->counts[COUNT_TO] += m->stats.to_endpoint - c->activity.to_endpoint;
	if (m->stats.from_endpoint > c->activity.from_endpoint)
		c->view->counts[COUNT_FROM] += m->stats.from_endpoint - c->activity.from_endpoint;
	c->activity.to_endpoint = m->stats.to_endpoint;
	c->activity.from_endpoint = m->stats.from_endpoint;
	return HANDLED;
}

static enum handled on_limit(struct conn *c, struct message *m)
{
	if (m->limit.which > SESSION_LIMIT_HELD)
		return HANDLED_WRONG;
	if (m->limit.which == SESSION_LIMIT_CHANNELS)
		audit_limit(c, LIMIT_MAX_CHANNELS,
			    "an open was refused: it has all channels that a session may have");
	else
		audit_limit(c, LIMIT_MAX_HELD,
			    "readers are slow, and all that may be held for them is held: reading "
			    "is suspended");
	return HANDLED;
}

static enum handled (*const handlers[MESSAGE_TYPES])(struct conn *c, struct message *m) = {
    [MESSAGE_PROBE] = login_on_probe,
    [MESSAGE_SIGN] = signing_on_sign,
    [MESSAGE_AUTHORIZE] = login_on_authorize,
    [MESSAGE_ATTEMPT] = attempts_on_attempt,
    [MESSAGE_LEFT] = attempts_on_left,
    [MESSAGE_OPEN] = opens_on_open,
    [MESSAGE_CLOSED] = opens_on_closed,
    [MESSAGE_LIMIT] = on_limit,
    [MESSAGE_STATS] = on_stats,
    [MESSAGE_ALIVE] = login_on_alive,
    [MESSAGE_NOTE] = on_note,
    [MESSAGE_REFUSE] = on_refuse,
};

const char *dispatch(struct conn *c, struct message *m, bool well_formed)
{
	const uint32_t type = m->head.type;
	const bool after_end = message_allowed(type, MESSAGE_ENDING);
	enum message_state state;

	if (c->state < CONN_LOGIN)
		c->state = CONN_LOGIN; /* the spawner reports the fork later */
	/* After END only messages marked for it are processed; all others are ignored. */
	if (c->state == CONN_ENDING && !after_end)
		return NULL;
	c->unauth.begun |= well_formed && !after_end && type != MESSAGE_REFUSE;
	state = c->state == CONN_WAITING ? MESSAGE_WAITING : c->use ? MESSAGE_UP : MESSAGE_LOGIN;
	if (!well_formed || !message_allowed(type, state))
		return message_name(type);
	switch (handlers[type](c, m)) {
	case HANDLED:
		return NULL;
	case HANDLED_UNPROVED:
		return "a login without the key's signature";
	default:
		return message_name(type);
	}
}
