// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by audit.c, accept.c and its own timer.  It decides about log lines
 * alone: a peer that causes many of them is not treated differently, and one peer's lines may not
 * use up the room of another's.
 */
#include "ratelimit.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "log.h"
#include "loop.h"

enum { MINUTE_MS = 60000 };

struct repeat {
	uint64_t hash, who; /* odd: a key */
	const char *event;
	unsigned lines;
	char subject[256];
};

struct ratelimit {
	struct event *timer;
	struct repeat kinds[RATELIMIT_KINDS];
	size_t n;
	unsigned minute, others;
};

/* FNV-1a.  Lines with equal hashes are compared as texts. */
static uint64_t hash(const char *event, const char *subject)
{
	uint64_t h = 0xcbf29ce484222325;

	for (const char *p = event; *p; p++)
		h = (h ^ (uint8_t)*p) * 0x100000001b3;
	for (const char *p = subject; *p; p++)
		h = (h ^ (uint8_t)*p) * 0x100000001b3;
	return h;
}

void ratelimit_end_minute(struct ratelimit *r)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct repeat *k = &r->kinds[i];

		if (k->lines <= RATELIMIT_LINES)
			continue;
		log_event(LOG_NOTICE, "repeated",
			  LOG_FIELDS({"of", k->event, 0}, {"subject", k->subject, 0},
				     {"count", NULL, k->lines - RATELIMIT_LINES}),
			  "repeated %u times more within a minute: %s", k->lines - RATELIMIT_LINES,
			  k->subject);
	}
	if (r->others > 0)
		log_event(LOG_WARNING, "limit",
			  LOG_FIELDS({"limit", "log lines", 0}, {"count", NULL, r->others}),
			  "%u lines within a minute were not written: too many different ones",
			  r->others);
	r->n = r->others = 0;
	r->minute++;
	event_del(r->timer);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	ratelimit_end_minute(arg);
}

struct ratelimit *ratelimit_new(struct event_base *base)
{
	struct ratelimit *r = xcalloc(1, sizeof(*r));

	r->timer = loop_timer(base, on_timer, r);
	r->minute = 1;
	return r;
}

void ratelimit_free(struct ratelimit *r)
{
	if (!r)
		return;
	ratelimit_end_minute(r);
	event_free(r->timer);
	free(r);
}

struct repeat *ratelimit_find(struct ratelimit *r, const char *event, const char *subject)
{
	const uint64_t h = hash(event, subject);

	for (size_t i = 0; i < r->n; i++) {
		struct repeat *k = &r->kinds[i];

		if (k->hash == h && strcmp(k->event, event) == 0 &&
		    strncmp(k->subject, subject, sizeof(k->subject) - 1) == 0)
			return k;
	}
	return NULL;
}

bool ratelimit_again(struct repeat *k)
{
	return ++k->lines <= RATELIMIT_LINES;
}

bool ratelimit_begin(struct ratelimit *r, const char *event, const char *subject, bool key,
		     const char *who)
{
	const uint64_t id = hash("", who) << 1 | key;
	size_t share = 0, own = 0;
	struct repeat *k;

	for (size_t i = 0; i < r->n; i++) {
		share += (r->kinds[i].who & 1) == key;
		own += r->kinds[i].who == id;
	}
	if (!event_pending(r->timer, EV_TIMEOUT, NULL))
		loop_after(r->timer, MINUTE_MS);
	if (share >= RATELIMIT_KINDS / 2 || own >= RATELIMIT_OWN) {
		r->others++;
		return false;
	}
	k = &r->kinds[r->n++];
	k->hash = hash(event, subject);
	k->who = id;
	k->event = event;
	k->lines = 1;
	snprintf(k->subject, sizeof(k->subject), "%s", subject);
	return true;
}

unsigned ratelimit_minute(const struct ratelimit *r)
{
	return r->minute;
}
