// SPDX-License-Identifier: BSD-2-Clause
#include "admission.h"

#include <netinet/in.h>
#include <search.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"

enum {
	THRESHOLD = 15, /* seconds of penalty below which a source is as good as any */
	PUNISHED_MOST = 2,
};

struct source {
	uint8_t net[17]; /* family, and the address with the bits behind the prefix cleared */
	size_t n, served;
	time_t until; /* when what its faults add up to has passed */
	time_t known; /* until then, since a login succeeded */
	time_t spent_at;
	long long spent; /* ms of CPU beyond its rate, then */
	TAILQ_HEAD(, guest) guests;
	TAILQ_ENTRY(source)
	place; /* among those with as many guests; without any: the remembered */
};

TAILQ_HEAD(places, source);

struct admission {
	struct admission_config config;
	void *tree; /* of all sources by net: no peer can make its paths long */
	size_t guests, count, remembered, biggest;
	struct places *by_n; /* 0 to config.most; who came to its number first is first */
};

static int compare(const void *a, const void *b)
{
	return memcmp(((const struct source *)a)->net, ((const struct source *)b)->net,
		      sizeof(((const struct source *)a)->net));
}

static void set_net(const struct admission *s, const struct address *peer, uint8_t net[17])
{
	const bool v6 = peer->sa.ss_family == AF_INET6;
	const int bits = v6 ? s->config.prefix_v6 : s->config.prefix_v4;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	memset(net, 0, 17);
	net[0] = v6 ? 6 : 4;
	memcpy(&in, &peer->sa, sizeof(in));
	memcpy(&in6, &peer->sa, sizeof(in6));
	if (v6)
		memcpy(net + 1, &in6.sin6_addr, 16);
	else
		memcpy(net + 1, &in.sin_addr, 4);
	for (int i = bits; i < 128; i++)
		net[1 + i / 8] &= (uint8_t) ~(0x80 >> i % 8);
}

static struct source *find(struct admission *s, const struct address *peer)
{
	struct source wanted;
	void *found;

	set_net(s, peer, wanted.net);
	found = tfind(&wanted, &s->tree, compare);
	return found ? *(struct source **)found : NULL;
}

static void drop(struct admission *s, struct source *src)
{
	TAILQ_REMOVE(&s->by_n[0], src, place);
	tdelete(src, &s->tree, compare);
	free(src);
	s->count--;
	s->remembered--;
}

/* Who is there no more is remembered while that matters, and while there is room. */
static void forget(struct admission *s, time_t now)
{
	struct source *first;

	while (
	    (first = TAILQ_FIRST(&s->by_n[0])) &&
	    ((first->until <= now && first->known <= now) || s->remembered > ADMISSION_REMEMBERED))
		drop(s, first);
}

static struct source *find_or_add(struct admission *s, const struct address *peer, time_t now)
{
	struct source *src = find(s, peer);

	if (src)
		return src;
	src = xcalloc(1, sizeof(*src));
	set_net(s, peer, src->net);
	src->until = src->known = now;
	TAILQ_INIT(&src->guests);
	if (!tsearch(src, &s->tree, compare))
		abort();
	TAILQ_INSERT_TAIL(&s->by_n[0], src, place);
	s->count++;
	s->remembered++;
	return src;
}

/* It has n guests from now on: at most config.most, since admission_ask was asked. */
static void move(struct admission *s, struct source *src, size_t n)
{
	if (n > (size_t)s->config.most)
		abort();
	TAILQ_REMOVE(&s->by_n[src->n], src, place);
	TAILQ_INSERT_TAIL(&s->by_n[n], src, place);
	s->remembered += n == 0;
	s->remembered -= src->n == 0;
	src->n = n;
	if (n > s->biggest)
		s->biggest = n;
	while (s->biggest > 0 && TAILQ_EMPTY(&s->by_n[s->biggest]))
		s->biggest--;
}

struct admission *admission_new(const struct admission_config *config)
{
	struct admission *s = xcalloc(1, sizeof(*s));

	s->by_n = xcalloc((size_t)config->most + 1, sizeof(*s->by_n));
	s->config = *config;
	for (int i = 0; i <= config->most; i++)
		TAILQ_INIT(&s->by_n[i]);
	return s;
}

void admission_free(struct admission *s)
{
	struct source *src;

	if (!s)
		return;
	while ((src = TAILQ_FIRST(&s->by_n[0])))
		drop(s, src);
	free(s->by_n);
	free(s);
}

static long long spent(const struct source *src, time_t now)
{
	const long long left = src->spent - (long long)(now - src->spent_at) * ADMISSION_CPU_RATE;

	return left > 0 ? left : 0;
}

static bool is_punished(const struct source *src, time_t now)
{
	return src->until - now >= THRESHOLD;
}

enum admission_verdict admission_ask(struct admission *s, const struct address *peer, bool full,
				     time_t now, struct guest **instead)
{
	const struct source *src = find(s, peer);
	const size_t n = src ? src->n : 0;
	struct guest *oldest = src ? TAILQ_FIRST(&src->guests) : NULL;

	*instead = NULL;
	if (n >= (size_t)s->config.most) {
		/* Who shares the address of one that holds all its places gets in, too. */
		if (oldest->started && now - oldest->started >= s->config.patience)
			*instead = oldest;
		return ADMISSION_TOO_MANY;
	}
	if (!full)
		return ADMISSION_FREE;
	/* Two that press alike do not push each other out in turns. */
	if (s->biggest > n + 1 || (s->biggest > 0 && n == 0 && !(src && is_punished(src, now))))
		*instead = TAILQ_FIRST(&TAILQ_FIRST(&s->by_n[s->biggest])->guests);
	return ADMISSION_FULL;
}

/* How many are served at a time. */
static size_t most_served(const struct admission *s, const struct source *src, time_t now)
{
	const size_t all = (size_t)s->config.most;
	size_t most = src->known > now ? all / 2 : PUNISHED_MOST;

	if (most < PUNISHED_MOST)
		most = PUNISHED_MOST;
	return is_punished(src, now) && most < all ? most : all;
}

bool admission_start(struct admission *s, struct guest *g, time_t now, struct guest **instead)
{
	struct source *src = g->source;
	struct guest *other;

	*instead = NULL;
	if (!src || g->started)
		return true;
	if (spent(src, now) > ADMISSION_CPU_AHEAD)
		return false;
	if (src->served < most_served(s, src, now)) {
		g->started = now;
		src->served++;
		return true;
	}
	TAILQ_FOREACH(other, &src->guests, of_source)
	{
		if (!other->started ||
		    now - other->started <
			(other->begun ? s->config.patience : s->config.idle_patience))
			continue;
		*instead = other;
		break;
	}
	return false;
}

void admission_enter(struct admission *s, struct guest *g, const struct address *peer, time_t now)
{
	struct source *src = find_or_add(s, peer, now);

	g->source = src;
	g->started = 0;
	TAILQ_INSERT_TAIL(&src->guests, g, of_source);
	move(s, src, src->n + 1);
	s->guests++;
}

void admission_leave(struct admission *s, struct guest *g, time_t now)
{
	struct source *src = g->source;

	if (!src)
		return;
	g->source = NULL;
	src->served -= g->started != 0;
	TAILQ_REMOVE(&src->guests, g, of_source);
	s->guests--;
	move(s, src, src->n - 1);
	forget(s, now);
}

static bool is_exempt(const struct admission *s, const struct address *peer)
{
	return s->config.max_penalty == 0 ||
	       (s->config.unpunished && cidr_matches(s->config.unpunished, peer));
}

void admission_punish(struct admission *s, const struct address *peer, int seconds, time_t now)
{
	struct source *src;

	if (is_exempt(s, peer) || seconds <= 0)
		return;
	src = find_or_add(s, peer, now);
	src->until = (src->until > now ? src->until : now) + seconds;
	if (src->until > now + s->config.max_penalty)
		src->until = now + s->config.max_penalty;
	forget(s, now);
}

void admission_welcome(struct admission *s, const struct address *peer, time_t now)
{
	if (is_exempt(s, peer))
		return;
	find_or_add(s, peer, now)->known = now + ADMISSION_KNOWN;
	forget(s, now);
}

void admission_spend(struct admission *s, const struct address *peer, unsigned ms, time_t now)
{
	struct source *src;

	if (is_exempt(s, peer) || ms == 0)
		return;
	src = find_or_add(s, peer, now);
	src->spent = spent(src, now) + ms;
	src->spent_at = now;
	/* Remembered for as long as that matters, if not for its faults. */
	if (src->until < now + src->spent / ADMISSION_CPU_RATE)
		src->until = now + src->spent / ADMISSION_CPU_RATE;
	forget(s, now);
}

size_t admission_guests(const struct admission *s)
{
	return s->guests;
}

size_t admission_count(const struct admission *s)
{
	return s->count;
}
