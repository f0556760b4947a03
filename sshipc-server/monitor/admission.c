// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by accept.c, conn.c and login.c.  All sources are in one fixed array
 * that is searched from end to end, a few times for each connection that is not logged in.  Its
 * size bounds the cost: 4096 places, or twice max_unauthenticated, of which only those that were
 * ever used are searched.  The number of logged-in sessions does not matter here.  This file closes
 * no connection itself.
 */
#include "admission.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"

enum {
	THRESHOLD = 15, /* seconds of penalty that a source may have without effect */
	PUNISHED_MOST = 2,
};

/* An IPv6 address, or an IPv4 one as IPv6 maps it, with the bits behind the prefix cleared. */
struct network {
	uint8_t raw[16];
};

/* A source without connections and penalty that is not known is a free place of the array. */
struct source {
	struct network net;
	size_t n, served;
	uint64_t since; /* serial number of the last change of n: the lower, the older */
	time_t until;	/* when its penalties have expired */
	time_t known;	/* the source is known (a login succeeded) until then */
	time_t spent_at;
	long long spent; /* ms of CPU beyond its rate, at spent_at */
	TAILQ_HEAD(, unauth) unauth;
};

struct admission {
	struct admission_config config;
	struct source *sources;
	size_t places, used; /* places from index used on have never been used */
	size_t unauth;
	uint64_t changes;
};

static struct network network_of(const struct admission *s, const struct address *peer)
{
	const bool v6 = peer->sa.ss_family == AF_INET6;
	struct network net = {{[10] = 0xff, [11] = 0xff}};

	if (v6)
		memcpy(net.raw, &((const struct sockaddr_in6 *)&peer->sa)->sin6_addr, 16);
	else
		memcpy(net.raw + 12, &((const struct sockaddr_in *)&peer->sa)->sin_addr, 4);
	for (int i = v6 ? s->config.prefix_v6 : 96 + s->config.prefix_v4; i < 128; i++)
		net.raw[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	return net;
}

const char *admission_name(const struct admission *s, const struct address *peer, char *buf,
			   size_t size)
{
	const bool v6 = peer->sa.ss_family == AF_INET6;
	const struct network net = network_of(s, peer);

	return inet_ntop(v6 ? AF_INET6 : AF_INET, net.raw + (v6 ? 0 : 12), buf, (socklen_t)size);
}

static struct source *find(const struct admission *s, const struct network *net)
{
	for (struct source *src = s->sources; src < s->sources + s->used; src++)
		if (memcmp(&src->net, net, sizeof(*net)) == 0)
			return src;
	return NULL;
}

static bool is_free(const struct source *src, time_t now)
{
	return src->n == 0 && src->until <= now && src->known <= now;
}

/* The place for a new source: a free one, or that of the source longest without connections.  Known
 * sources are replaced last, or a peer with many addresses could push them all out. */
static struct source *find_place(struct admission *s, time_t now)
{
	struct source *found = NULL;

	for (struct source *src = s->sources; src < s->sources + s->used; src++) {
		if (is_free(src, now))
			return src;
		if (src->n == 0 &&
		    (!found || (src->known > now) < (found->known > now) ||
		     ((src->known > now) == (found->known > now) && src->since < found->since)))
			found = src;
	}
	if (s->used < s->places)
		return &s->sources[s->used++];
	if (!found)
		abort(); /* there are more places than connections */
	return found;
}

static struct source *find_or_add(struct admission *s, const struct address *peer, time_t now)
{
	const struct network net = network_of(s, peer);
	struct source *src = find(s, &net);

	if (src)
		return src;
	src = find_place(s, now);
	*src = (struct source){.net = net, .since = s->changes++, .until = now, .known = now};
	TAILQ_INIT(&src->unauth);
	return src;
}

struct admission *admission_new(const struct admission_config *config)
{
	struct admission *s = xcalloc(1, sizeof(*s));
	const size_t twice = 2 * (size_t)config->room;

	s->config = *config;
	s->places = twice > ADMISSION_REMEMBERED ? twice : ADMISSION_REMEMBERED;
	s->sources = xcalloc(s->places, sizeof(*s->sources));
	return s;
}

void admission_free(struct admission *s)
{
	if (s)
		free(s->sources);
	free(s);
}

static long long spent(const struct source *src, time_t now)
{
	const long long rest = src->spent - (long long)(now - src->spent_at) * ADMISSION_CPU_RATE;

	return rest > 0 ? rest : 0;
}

static bool is_punished(const struct source *src, time_t now)
{
	return src->until - now >= THRESHOLD;
}

/* Half of a known source's share is reserved, whatever other clients at its address do. */
static size_t known_most(const struct admission *s)
{
	return s->config.most > 2 * PUNISHED_MOST ? (size_t)s->config.most / 2 : PUNISHED_MOST;
}

/* The source that is evicted from when all places are in use: the first of the largest; a known one
 * that has no more than its half only if there is no other. */
static const struct source *find_biggest(const struct admission *s, time_t now)
{
	const struct source *found = NULL;
	bool found_spared = false;

	for (const struct source *src = s->sources; src < s->sources + s->used; src++) {
		const bool spared = src->known > now && src->n <= known_most(s);

		if (src->n == 0 || (found && spared > found_spared))
			continue;
		if (!found || spared < found_spared || src->n > found->n ||
		    (src->n == found->n && src->since < found->since)) {
			found = src;
			found_spared = spared;
		}
	}
	return found;
}

enum admission_verdict admission_ask(struct admission *s, const struct address *peer, bool full,
				     time_t now, struct unauth **instead)
{
	const struct network net = network_of(s, peer);
	const struct source *src = find(s, &net), *other;
	const size_t n = src ? src->n : 0;
	struct unauth *oldest = src ? TAILQ_FIRST(&src->unauth) : NULL;

	*instead = NULL;
	if (n >= (size_t)s->config.most) {
		/* A source that has its whole share evicts its own oldest for the newcomer, so that
		 * other clients behind the same address get in, too. */
		if (oldest->started && now - oldest->started >= s->config.patience)
			*instead = oldest;
		return ADMISSION_TOO_MANY;
	}
	if (!full)
		return ADMISSION_FREE;
	other = find_biggest(s, now);
	/* Evict only from a source with at least two more, so that two equal floods do not evict
	 * each other for ever; or for a newcomer that has none and no penalty; or an unknown
	 * source's for a known one. */
	if (other && (other->n > n + 1 || (n == 0 && !(src && is_punished(src, now))) ||
		      (other->known <= now && n < known_most(s) && src->known > now)))
		*instead = TAILQ_FIRST(&other->unauth);
	return ADMISSION_FULL;
}

/* The most connections of a source that are served at a time. */
static size_t most_served(const struct admission *s, const struct source *src, time_t now)
{
	return !is_punished(src, now) ? (size_t)s->config.most
	       : src->known > now     ? known_most(s)
				      : PUNISHED_MOST;
}

bool admission_start(struct admission *s, struct unauth *u, time_t now, struct unauth **instead)
{
	struct source *src = u->source;
	struct unauth *other;

	*instead = NULL;
	if (!src || u->started)
		return true;
	if (spent(src, now) > ADMISSION_CPU_AHEAD)
		return false;
	if (src->served < most_served(s, src, now)) {
		u->started = now;
		src->served++;
		return true;
	}
	TAILQ_FOREACH(other, &src->unauth, of_source)
		if (!*instead && other->started &&
		    now - other->started >=
			(other->begun ? s->config.patience : s->config.idle_patience))
			*instead = other;
	return false;
}

void admission_enter(struct admission *s, struct unauth *u, const struct address *peer, time_t now)
{
	struct source *src = find_or_add(s, peer, now);

	u->source = src;
	u->started = 0;
	TAILQ_INSERT_TAIL(&src->unauth, u, of_source);
	src->n++;
	src->since = s->changes++;
	s->unauth++;
}

void admission_leave(struct admission *s, struct unauth *u)
{
	struct source *src = u->source;

	if (!src)
		return;
	u->source = NULL;
	src->served -= u->started != 0;
	TAILQ_REMOVE(&src->unauth, u, of_source);
	src->n--;
	src->since = s->changes++;
	s->unauth--;
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
}

void admission_welcome(struct admission *s, const struct address *peer, time_t now)
{
	find_or_add(s, peer, now)->known = now + ADMISSION_KNOWN;
}

void admission_spend(struct admission *s, const struct address *peer, unsigned ms, time_t now)
{
	struct source *src;

	if (is_exempt(s, peer) || ms == 0)
		return;
	src = find_or_add(s, peer, now);
	src->spent = spent(src, now) + ms;
	src->spent_at = now;
	/* Keep the source until its CPU excess is made up for, even without a penalty. */
	if (src->until < now + src->spent / ADMISSION_CPU_RATE)
		src->until = now + src->spent / ADMISSION_CPU_RATE;
}

size_t admission_unauth(const struct admission *s)
{
	return s->unauth;
}

size_t admission_count(const struct admission *s, time_t now)
{
	size_t n = 0;

	for (size_t i = 0; i < s->used; i++)
		n += !is_free(&s->sources[i], now);
	return n;
}
