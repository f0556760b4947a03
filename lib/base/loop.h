// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_LOOP_H
#define SSHIPC_LOOP_H
/*
 * Short forms of libevent's calls and of the clocks.  If an event cannot be made or added, the
 * process ends, as it does without memory (alloc.h).
 */
#include <event2/event.h>
#include <stdint.h>
#include <time.h>

struct event_base *loop_new(void);

/* Runs the loop until it is left; the log lines of each round are written together at its end. */
void loop_run(struct event_base *base);

/* Makes an event, without adding it yet. */
struct event *loop_event(struct event_base *base, int fd, short what, event_callback_fn call,
			 void *arg);
struct event *loop_timer(struct event_base *base, event_callback_fn call, void *arg);

/* Makes and adds an event, without a timeout; EV_PERSIST in what makes it persist. */
struct event *loop_watch(struct event_base *base, int fd, short what, event_callback_fn call,
			 void *arg);

/* Adds an event, or adds it anew, with a timeout. */
void loop_after(struct event *e, uint64_t ms);

/* event_free(3); e may be NULL. */
void loop_drop(struct event *e);

/* CLOCK_MONOTONIC, which stands still while the machine is suspended. */
time_t loop_seconds(void);
uint64_t loop_ms(void);
uint64_t loop_us(void);

/* CLOCK_REALTIME.  Not time(2), which may lag behind the timers by a tick. */
time_t loop_wall(void);

/* Seconds that the machine was suspended since it booted. */
time_t loop_suspended(void);

#endif
