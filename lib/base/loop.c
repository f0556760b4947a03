// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in every process that has an event loop, called while it is built and by its callbacks.  Its
 * functions do not fail: if an event cannot be made the process ends, since a callback that is
 * never called would hang a peer instead.
 */
#include "loop.h"

#include <stdlib.h>

#include "alloc.h"
#include "log.h"

enum { LOG_AGAIN_MS = 500 }; /* for a log that took nothing */

struct event_base *loop_new(void)
{
	return alloc_or_abort(event_base_new());
}

static struct event *round_end; /* of the loop whose log lines are gathered */

static void on_round_end(evutil_socket_t fd, short what, void *arg)
{
	if (!log_flush())
		loop_after(round_end, LOG_AGAIN_MS);
}

/* An event that becomes active comes after all that are active already: at the end of the round. */
static void flush_later(void)
{
	event_active(round_end, EV_TIMEOUT, 0);
}

void loop_run(struct event_base *base)
{
	round_end = loop_timer(base, on_round_end, NULL);
	log_gather(flush_later);
	event_base_dispatch(base);
	log_gather(NULL);
	event_free(round_end);
}

struct event *loop_event(struct event_base *base, int fd, short what, event_callback_fn call,
			 void *arg)
{
	return alloc_or_abort(event_new(base, fd, what, call, arg));
}

struct event *loop_timer(struct event_base *base, event_callback_fn call, void *arg)
{
	return loop_event(base, -1, 0, call, arg);
}

struct event *loop_watch(struct event_base *base, int fd, short what, event_callback_fn call,
			 void *arg)
{
	struct event *e = loop_event(base, fd, what, call, arg);

	if (event_add(e, NULL) != 0)
		abort();
	return e;
}

void loop_after(struct event *e, uint64_t ms)
{
	const struct timeval wait = {.tv_sec = (time_t)(ms / 1000),
				     .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

	if (event_add(e, &wait) != 0)
		abort();
}

void loop_drop(struct event *e)
{
	if (e)
		event_free(e);
}

time_t loop_seconds(void)
{
	return (time_t)(loop_ms() / 1000);
}

uint64_t loop_ms(void)
{
	return loop_us() / 1000;
}

uint64_t loop_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

time_t loop_wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec;
}

time_t loop_suspended(void)
{
	struct timespec all, awake;

	clock_gettime(CLOCK_BOOTTIME, &all);
	clock_gettime(CLOCK_MONOTONIC, &awake);
	return all.tv_sec - awake.tv_sec - (all.tv_nsec < awake.tv_nsec);
}
