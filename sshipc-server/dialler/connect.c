// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the dialler, or in the monitor of an ordinary user, called by dialler.c or dial.c and by
 * libevent.  Reads and writes nothing on what it connects.
 */
#include "connect.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

#include "alloc.h"
#include "loop.h"

enum { RETRY_MS = 20 };

/* Those that wait for room in an endpoint's backlog, in the order in which they came. */
struct queue {
	TAILQ_HEAD(, attempt) waiting;
	struct event *retry; /* NULL: none ever waited */
};

struct connector {
	struct event_base *base;
	size_t n;
	struct queue queues[];
};

static void finish(struct attempt *a, int error)
{
	loop_drop(a->event);
	a->done(a->arg, a->fd, error);
}

static void on_connected(evutil_socket_t fd, short what, void *arg)
{
	struct attempt *a = arg;
	const int error = what & EV_WRITE ? address_connect_result(a->fd) : ETIMEDOUT;

	if (error) {
		close(a->fd);
		a->fd = -1;
	}
	finish(a, error);
}

enum attempted { REPORTED, UNDER_WAY, NO_ROOM };

/* REPORTED: it is gone.  NO_ROOM: a full Unix backlog, and there is time left. */
static enum attempted attempt(struct attempt *a)
{
	const time_t left = a->deadline - loop_seconds();
	bool pending = false;

	a->fd = address_connect(&a->to, &a->source, &pending);
	if (a->fd >= 0 && pending) {
		a->event = loop_event(a->owner->base, a->fd, EV_WRITE, on_connected, a);
		loop_after(a->event, left > 0 ? (uint64_t)(left + 1) * 1000 : 1000);
		return UNDER_WAY;
	}
	if (a->fd < 0 && errno == EAGAIN && left > 0)
		return NO_ROOM;
	finish(a, a->fd >= 0 ? 0 : errno == EAGAIN ? ETIMEDOUT : errno);
	return REPORTED;
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct queue *q = arg;
	struct attempt *a;

	/* A callback may start another attempt, or cancel one. */
	while ((a = TAILQ_FIRST(&q->waiting))) {
		TAILQ_REMOVE(&q->waiting, a, entry);
		a->queued = false;
		if (attempt(a) != NO_ROOM)
			continue;
		a->queued = true;
		TAILQ_INSERT_HEAD(&q->waiting, a, entry);
		loop_after(q->retry, RETRY_MS);
		return;
	}
}

bool connector_start(struct connector *c, size_t i, struct attempt *a)
{
	struct queue *q = &c->queues[i];
	const bool first = TAILQ_EMPTY(&q->waiting);
	enum attempted now = NO_ROOM;

	a->owner = c;
	a->queue = q;
	a->fd = -1;
	if (first) /* else the room that there may be is for those who came before */
		now = attempt(a);
	if (now != NO_ROOM)
		return now == UNDER_WAY;
	a->queued = true;
	TAILQ_INSERT_TAIL(&q->waiting, a, entry);
	if (!q->retry)
		q->retry = loop_timer(c->base, on_retry, q);
	if (first)
		loop_after(q->retry, RETRY_MS);
	return true;
}

void connector_cancel(struct attempt *a)
{
	if (a->queued) {
		TAILQ_REMOVE(&a->queue->waiting, a, entry);
		if (TAILQ_EMPTY(&a->queue->waiting))
			event_del(a->queue->retry);
	}
	loop_drop(a->event);
	if (a->fd >= 0)
		close(a->fd);
}

struct connector *connector_new(struct event_base *base, size_t endpoints)
{
	struct connector *c = xcalloc(1, sizeof(*c) + endpoints * sizeof(struct queue));

	c->base = base;
	c->n = endpoints;
	for (size_t i = 0; i < endpoints; i++)
		TAILQ_INIT(&c->queues[i].waiting);
	return c;
}

void connector_free(struct connector *c)
{
	for (size_t i = 0; c && i < c->n; i++)
		loop_drop(c->queues[i].retry);
	free(c);
}
