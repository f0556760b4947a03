// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor; conn.c makes and ends a peer, the files above it send through it.  It calls
 * the files above it only by its ops, and decides nothing.
 */
#include "peer.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop.h"

enum {
	KILL_MS = 500,	/* from END to SIGKILL */
	LOOK_MS = 10,	/* between two checks of a process whose spawner died */
	QUEUE_MAX = 64, /* messages that wait for a session to read */
	SECOND_US = 1000000,
};

void peer_send_then(struct peer *p, const void *message, int fd, outbox_sent *sent, void *arg)
{
	const int error = outbox_send(&p->outbox, message, fd, sent, arg);

	if (error != EAGAIN && sent)
		sent(arg, error); /* if the session has died, its socket will report that */
	if (p->outbox.n_unawaited > QUEUE_MAX) {
		p->overflowed = true;
		event_active(p->timer, EV_TIMEOUT, 0);
	}
}

void peer_send(struct peer *p, const void *message)
{
	peer_send_then(p, message, -1, NULL, NULL);
}

uint64_t pace_take(struct pace *p, unsigned rate, uint64_t now)
{
	if (p->paid_until + SECOND_US < now)
		p->paid_until = now - SECOND_US;
	p->paid_until += SECOND_US / rate;
	return p->paid_until > now ? p->paid_until - now : 0;
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
	message_send(p->sock, &end, NULL); /* if this fails, the timer ends the session */
	loop_after(p->timer, KILL_MS);
}

/* ---- its process ---- */

/* Whether pid is our child; one that exits is reaped by the kernel at once (SIGCHLD is ignored). */
static bool is_child(int pid)
{
	return pid > 0 && waitpid(pid, NULL, WNOHANG) == 0;
}

/* If its spawner died, the kernel has sent the process SIGKILL and made it our child (monitor.c).
 * Else it is the spawner's child, which kills it on our order and has not reaped it before. */
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
	outbox_free(&p->outbox);
	event_free(p->readable);
	event_free(p->resume);
	close(p->sock);
	/* A process that closed its end of the pair must not live on with the endpoint's
	 * sockets. */
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
	outbox_init(&p->outbox, base, sock);
	p->readable = loop_watch(base, sock, EV_READ | EV_PERSIST, ops->readable, arg);
	p->resume = loop_timer(base, on_resume, p);
	p->timer = loop_timer(base, on_timer, p);
}

void peer_free(struct peer *p)
{
	event_free(p->timer);
}
