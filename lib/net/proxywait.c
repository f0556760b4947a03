// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by accept.c and by libevent.  It keeps a descriptor and a timer for
 * each connection, and none of its bytes: they stay in the kernel until the header is complete.
 */
#include "proxywait.h"

#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

#include "alloc.h"
#include "loop.h"

struct waiter {
	TAILQ_ENTRY(waiter) entry;
	struct proxywait *owner;
	struct event *event;
	struct address via;
	uint64_t until; /* ms */
	int fd;
};

struct proxywait {
	struct event_base *base;
	TAILQ_HEAD(, waiter) waiters; /* the oldest first */
	size_t n, most;
	proxywait_done *done;
	void *arg;
};

static void drop(struct waiter *r)
{
	TAILQ_REMOVE(&r->owner->waiters, r, entry);
	r->owner->n--;
	event_free(r->event);
	free(r);
}

static void end(struct waiter *r, enum proxyproto_verdict verdict, struct proxyproto *p)
{
	const struct proxywait *w = r->owner;
	const int fd = r->fd;

	p->via = r->via;
	drop(r);
	w->done(w->arg, fd, verdict, p);
}

static void on_header(evutil_socket_t fd, short what, void *arg)
{
	struct waiter *r = arg;
	struct proxyproto p = {.why = NULL};
	enum proxyproto_verdict verdict =
	    what & EV_READ ? proxyproto_take(fd, &p) : PROXYPROTO_MORE;
	const uint64_t now = loop_ms();

	if (verdict == PROXYPROTO_MORE && now < r->until) {
		loop_after(r->event, r->until - now);
		return;
	}
	if (verdict == PROXYPROTO_MORE)
		p.why = "it did not come within 5 s";
	/* Version 1 has no other form for a check. */
	if (verdict == PROXYPROTO_CLIENT && address_equal(&p.source, &r->via))
		verdict = PROXYPROTO_LOCAL;
	end(r, verdict, &p);
}

struct proxywait *proxywait_new(struct event_base *base, size_t most, proxywait_done *done,
				void *arg)
{
	struct proxywait *w = xcalloc(1, sizeof(*w));

	*w = (struct proxywait){.base = base, .most = most, .done = done, .arg = arg};
	TAILQ_INIT(&w->waiters);
	return w;
}

void proxywait_add(struct proxywait *w, int fd, const struct address *via)
{
	struct proxyproto late = {.why = "it had not come when others needed the place"};
	struct waiter *r = xcalloc(1, sizeof(*r));

	if (w->n >= w->most)
		end(TAILQ_FIRST(&w->waiters), PROXYPROTO_MORE, &late);
	*r = (struct waiter){
	    .owner = w, .via = *via, .until = loop_ms() + PROXYWAIT_SECONDS * 1000, .fd = fd};
	r->event = loop_event(w->base, fd, EV_READ, on_header, r);
	loop_after(r->event, PROXYWAIT_SECONDS * 1000);
	TAILQ_INSERT_TAIL(&w->waiters, r, entry);
	w->n++;
}

size_t proxywait_count(const struct proxywait *w)
{
	return w->n;
}

void proxywait_free(struct proxywait *w)
{
	struct waiter *r;

	while (w && (r = TAILQ_FIRST(&w->waiters))) {
		close(r->fd);
		drop(r);
	}
	free(w);
}
