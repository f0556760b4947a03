// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the process of the tunnel, called by the link alone: the time from one attempt to the
 * next. It starts no attempt; whether one makes sense is the link's decision.
 */
#include "backoff.h"

#include <stdlib.h>
#include <sys/random.h>

#include "alloc.h"
#include "loop.h"

enum {
	FIRST_MS = 500,	  /* the first pause; doubles up to the longest */
	WANTED_MS = 1000, /* from one attempt to the next, while a local connection waits */
};

struct backoff {
	struct event *retry;
	unsigned most_ms, failures;
	bool denied;
	uint64_t begun, due; /* the last attempt, the next one */
	void (*attempt)(void *arg);
	void *arg;
};

static void retry_after(struct backoff *b, uint64_t ms)
{
	b->due = loop_ms() + ms;
	loop_after(b->retry, ms);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct backoff *b = arg;

	b->attempt(b->arg);
}

struct backoff *backoff_new(struct event_base *base, int most_s, void (*attempt)(void *arg),
			    void *arg)
{
	struct backoff *b = xcalloc(1, sizeof(*b));

	*b = (struct backoff){.most_ms = (unsigned)most_s * 1000, .attempt = attempt, .arg = arg};
	b->retry = loop_timer(base, on_retry, b);
	retry_after(b, 0);
	return b;
}

void backoff_free(struct backoff *b)
{
	event_free(b->retry);
	free(b);
}

void backoff_begin(struct backoff *b)
{
	b->begun = loop_ms();
}

uint64_t backoff_age(const struct backoff *b)
{
	return loop_ms() - b->begun;
}

unsigned backoff_pause(struct backoff *b, bool wanted, bool denied)
{
	const unsigned most = wanted && !denied && b->most_ms > WANTED_MS ? WANTED_MS : b->most_ms;
	unsigned pause = FIRST_MS, random = 0;

	for (unsigned i = 0; i < b->failures && pause < most; i++)
		pause *= 2;
	if (pause > most)
		pause = most;
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		abort();
	pause = pause / 2 + random % (pause / 2 + 1);
	b->failures++;
	b->denied = denied;
	retry_after(b, pause);
	return pause;
}

void backoff_skip(struct backoff *b)
{
	retry_after(b, 0);
}

void backoff_wake(struct backoff *b)
{
	const uint64_t now = loop_ms(), soonest = b->begun + WANTED_MS;

	if (event_pending(b->retry, EV_TIMEOUT, NULL) && !b->denied && soonest < b->due)
		retry_after(b, soonest > now ? soonest - now : 0);
}

void backoff_forget(struct backoff *b)
{
	b->failures = 0;
}

bool backoff_stop(struct backoff *b)
{
	const bool waiting = event_pending(b->retry, EV_TIMEOUT, NULL);

	event_del(b->retry);
	return waiting;
}
