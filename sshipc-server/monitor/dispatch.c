// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by conn.c for each message of a session: which may be said in which
 * state, and who hears it.  What needs no file of its own is heard here.
 */
#include <string.h>

#include "conn.h"
#include "loop.h"

static enum heard on_note(struct conn *c, struct wire *w)
{
	const uint32_t priority = wire_get_u32(w);
	struct log_text text;
	size_t n;
	const void *p = wire_get_bytes(w, &n, 512);

	if (!wire_done(w))
		return HEARD_WRONG;
	if (audit_may_log(c, "note", log_escape(&text, p, n)))
		audit_log(c, priority < LOG_ERR || priority > LOG_DEBUG ? LOG_DEBUG : (int)priority,
			  "note", NULL, "session says: %s", text.s);
	return HEARD;
}

static enum heard on_refuse(struct conn *c, struct wire *w)
{
	struct policy_request r = {.action = (enum policy_action)wire_get_u32(w)};
	enum policy_verdict verdict;
	struct log_text what;
	size_t used = strlen(c->methods);

	r.host = wire_get_bytes(w, &r.host_len, 63);
	if (!wire_done(w))
		return HEARD_WRONG;
	if (r.action == POLICY_GLOBAL_REQUEST && c->use) {
		verdict = policy_decide(c->entry ? &c->entry->key : NULL, c->endpoint, &r);
		opens_refuse(c, w, 0, &r, verdict);
		return HEARD;
	}
	log_escape(&what, r.host, r.host_len);
	/* Every client asks for "none" first, to hear which methods there are. */
	if (strcmp(what.s, "none") != 0)
		c->fault = ADMISSION_REFUSED;
	if (!strstr(c->methods, what.s))
		snprintf(c->methods + used, sizeof(c->methods) - used, "%s%s", used ? ", " : "",
			 what.s);
	return HEARD;
}

static enum heard on_stats(struct conn *c, struct wire *w)
{
	const uint64_t to = wire_get_u64(w), from = wire_get_u64(w);

	if (!wire_done(w))
		return HEARD_WRONG;
	if (to != c->to_endpoint || from != c->from_endpoint)
		c->active = loop_seconds();
	c->to_endpoint = to;
	c->from_endpoint = from;
	return HEARD;
}

static enum heard on_limit(struct conn *c, struct wire *w)
{
	const uint32_t which = wire_get_u32(w);

	if (!wire_done(w) || which > SESSION_LIMIT_HELD)
		return HEARD_WRONG;
	if (which == SESSION_LIMIT_CHANNELS)
		audit_limit(c, LIMIT_MAX_CHANNELS, "it has as many channels as it may");
	else
		audit_limit(c, LIMIT_MAX_HELD,
			    "slow readers hold as many bytes as it may: it waits for them");
	return HEARD;
}

/* DESIGN.md, section 3.  What it was told to end asks for, it does not get. */
enum {
	LOGIN = 1 << CONN_LOGIN,
	WAITING = 1 << CONN_WAITING,
	UP = 1 << CONN_UP,
	ENDING = 1 << CONN_ENDING,
	ALWAYS = LOGIN | WAITING | UP,
};

static const struct {
	const char *name;
	enum heard (*heard)(struct conn *c, struct wire *w);
	int when; /* states */
} messages[] = {
    [WIRE_PROBE] = {"PROBE", login_on_probe, LOGIN},
    [WIRE_AUTHORIZE] = {"AUTHORIZE", login_on_authorize, LOGIN},
    [WIRE_OPEN] = {"OPEN", opens_on_open, UP},
    [WIRE_CLOSED] = {"CLOSED", opens_on_closed, UP | ENDING},
    [WIRE_NOTE] = {"NOTE", on_note, ALWAYS | ENDING},
    [WIRE_REFUSE] = {"REFUSE", on_refuse, ALWAYS},
    [WIRE_ALIVE] = {"ALIVE", login_on_alive, UP},
    [WIRE_LIMIT] = {"LIMIT", on_limit, UP},
    [WIRE_STATS] = {"STATS", on_stats, UP | ENDING},
    [WIRE_ATTEMPT] = {"ATTEMPT", attempts_on_attempt, LOGIN},
    [WIRE_LEFT] = {"LEFT", attempts_on_left, LOGIN | WAITING | ENDING},
    [WIRE_SIGN] = {"SIGN", signing_on_sign, ALWAYS},
};

const char *dispatch(struct conn *c, struct wire *w)
{
	const unsigned type = wire_type(w);
	const bool known = type < sizeof(messages) / sizeof(*messages) && messages[type].heard;
	const int when = known ? messages[type].when : 0;

	if (c->state < CONN_LOGIN)
		c->state = CONN_LOGIN; /* the spawner says that it forked when it gets to it */
	if (c->state == CONN_ENDING && !(when & ENDING))
		return NULL;
	c->unauth.begun |= known && !(when & ENDING) && type != WIRE_REFUSE;
	if (!known)
		return "unknown message";
	if (!(when & (c->state != CONN_ENDING ? 1 << c->state : c->use ? UP : LOGIN)))
		return messages[type].name;
	switch (messages[type].heard(c, w)) {
	case HEARD:
		return NULL;
	case HEARD_UNPROVED:
		return "a login without the key's signature";
	default:
		return messages[type].name;
	}
}
