// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the session process, called for the monitor's IDLE and by a timer of its own: ends a
 * channel, or the session, that has carried no byte for too long.  Bytes are compared ten times
 * within that time, and at most once a second, so no packet costs anything for it.  The end is an
 * abort, since nobody has said that this was all.
 */
#include <stdio.h>

#include "loop.h"
#include "session_internal.h"

/* Whether nothing was carried for so many seconds; none since a look before that. */
static bool is_idle(uint64_t *carried, uint64_t *since, const struct relay_stats *now,
		    uint32_t seconds)
{
	const uint64_t sum = now->to_socket + now->from_socket;

	if (*since == 0 || sum != *carried) {
		*carried = sum;
		*since = loop_ms();
	}
	return seconds > 0 && loop_ms() - *since >= (uint64_t)seconds * 1000;
}

static uint64_t pause_ms(const struct session *s)
{
	const uint32_t a = s->idle.session, b = s->idle.channel;
	const uint32_t least = a == 0 || (b != 0 && b < a) ? b : a;

	return least > 10 ? (uint64_t)least * 100 : 1000;
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;

	for (uint32_t i = 0; s->idle.channel > 0 && i < s->max; i++) {
		struct chan *c = s->slots[i];

		if (!c || !c->relay || c->idle ||
		    !is_idle(&c->carried, &c->since, relay_carried(c->relay), s->idle.channel))
			continue;
		c->idle = true;
		relay_abort(c->relay);
	}
	if (is_idle(&s->idle.carried, &s->idle.since, relays_total(s->relays), s->idle.session)) {
		snprintf(s->idle.why, sizeof(s->idle.why), "no byte for %u s (idle-timeout)",
			 s->idle.session);
		sshloop_fail(s->loop, s->idle.why);
		return;
	}
	loop_after(s->idle.look, pause_ms(s));
}

void session_limit_idle(struct session *s, const struct message_idle *m)
{
	if (!s->idle.look)
		s->idle.look = loop_timer(s->base, on_look, s);
	/* Nobody has looked so far.  That of channels is the endpoint's, which stays. */
	if (!event_pending(s->idle.look, EV_TIMEOUT, NULL))
		s->idle.since = 0;
	s->idle.session = m->session;
	s->idle.channel = m->channel;
	if (m->session > 0 || m->channel > 0)
		loop_after(s->idle.look, pause_ms(s));
	else
		event_del(s->idle.look);
}
