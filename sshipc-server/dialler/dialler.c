// SPDX-License-Identifier: BSD-2-Clause
#include "dialler.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sysexits.h>
#include <unistd.h>

#include "alloc.h"
#include "confine.h"
#include "loop.h"
#include "message.h"

enum { RETRY_MS = 20, ENDPOINTS_MAX = 1024 };

struct dial {
	TAILQ_ENTRY(dial) entry; /* remote ones; those in a queue */
	struct dialler *owner;
	uint32_t id, index;
	bool sent;   /* to the helper */
	bool queued; /* of its endpoint, in this process */
	struct address address, source;
	struct event *event;
	int fd;
	time_t deadline;
	dial_done *done; /* NULL: given up, and the helper does not know it yet */
	void *arg;
};

TAILQ_HEAD(dial_list, dial);

/* Those that wait for room in an endpoint's backlog, in the order in which they came. */
struct queue {
	struct dial_list waiting;
	struct event *retry; /* NULL: none ever waited */
};

struct dialler {
	struct event_base *base;
	int timeout;
	struct queue *queues; /* of each endpoint */
	const struct endpoint *endpoints;
	size_t n;
	int sock; /* of the helper; -1: we dial ourselves */
	struct event *event, *writable;
	struct dial_list remote; /* in the order in which they were asked for */
	uint32_t last_id;
	void (*lost)(void *arg, int code, const char *text);
	void *arg;
};

/* ---- one dial, in this process ---- */

static void finish(struct dial *d, int fd, int error)
{
	dial_done *done = d->done;
	void *arg = d->arg;

	loop_drop(d->event);
	free(d);
	if (done)
		done(arg, fd, error);
	else if (fd >= 0)
		close(fd);
}

static void on_dial(evutil_socket_t fd, short what, void *arg)
{
	struct dial *d = arg;
	const int error = what & EV_WRITE ? address_connect_result(d->fd) : ETIMEDOUT;

	if (error) {
		close(d->fd);
		d->fd = -1;
	}
	finish(d, d->fd, error);
}

enum attempted { REPORTED, UNDER_WAY, NO_ROOM };

/* REPORTED: it is gone.  NO_ROOM: a full Unix backlog, and there is time left. */
static enum attempted attempt(struct dial *d)
{
	const time_t left = d->deadline - loop_seconds();
	bool pending = false;

	d->fd = address_connect(&d->address, &d->source, &pending);
	if (d->fd >= 0 && pending) {
		d->event = loop_event(d->owner->base, d->fd, EV_WRITE, on_dial, d);
		loop_after(d->event, left > 0 ? (uint64_t)(left + 1) * 1000 : 1000);
		return UNDER_WAY;
	}
	if (d->fd < 0 && errno == EAGAIN && left > 0)
		return NO_ROOM;
	finish(d, d->fd, d->fd >= 0 ? 0 : errno == EAGAIN ? ETIMEDOUT : errno);
	return REPORTED;
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct queue *q = arg;
	struct dial *d;

	/* Whoever is told of one may start another or give one up. */
	while ((d = TAILQ_FIRST(&q->waiting))) {
		TAILQ_REMOVE(&q->waiting, d, entry);
		d->queued = false;
		if (attempt(d) != NO_ROOM)
			continue;
		d->queued = true;
		TAILQ_INSERT_HEAD(&q->waiting, d, entry);
		loop_after(q->retry, RETRY_MS);
		return;
	}
}

/* The room that there may be is for those who came before. */
static struct dial *take_turn(struct dial *d)
{
	struct queue *q = &d->owner->queues[d->index];
	const bool first = TAILQ_EMPTY(&q->waiting);
	const enum attempted now = first ? attempt(d) : NO_ROOM;

	if (now != NO_ROOM)
		return now == UNDER_WAY ? d : NULL;
	d->queued = true;
	TAILQ_INSERT_TAIL(&q->waiting, d, entry);
	if (!q->retry)
		q->retry = loop_timer(d->owner->base, on_retry, q);
	if (first)
		loop_after(q->retry, RETRY_MS);
	return d;
}

static void leave_queue(struct dial *d)
{
	struct queue *q = &d->owner->queues[d->index];

	TAILQ_REMOVE(&q->waiting, d, entry);
	if (TAILQ_EMPTY(&q->waiting))
		event_del(q->retry);
}

static struct queue *new_queues(size_t n)
{
	struct queue *queues = xcalloc(n ? n : 1, sizeof(*queues));

	for (size_t i = 0; i < n; i++)
		TAILQ_INIT(&queues[i].waiting);
	return queues;
}

/* ---- the helper, seen from the monitor ---- */

static void fail_all(struct dialler *d)
{
	struct dial *next;

	while ((next = TAILQ_FIRST(&d->remote))) {
		TAILQ_REMOVE(&d->remote, next, entry);
		finish(next, -1, ECONNABORTED);
	}
}

/* last: its last words, or NULL. */
static void lose_helper(struct dialler *d, const struct message_failed *last)
{
	event_del(d->event);
	fail_all(d);
	d->lost(d->arg, last ? last->code : 0, last ? last->text : "");
}

static void on_helper(evutil_socket_t sock, short what, void *arg)
{
	struct dialler *d = arg;
	struct message m;
	struct dial *it;
	int fd;
	const int rc = message_recv(sock, &m, MESSAGE_OF_DIALLER);

	if (rc < 0 && errno == EAGAIN)
		return;
	if (rc < 0 &&
	    errno == EBADMSG) { /* no descriptor was free: whose answer it was is not known */
		fail_all(d);
		return;
	}
	if (rc != 1 || m.head.type == MESSAGE_FAILED) {
		lose_helper(d, rc == 1 ? &m.failed : NULL);
		return;
	}
	fd = message_take_fd(&m, 0); /* none with NOT_DIALLED */
	TAILQ_FOREACH(it, &d->remote, entry)
	if (it->id == m.head.id)
		break;
	if (!it) { /* cancelled meanwhile */
		if (fd >= 0)
			close(fd);
		return;
	}
	TAILQ_REMOVE(&d->remote, it, entry);
	finish(it, fd, fd >= 0 ? 0 : m.not_dialled.error);
}

/* That it is wanted, or no more: 0, or an errno; EAGAIN where its socket is full, as at a burst of
 * opens: the rest waits in order. */
static int tell_helper(struct dial *it)
{
	struct dialler *d = it->owner;
	const struct message_dial m = {
	    {it->done ? MESSAGE_DIAL : MESSAGE_CANCEL, it->id}, it->source, it->index};

	if (message_send(d->sock, &m, NULL) == 0) {
		it->sent = true;
		return 0;
	}
	if (errno == EAGAIN)
		event_add(d->writable, NULL);
	return errno;
}

static void on_helper_writable(evutil_socket_t sock, short what, void *arg)
{
	struct dialler *d = arg;
	struct dial *it, *next;

	for (it = TAILQ_FIRST(&d->remote); it; it = next) {
		next = TAILQ_NEXT(it, entry);
		if (it->sent && it->done)
			continue;
		if (tell_helper(it) != 0)
			return;
		if (!it->done) {
			TAILQ_REMOVE(&d->remote, it, entry);
			free(it);
		}
	}
	event_del(d->writable);
}

static int start_helper(struct dialler *d, const struct helper_user *user)
{
	if (helper_start("dialler", HELPER_OURSELVES, user, &d->sock) < 0)
		return -1;
	for (size_t i = 0; i < d->n; i++) {
		const struct message_endpoint m = {
		    {MESSAGE_ENDPOINT, (uint32_t)i}, d->endpoints[i].address, d->timeout};

		if (message_send(d->sock, &m, NULL) != 0)
			return -1;
	}
	fcntl(d->sock, F_SETFL, O_NONBLOCK);
	d->event = loop_watch(d->base, d->sock, EV_READ | EV_PERSIST, on_helper, d);
	d->writable = loop_event(d->base, d->sock, EV_WRITE | EV_PERSIST, on_helper_writable, d);
	return 0;
}

struct dialler *dialler_new(struct event_base *base, const struct dialler_setup *setup)
{
	struct dialler *d = xcalloc(1, sizeof(*d));

	*d = (struct dialler){.base = base,
			      .timeout = setup->timeout,
			      .endpoints = setup->endpoints,
			      .n = setup->n,
			      .sock = -1,
			      .lost = setup->lost,
			      .arg = setup->arg};
	d->queues = new_queues(d->n);
	TAILQ_INIT(&d->remote);
	if (setup->user->demote && start_helper(d, setup->user) != 0) {
		dialler_free(d);
		return NULL;
	}
	return d;
}

void dialler_free(struct dialler *d)
{
	if (!d)
		return;
	loop_drop(d->event);
	loop_drop(d->writable);
	fail_all(d);
	if (d->sock >= 0)
		close(d->sock);
	for (size_t i = 0; i < d->n; i++)
		loop_drop(d->queues[i].retry);
	free(d->queues);
	free(d);
}

struct dial *dialler_dial(struct dialler *d, size_t i, const struct address *source,
			  dial_done *done, void *arg)
{
	struct dial *it = xcalloc(1, sizeof(*it));
	int error;

	it->owner = d;
	it->fd = -1;
	it->deadline = loop_seconds() + d->timeout;
	it->address = d->endpoints[i].address;
	it->source = *source;
	it->done = done;
	it->arg = arg;
	it->index = (uint32_t)i;
	if (d->sock < 0)
		return take_turn(it);
	it->id = ++d->last_id;
	error = event_pending(d->writable, EV_WRITE, NULL) ? EAGAIN : tell_helper(it);
	if (error != 0 && error != EAGAIN) {
		finish(it, -1, error);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&d->remote, it, entry);
	return it;
}

void dial_cancel(struct dial *d)
{
	if (!d)
		return;
	d->done = NULL;
	if (d->sent && tell_helper(d) == EAGAIN)
		return;
	if (d->owner->sock >= 0)
		TAILQ_REMOVE(&d->owner->remote, d, entry);
	else if (d->queued)
		leave_queue(d);
	loop_drop(d->event);
	if (d->fd >= 0)
		close(d->fd);
	free(d);
}

/* ---- the helper itself ---- */

/* Asked for, and not answered yet. */
struct order {
	LIST_ENTRY(order) entry; /* the newest first */
	uint32_t id;
	struct dial *dial;
};

static struct endpoint known[ENDPOINTS_MAX];
static struct dialler self = {.endpoints = known, .sock = -1};
static LIST_HEAD(, order) orders = LIST_HEAD_INITIALIZER(orders);

static void drop(struct order *o)
{
	LIST_REMOVE(o, entry);
	free(o);
}

static void cancel(uint32_t id)
{
	struct order *o;

	LIST_FOREACH(o, &orders, entry)
	if (o->id == id)
		break;
	if (!o)
		return; /* answered meanwhile */
	dial_cancel(o->dial);
	drop(o);
}

static void on_dialled(void *arg, int fd, int error)
{
	struct order *o = arg;
	const struct message_not_dialled m = {
	    {fd >= 0 ? MESSAGE_DIALLED : MESSAGE_NOT_DIALLED, o->id}, error};

	if (message_send(HELPER_SOCKET, &m, fd >= 0 ? &fd : NULL) != 0)
		_exit(0);
	if (fd >= 0)
		close(fd);
	drop(o);
}

static void order(uint32_t id, uint32_t index, const struct address *source)
{
	struct order *o = xcalloc(1, sizeof(*o));
	struct dial *d;

	o->id = id;
	LIST_INSERT_HEAD(&orders, o, entry);
	d = dialler_dial(&self, index, source, on_dialled, o);
	if (d) /* else it is answered, and o gone */
		o->dial = d;
}

static void on_request(evutil_socket_t sock, short what, void *arg)
{
	struct message m;
	const int rc = message_recv(sock, &m, MESSAGE_TO_DIALLER);

	if (rc != 1)
		_exit(rc < 0 && errno == EPROTO ? EX_SOFTWARE : 0);
	if (m.head.type == MESSAGE_CANCEL) {
		cancel(m.head.id);
	} else if (m.head.type == MESSAGE_DIAL && m.dial.endpoint < ENDPOINTS_MAX) {
		order(m.head.id, m.dial.endpoint, &m.dial.source);
	} else if (m.head.type == MESSAGE_ENDPOINT && m.head.id < ENDPOINTS_MAX) {
		known[m.head.id].address = m.endpoint.address;
		self.timeout = m.endpoint.timeout;
	} else {
		_exit(EX_SOFTWARE);
	}
}

void dialler_main(void)
{
	helper_settle();
	self.base = loop_new();
	self.queues = new_queues(ENDPOINTS_MAX);
	loop_watch(self.base, HELPER_SOCKET, EV_READ | EV_PERSIST, on_request, NULL);
	event_base_dispatch(self.base);
	_exit(0);
}
