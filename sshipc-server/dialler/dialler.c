// SPDX-License-Identifier: BSD-2-Clause
#include "dialler.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "alloc.h"
#include "confine.h"
#include "loop.h"
#include "wire.h"

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

/* last: its FAILED, or NULL. */
static void lose_helper(struct dialler *d, struct wire *last)
{
	const int code = last ? (int)wire_get_u32(last) : 0;
	char text[256] = "";

	if (last)
		wire_get_text(last, text, sizeof(text));
	event_del(d->event);
	fail_all(d);
	d->lost(d->arg, code, text);
}

static void on_helper(evutil_socket_t sock, short what, void *arg)
{
	struct dialler *d = arg;
	struct wire w;
	struct dial *it;
	uint32_t id, error;
	int fd;
	const int rc = wire_recv(sock, &w, 1);

	if (rc < 0 && errno == EAGAIN)
		return;
	if (rc < 0 &&
	    errno == EBADMSG) { /* no descriptor was free: whose answer it was is not known */
		fail_all(d);
		return;
	}
	if (rc != 1 || wire_type(&w) != WIRE_DIALLED) {
		wire_close_fds(&w);
		lose_helper(d, rc == 1 && wire_type(&w) == WIRE_FAILED ? &w : NULL);
		return;
	}
	id = wire_get_u32(&w);
	error = wire_get_u32(&w);
	fd = wire_take_fd(&w, 0);
	TAILQ_FOREACH(it, &d->remote, entry)
	if (it->id == id)
		break;
	if (!it) { /* cancelled meanwhile */
		if (fd >= 0)
			close(fd);
		return;
	}
	TAILQ_REMOVE(&d->remote, it, entry);
	finish(it, fd, fd >= 0 ? 0 : error ? (int)error : EPROTO);
}

/* That it is wanted, or no more: 0, or an errno; EAGAIN where its socket is full, as at a burst of
 * opens: the rest waits in order. */
static int tell_helper(struct dial *it)
{
	struct dialler *d = it->owner;
	struct wire w;

	wire_start(&w, it->done ? WIRE_DIAL : WIRE_CANCEL);
	wire_put_u32(&w, it->id);
	if (it->done) {
		wire_put_u32(&w, it->index);
		wire_put_bytes(&w, &it->source, sizeof(it->source));
	}
	if (wire_send(d->sock, &w) == 0) {
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
	struct wire w;

	if (helper_start("dialler", HELPER_OURSELVES, user, &d->sock) < 0)
		return -1;
	for (size_t i = 0; i < d->n; i++) {
		wire_start(&w, WIRE_ENDPOINT);
		wire_put_u32(&w, (uint32_t)i);
		wire_put_bytes(&w, &d->endpoints[i].address, sizeof(d->endpoints[i].address));
		wire_put_u32(&w, (uint32_t)d->timeout);
		if (wire_send(d->sock, &w) != 0)
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
	struct wire w;

	wire_start(&w, WIRE_DIALLED);
	wire_put_u32(&w, o->id);
	wire_put_u32(&w, (uint32_t)error);
	if (fd >= 0)
		wire_attach(&w, fd);
	if (wire_send(HELPER_SOCKET, &w) != 0)
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
	struct wire w;
	struct address source;
	uint32_t id, index;
	size_t n;
	const void *p;

	if (wire_recv(sock, &w, 0) != 1)
		_exit(0);
	id = wire_get_u32(&w);
	switch (wire_type(&w)) {
	case WIRE_ENDPOINT:
		p = wire_get_bytes(&w, &n, sizeof(struct address));
		if (n != sizeof(struct address) || id >= ENDPOINTS_MAX)
			_exit(70);
		memcpy(&known[id].address, p, n);
		self.timeout = (int)wire_get_u32(&w);
		break;
	case WIRE_DIAL:
		index = wire_get_u32(&w);
		p = wire_get_bytes(&w, &n, sizeof(source));
		if (!wire_done(&w) || index >= ENDPOINTS_MAX || n != sizeof(source))
			_exit(70);
		memcpy(&source, p, n);
		order(id, index, &source);
		break;
	case WIRE_CANCEL:
		cancel(id);
		break;
	default:
		_exit(70);
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
