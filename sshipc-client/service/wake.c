// SPDX-License-Identifier: BSD-2-Clause
#include "wake.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "alloc.h"
#include "loop.h"

enum { FAR_SECONDS = 365 * 86400 }; /* it never fires but by being cancelled */

struct wake {
	struct event *cancelled;
	long asleep; /* seconds since boot */
	void (*slept)(void *arg, long seconds);
	void *arg;
};

/* CLOCK_MONOTONIC stands still meanwhile. */
static long asleep(void)
{
	struct timespec all, awake;

	clock_gettime(CLOCK_BOOTTIME, &all);
	clock_gettime(CLOCK_MONOTONIC, &awake);
	return all.tv_sec - awake.tv_sec - (all.tv_nsec < awake.tv_nsec);
}

/* The kernel cancels it when the clock is set, as it is at each resume. */
static int arm(int fd)
{
	const struct itimerspec at = {.it_value.tv_sec = time(NULL) + FAR_SECONDS};

	return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at, NULL);
}

static void on_cancelled(evutil_socket_t fd, short what, void *arg)
{
	struct wake *w = arg;
	const long now = asleep(), seconds = now - w->asleep;
	uint64_t ignored;

	if (read(fd, &ignored, sizeof(ignored)) < 0)
		arm(fd);
	if (seconds <= 1) /* somebody set the clock; the difference of two whole seconds is vague */
		return;
	w->asleep = now;
	w->slept(w->arg, seconds);
}

struct wake *wake_new(struct event_base *base, void (*slept)(void *arg, long seconds), void *arg)
{
	const int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	struct wake *w = NULL;

	if (fd < 0 || arm(fd) != 0) {
		close(fd);
		return NULL;
	}
	w = xmalloc(sizeof(*w));
	*w = (struct wake){.asleep = asleep(), .slept = slept, .arg = arg};
	w->cancelled = loop_watch(base, fd, EV_READ | EV_PERSIST, on_cancelled, w);
	return w;
}

void wake_free(struct wake *w)
{
	if (!w)
		return;
	close(event_get_fd(w->cancelled));
	event_free(w->cancelled);
	free(w);
}
