// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by peer.c and dial.c, and by libevent when a socket is writable
 * again.  It never blocks, and does not know the meaning of a message.
 */
#include "outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "loop.h"
#include "message.h"

/* Allocated at the message's own size, since there may be one for each channel. */
struct outgoing {
	STAILQ_ENTRY(outgoing) entry;
	outbox_sent *sent;
	void *arg;
	int fd;
	uint64_t message[];
};

static int try_to_send(const struct outbox *o, const void *message, int fd)
{
	return message_send(o->sock, message, fd >= 0 ? &fd : NULL) == 0 ? 0 : errno;
}

static void take_out(struct outbox *o, struct outgoing *m)
{
	STAILQ_REMOVE(&o->waiting, m, outgoing, entry);
	o->n_unawaited -= !m->sent;
	free(m);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct outbox *o = arg;
	struct outgoing *m;

	while ((m = STAILQ_FIRST(&o->waiting))) {
		const struct outgoing was = *m;
		const int error = try_to_send(o, m->message, m->fd);

		if (error == EAGAIN)
			return;
		take_out(o, m);
		if (was.sent)
			was.sent(was.arg, error);
	}
	event_del(o->writable);
}

int outbox_send(struct outbox *o, const void *message, int fd, outbox_sent *sent, void *arg)
{
	const int error = STAILQ_EMPTY(&o->waiting) ? try_to_send(o, message, fd) : EAGAIN;
	struct outgoing *m;

	if (error != EAGAIN)
		return error;
	m = xmalloc(sizeof(*m) + message_size(message));
	*m = (struct outgoing){.sent = sent, .arg = arg, .fd = fd};
	memcpy(m->message, message, message_size(message));
	STAILQ_INSERT_TAIL(&o->waiting, m, entry);
	o->n_unawaited += !sent;
	event_add(o->writable, NULL);
	return EAGAIN;
}

size_t outbox_forget(struct outbox *o, const void *arg)
{
	struct outgoing *m, *next;
	size_t n = 0;

	for (m = STAILQ_FIRST(&o->waiting); m; m = next) {
		next = STAILQ_NEXT(m, entry);
		if (m->arg == arg) {
			take_out(o, m);
			n++;
		}
	}
	return n;
}

void outbox_init(struct outbox *o, struct event_base *base, int sock)
{
	o->sock = sock;
	STAILQ_INIT(&o->waiting);
	o->writable = loop_event(base, sock, EV_WRITE | EV_PERSIST, on_writable, o);
}

void outbox_free(struct outbox *o)
{
	while (!STAILQ_EMPTY(&o->waiting))
		take_out(o, STAILQ_FIRST(&o->waiting));
	event_free(o->writable);
}
