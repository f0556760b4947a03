// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by audit.c, accept.c and its own timer.  It decides about log lines
 * alone: a peer that causes many of them is not treated differently, and one peer's lines may not
 * use up the room of another's.
 */
#include "ratelimit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "alloc.h"
#include "log.h"
#include "loop.h"

enum {
	MINUTE_MS = 60000,
	SETS = 256, /* 8 bits of a hash */
	WAYS = 8,
	REASONS = 16, /* events of this minute; the last place is that of all others */
};

/* How often something was counted in that minute. */
struct counter {
	uint64_t id;
	unsigned minute, n;
	unsigned told; /* 1 + its place there; 0: none */
};

struct ratelimit {
	struct event *timer;
	uint64_t seed, *lost;
	unsigned minute, kinds_of[RATELIMIT_BUDGETS];
	struct counter kinds[SETS][WAYS], sources[SETS][WAYS];
	struct {
		const char *event;
		unsigned count;
		char subject[256];
	} told[RATELIMIT_TOLD];
	struct {
		const char *event;
		unsigned count, sources;
		char first[128]; /* of the sources */
	} reasons[REASONS];
	size_t n_told, n_reasons;
};

/* FNV-1a from a seed that nobody knows; the end of a text counts, too. */
static uint64_t hash(uint64_t h, const char *text)
{
	do
		h = (h ^ (uint8_t)*text) * 0x100000001b3;
	while (*text++);
	return h;
}

/* Counts it.  It has a place of its set: its own, one of an earlier minute, or that of what was
 * counted least, so that whoever causes most keeps his counts. */
static struct counter *count(struct ratelimit *r, struct counter table[SETS][WAYS], uint64_t id)
{
	struct counter *set = table[id * 0x9e3779b97f4a7c15 >> 56], *place = set;

	for (struct counter *k = set; k < set + WAYS; k++) {
		if (k->minute != r->minute)
			*k = (struct counter){.minute = r->minute};
		if (k->id == id && k->n > 0) {
			k->n++;
			return k;
		}
		if (k->n < place->n)
			place = k;
	}
	*place = (struct counter){id, r->minute, 1, 0};
	return place;
}

static void lose(struct ratelimit *r, uint64_t source, const char *who, const char *event)
{
	size_t i = 0;

	while (i < r->n_reasons && i < REASONS - 1 && strcmp(r->reasons[i].event, event) != 0)
		i++;
	if (i == r->n_reasons) {
		r->n_reasons++;
		r->reasons[i].event = event;
		r->reasons[i].count = r->reasons[i].sources = 0;
		snprintf(r->reasons[i].first, sizeof(r->reasons[i].first), "%s", who);
	}
	r->reasons[i].count++;
	r->reasons[i].sources += count(r, r->sources, hash(source, event))->n == 1;
	++*r->lost;
}

void ratelimit_end_minute(struct ratelimit *r)
{
	for (size_t i = 0; i < r->n_told; i++)
		log_event(LOG_NOTICE, "repeated",
			  LOG_FIELDS({"of", r->told[i].event, 0},
				     {"subject", r->told[i].subject, 0},
				     {"count", NULL, r->told[i].count}),
			  "repeated %u times more within a minute: %s", r->told[i].count,
			  r->told[i].subject);
	for (size_t i = 0; i < r->n_reasons; i++)
		log_event(LOG_WARNING, "limit",
			  LOG_FIELDS({"limit", "log lines", 0}, {"of", r->reasons[i].event, 0},
				     {"count", NULL, r->reasons[i].count},
				     {"sources", NULL, r->reasons[i].sources},
				     {"first", r->reasons[i].first, 0}),
			  "%u lines of %s within a minute were not written: too many from %u "
			  "source%s, first of them %s",
			  r->reasons[i].count, r->reasons[i].event, r->reasons[i].sources,
			  r->reasons[i].sources == 1 ? "" : "s", r->reasons[i].first);
	r->n_told = r->n_reasons = 0;
	memset(r->kinds_of, 0, sizeof(r->kinds_of));
	r->minute++;
	event_del(r->timer);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	ratelimit_end_minute(arg);
}

struct ratelimit *ratelimit_new(struct event_base *base, uint64_t *lost)
{
	struct ratelimit *r = xcalloc(1, sizeof(*r));

	r->timer = loop_timer(base, on_timer, r);
	r->minute = 1;
	r->lost = lost;
	if (getrandom(&r->seed, sizeof(r->seed), 0) != sizeof(r->seed))
		abort();
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

/* Another line of a kind that has had all of its own. */
static bool repeat(struct ratelimit *r, struct counter *kind, const char *event,
		   const char *subject)
{
	if (!kind->told && r->n_told < RATELIMIT_TOLD) {
		kind->told = (unsigned)++r->n_told;
		r->told[kind->told - 1].event = event;
		r->told[kind->told - 1].count = 0;
		snprintf(r->told[kind->told - 1].subject, sizeof(r->told->subject), "%s", subject);
	}
	if (kind->told)
		r->told[kind->told - 1].count++;
	return kind->told;
}

bool ratelimit_may(struct ratelimit *r, enum ratelimit_budget b, const char *who, const char *event,
		   const char *subject)
{
	static const struct {
		unsigned lines, own, total;
	} budgets[RATELIMIT_BUDGETS] = {
	    [RATELIMIT_SECURITY] = {RATELIMIT_LINES, RATELIMIT_OWN, UINT32_MAX},
	    [RATELIMIT_ARRIVAL] = {1, RATELIMIT_OWN, RATELIMIT_ARRIVALS},
	    [RATELIMIT_OF_KEYS] = {RATELIMIT_LINES, RATELIMIT_OWN, RATELIMIT_ORDINARY},
	    [RATELIMIT_OF_STRANGERS] = {RATELIMIT_LINES, RATELIMIT_OWN, RATELIMIT_ORDINARY},
	};
	const uint64_t source = hash(r->seed + b, who);
	struct counter *kind = count(r, r->kinds, hash(hash(source, event), subject));

	if (!event_pending(r->timer, EV_TIMEOUT, NULL))
		loop_after(r->timer, MINUTE_MS);
	if (kind->n == 1 && (r->kinds_of[b] >= budgets[b].total ||
			     count(r, r->sources, source)->n > budgets[b].own)) {
		kind->n = 0; /* it stays the first of its kind */
		lose(r, source, who, event);
		return false;
	}
	r->kinds_of[b] += kind->n == 1;
	if (kind->n <= budgets[b].lines)
		return true;
	if (!repeat(r, kind, event, subject))
		lose(r, source, who, event);
	return false;
}
