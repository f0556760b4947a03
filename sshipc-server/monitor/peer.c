// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor; conn.c makes and ends a peer, whoever is above sends through it.  It calls
 * nobody above it but by its ops, and decides nothing.
 */
#include "peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "loop.h"

enum {
	KILL_MS = 500,	/* from END to SIGKILL */
	LOOK_MS = 10,	/* between two looks at one whose spawner died */
	QUEUE_MAX = 64, /* messages that wait for a session to read */
};

/* A message that the socket did not take at once; as short as it is, since there may be one for
 * each channel. */
struct outgoing {
	STAILQ_ENTRY(outgoing) entry;
	void (*sent)(void *arg, int error);
	void *arg;
	int fd;
	uint64_t message[];
};

static void take_out(struct peer *p, struct outgoing *o)
{
	STAILQ_REMOVE(&p->queue, o, outgoing, entry);
	p->n_queued -= !o->sent;
	free(o);
}

static int try_to_send(const struct peer *p, const void *message, int fd)
{
	return message_send(p->sock, message, fd >= 0 ? &fd : NULL) == 0 ? 0 : errno;
}

void peer_send_then(struct peer *p, const void *message, int fd, void (*sent)(void *arg, int error),
		    void *arg)
{
	struct outgoing *o;

	if (STAILQ_EMPTY(&p->queue)) {
		const int error = try_to_send(p, message, fd);

		if (error != EAGAIN && sent)
			sent(arg, error);
		if (error != EAGAIN)
			return; /* when it is gone its socket will say so */
	}
	if (!sent && p->n_queued == QUEUE_MAX) {
		p->overflowed = true;
		event_active(p->timer, EV_TIMEOUT, 0);
		return;
	}
	o = xmalloc(sizeof(*o) + message_size(message));
	*o = (struct outgoing){.sent = sent, .arg = arg, .fd = fd};
	memcpy(o->message, message, message_size(message));
	STAILQ_INSERT_TAIL(&p->queue, o, entry);
	p->n_queued += !sent;
	event_add(p->writable, NULL);
}

void peer_send(struct peer *p, const void *message)
{
	peer_send_then(p, message, -1, NULL, NULL);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct peer *p = arg;
	struct outgoing *o;

	while ((o = STAILQ_FIRST(&p->queue))) {
		const struct outgoing was = *o;
		const int error = try_to_send(p, o->message, o->fd);

		if (error == EAGAIN)
			return;
		take_out(p, o);
		if (was.sent)
			was.sent(was.arg, error);
	}
	event_del(p->writable);
}

void peer_forget(struct peer *p, const void *arg)
{
	struct outgoing *o, *next;

	for (o = STAILQ_FIRST(&p->queue); o; o = next) {
		next = STAILQ_NEXT(o, entry);
		if (o->arg == arg)
			take_out(p, o);
	}
}

void peer_pause(struct peer *p, uint64_t ms)
{
	event_del(p->readable);
	loop_after(p->resume, ms);
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct peer *p = arg;

	event_add(p->readable, NULL);
}

void peer_end(struct peer *p, const char *reason)
{
	struct message_end end = {.head = {MESSAGE_END, 0}};

	snprintf(end.reason, sizeof(end.reason), "%s", reason);
	message_send(p->sock, &end, NULL); /* when it does not listen, the timer ends it */
	loop_after(p->timer, KILL_MS);
}

/* ---- its process ---- */

/* Children of ours are reaped by the kernel (SIGCHLD is ignored). */
static bool is_child(int pid)
{
	return pid > 0 && waitpid(pid, NULL, WNOHANG) == 0;
}

/* When its spawner is gone the kernel has given it to us (monitor.c), and a SIGKILL to it.  Else
 * the spawner, whose child it is, may always kill it, and does not reap it before. */
static void await(struct peer *p)
{
	if (p->parent && (is_child(p->parent) || is_child(p->pid))) {
		loop_after(p->timer, LOOK_MS);
	} else if (p->parent) {
		p->ops->gone(p->arg);
	} else {
		p->ordered |= p->ops->kill(p->arg);
		loop_after(p->timer, KILL_MS);
		p->waited += KILL_MS;
	}
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct peer *p = arg;

	if (p->cut)
		await(p);
	else
		p->ops->overdue(p->arg);
}

void peer_cut(struct peer *p)
{
	p->cut = true;
	while (!STAILQ_EMPTY(&p->queue))
		take_out(p, STAILQ_FIRST(&p->queue));
	event_free(p->readable);
	event_free(p->writable);
	event_free(p->resume);
	close(p->sock);
	/* A process that closed its socket must not live on with the endpoint's. */
	if (p->process)
		await(p);
	else
		p->ops->gone(p->arg);
}

void peer_exited(struct peer *p)
{
	p->process = false;
	if (p->cut)
		p->ops->gone(p->arg);
}

void peer_orphaned(struct peer *p, int parent)
{
	p->parent = parent;
	if (p->cut)
		await(p);
}

void peer_init(struct peer *p, struct event_base *base, int sock, const struct peer_ops *ops,
	       void *arg)
{
	p->sock = sock;
	p->ops = ops;
	p->arg = arg;
	STAILQ_INIT(&p->queue);
	p->readable = loop_watch(base, sock, EV_READ | EV_PERSIST, ops->readable, arg);
	p->writable = loop_event(base, sock, EV_WRITE | EV_PERSIST, on_writable, p);
	p->resume = loop_timer(base, on_resume, p);
	p->timer = loop_timer(base, on_timer, p);
}

void peer_free(struct peer *p)
{
	event_free(p->timer);
}
