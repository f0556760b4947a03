// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by opens.c and monitor.c, and by libevent for the dialler's messages.
 * Never blocks on the dialler; orders that its socket does not accept at once are queued
 * (outbox.h).
 */
#include "dial.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "alloc.h"
#include "log.h"
#include "loop.h"
#include "message.h"
#include "outbox.h"

/* Whoever may kill the dialler shall not keep the monitor busy with starting others. */
enum { RESPAWN_MS = 3000 };

struct dial {
	TAILQ_ENTRY(dial) entry; /* of the dialler's */
	struct dialler *owner;
	struct attempt attempt; /* of our own */
	uint32_t id;		/* of the dialler's */
	connect_done *done;
	void *arg;
};

struct dialler {
	struct event_base *base;
	struct dialler_setup setup;
	struct connector *connector; /* NULL: there is a process */
	int sock;		     /* -1: there is none now */
	struct event *event, *respawn;
	struct outbox outbox;
	TAILQ_HEAD(, dial) dials; /* those of the process, in the order of their requests */
	uint32_t last_id;
};

/* Also the connect_done of a dial that the monitor makes itself. */
static void finish(void *dial, int fd, int error)
{
	const struct dial was = *(const struct dial *)dial;

	free(dial);
	was.done(was.arg, fd, error);
}

/* ---- the process ---- */

static void fail_all(struct dialler *d)
{
	struct dial *next;

	while ((next = TAILQ_FIRST(&d->dials))) {
		TAILQ_REMOVE(&d->dials, next, entry);
		outbox_forget(&d->outbox, next);
		finish(next, -1, ECONNABORTED);
	}
}

static void stop_process(struct dialler *d)
{
	fail_all(d);
	if (d->sock < 0)
		return;
	outbox_free(&d->outbox);
	event_free(d->event);
	close(d->sock);
	d->sock = -1;
}

static void on_message(evutil_socket_t sock, short what, void *arg)
{
	struct dialler *d = arg;
	struct message m;
	struct dial *it;
	const int rc = message_recv(sock, &m, MESSAGE_OF_DIALLER);
	const bool failed = rc == 1 && m.head.type == MESSAGE_FAILED;
	int fd;

	if (rc < 0 && errno == EAGAIN)
		return;
	if (rc < 0 && errno == EBADMSG) { /* no descriptor was free: whose answer is unknown */
		fail_all(d);
		return;
	}
	if (rc != 1 || failed) {
		stop_process(d);
		if (d->setup.lost(d->setup.arg, d->setup.user, failed ? m.failed.code : 0,
				  failed ? m.failed.text : ""))
			loop_after(d->respawn, RESPAWN_MS);
		return;
	}
	fd = message_take_fd(&m, 0); /* none with NOT_DIALLED */
	TAILQ_FOREACH(it, &d->dials, entry)
		if (it->id == m.head.id)
			break;
	if (it) {
		TAILQ_REMOVE(&d->dials, it, entry);
		finish(it, fd, fd >= 0 ? 0 : m.not_dialled.error);
	} else if (fd >= 0) { /* the dial was cancelled meanwhile */
		close(fd);
	}
}

static void start_process(evutil_socket_t fd, short what, void *arg)
{
	struct dialler *d = arg;
	const struct dialler_setup *s = &d->setup;
	char role[128];

	snprintf(role, sizeof(role), "dialler %u:%u %s", s->user->uid, s->user->gid, s->user->name);
	if (launch_start(role, LAUNCH_OURSELVES, s->user, &d->sock) < 0) {
		log_msg(LOG_ERR, "cannot start the %s: %s", role, strerror(errno));
		loop_after(d->respawn, RESPAWN_MS);
		return;
	}
	fcntl(d->sock, F_SETFL, O_NONBLOCK);
	d->event = loop_watch(d->base, d->sock, EV_READ | EV_PERSIST, on_message, d);
	outbox_init(&d->outbox, d->base, d->sock);
	for (size_t i = 0; i < s->n; i++) {
		const struct message_endpoint m = {
		    {MESSAGE_ENDPOINT, (uint32_t)i}, s->endpoints[i].address, s->timeout};

		outbox_send(&d->outbox, &m, -1, NULL, NULL); /* on_message sees it die */
	}
}

/* ---- either way ---- */

struct dialler *dialler_new(struct event_base *base, const struct dialler_setup *setup)
{
	struct dialler *d = xcalloc(1, sizeof(*d));

	*d = (struct dialler){.base = base, .setup = *setup, .sock = -1};
	TAILQ_INIT(&d->dials);
	d->respawn = loop_timer(base, start_process, d);
	if (setup->user->demote)
		start_process(-1, 0, d);
	else
		d->connector = connector_new(base, setup->n);
	if (d->connector || d->sock >= 0)
		return d;
	dialler_free(d);
	return NULL;
}

void dialler_free(struct dialler *d)
{
	if (!d)
		return;
	stop_process(d);
	event_free(d->respawn);
	connector_free(d->connector);
	free(d);
}

struct dial *dialler_dial(struct dialler *d, size_t i, const struct address *source,
			  connect_done *done, void *arg)
{
	struct dial *it = xcalloc(1, sizeof(*it));
	struct message_dial m;
	int error;

	*it = (struct dial){.owner = d, .done = done, .arg = arg};
	if (d->connector) {
		it->attempt = (struct attempt){.to = d->setup.endpoints[i].address,
					       .source = *source,
					       .deadline = loop_seconds() + d->setup.timeout,
					       .done = finish,
					       .arg = it};
		return connector_start(d->connector, i, &it->attempt) ? it : NULL;
	}
	it->id = ++d->last_id;
	m = (struct message_dial){{MESSAGE_DIAL, it->id}, *source, (uint32_t)i};
	error = d->sock < 0 ? ECONNABORTED : outbox_send(&d->outbox, &m, -1, NULL, it);
	if (error != 0 && error != EAGAIN) {
		finish(it, -1, error);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&d->dials, it, entry);
	return it;
}

void dial_cancel(struct dial *d)
{
	if (!d)
		return;
	if (d->owner->connector) {
		connector_cancel(&d->attempt);
	} else {
		const struct message_head cancel = {MESSAGE_CANCEL, d->id};

		TAILQ_REMOVE(&d->owner->dials, d, entry);
		if (outbox_forget(&d->owner->outbox, d) == 0) /* DIAL was sent already */
			outbox_send(&d->owner->outbox, &cancel, -1, NULL, NULL);
	}
	free(d);
}
