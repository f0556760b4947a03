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
	const void *host = v6 ? (const void *)&((const struct sockaddr_in6 *)&peer->sa)->sin6_addr
			      : (const void *)&((const struct sockaddr_in *)&peer->sa)->sin_addr;

	memset(net, 0, 17);
	net[0] = v6 ? 6 : 4;
	memcpy(net + 1, host, v6 ? 16 : 4);
	for (int i = bits; i < 128; i++)
		net[1 + i / 8] &= (uint8_t) ~(0x80 >> i % 8);
}

static struct source *find(struct admission *s, const struct address *peer)
{
	struct source wanted, **found;

	set_net(s, peer, wanted.net);
	found = tfind(&wanted, &s->tree, compare);
	return found ? *found : NULL;
}

static void drop(struct admission *s, struct source *src)
{
	TAILQ_REMOVE(&s->by_n[0], src, place);
	tdelete(src, &s->tree, compare);
	free(src);
	s->count--;
	s->remembered--;
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

/* Who is there no more is remembered while that matters, and while there is room: those from where
 * a login succeeded last, or who has many addresses would make all of them unknown. */
static void forget(struct admission *s, time_t now)
{
	struct source *first;
	size_t spared = 0;

	while (
	    (first = TAILQ_FIRST(&s->by_n[0])) &&
	    ((first->until <= now && first->known <= now) || s->remembered > ADMISSION_REMEMBERED))
		if (first->known > now && spared++ < ADMISSION_REMEMBERED)
			move(s, first, 0); /* to the end */
		else
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

/* Of its share a known source has half in spite of others' faults, or floods. */
static size_t known_most(const struct admission *s)
{
	return s->config.most > 2 * PUNISHED_MOST ? (size_t)s->config.most / 2 : PUNISHED_MOST;
}

enum admission_verdict admission_ask(struct admission *s, const struct address *peer, bool full,
				     time_t now, struct guest **instead)
{
	const struct source *src = find(s, peer), *other = NULL;
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
	/* The oldest of the one with most goes, of known ones last while they have no more than
	 * theirs. */
	for (size_t k = s->biggest; !other && k > 0; k--) {
		TAILQ_FOREACH(other, &s->by_n[k], place)
		if (other->known <= now || k > known_most(s))
			break;
	}
	if (!other && s->biggest > 0)
		other = TAILQ_FIRST(&s->by_n[s->biggest]);
	/* Two that press alike do not push each other out in turns, nor a stranger a known one. */
	if (other && (other->n > n + 1 || (n == 0 && !(src && is_punished(src, now))) ||
		      (other->known <= now && n < known_most(s) && src->known > now)))
		*instead = TAILQ_FIRST(&other->guests);
	return ADMISSION_FULL;
}

/* How many are served at a time. */
static size_t most_served(const struct admission *s, const struct source *src, time_t now)
{
	return !is_punished(src, now) ? (size_t)s->config.most
	       : src->known > now     ? known_most(s)
				      : PUNISHED_MOST;
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
	if (!*instead && other->started &&
	    now - other->started >= (other->begun ? s->config.patience : s->config.idle_patience))
		*instead = other;
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
