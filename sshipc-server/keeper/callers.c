// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the keeper, called by libevent and by keeper.c.  Serves only root, the server's own
 * user and, where it only tells, a group, for CONTROL_SECONDS each, and carries out no request: it
 * hands each line on.
 */
#include "callers.h"

#include <event2/bufferevent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "caller.h"
#include "log.h"
#include "loop.h"

struct callers {
	struct event_base *base;
	struct listening listening;
	struct event *event, *pause;
	LIST_HEAD(, caller) all;
	size_t n, n_guests;
	struct caller_rules guests;
	uint32_t last_id;
	void (*ask)(void *arg, struct caller *k);
	void (*late)(void *arg, struct caller *k);
	void *arg;
};

static void drop(struct caller *k)
{
	struct callers *c = k->of;

	LIST_REMOVE(k, entry);
	c->n--;
	c->n_guests -= k->guest;
	bufferevent_free(k->stream);
	evbuffer_free(k->out);
	event_free(k->deadline);
	event_free(k->part);
	free(k->verdict);
	free(k);
	if (c->event)
		event_add(c->event, NULL); /* a caller has left: accept the next one */
}

static void on_end(struct bufferevent *stream, short what, void *arg)
{
	drop(arg);
}

/* The whole answer is written. */
static void on_written(struct bufferevent *stream, void *arg)
{
	drop(arg);
}

void callers_answer(struct caller *k, struct evbuffer *out)
{
	k->asked = 0;
	event_del(k->part);
	if (evbuffer_get_length(out) > CONTROL_ANSWER) {
		evbuffer_drain(out, evbuffer_get_length(out));
		control_refuse(out, "the answer is too long");
	}
	bufferevent_setcb(k->stream, NULL, on_written, on_end, k);
	bufferevent_write_buffer(k->stream, out);
}

static bool may_guest(const char *line, size_t len)
{
	struct control_request r;
	const char *why;

	return control_parse(line, len, &r, &why) == 0 && control_is_for_guests(r.command);
}

static void on_read(struct bufferevent *stream, void *arg)
{
	struct caller *k = arg;
	const ssize_t n = evbuffer_copyout(bufferevent_get_input(stream), k->line, sizeof(k->line));
	char *end = n > 0 ? memchr(k->line, '\n', (size_t)n) : NULL;
	const char *why;
	size_t len;

	if (!end && n < (ssize_t)sizeof(k->line))
		return;
	bufferevent_disable(stream, EV_READ); /* one request for each connection */
	len = end ? (size_t)(end - k->line) : sizeof(k->line);
	why = control_line_fault(k->line, len);
	if (!why && k->guest && !may_guest(k->line, len))
		why = "only root and the server's own user may ask this; members of control_group "
		      "may ask who, status and metrics";
	if (why) {
		control_refuse(k->out, why);
		callers_answer(k, k->out);
		return;
	}
	*end = '\0';
	k->id = ++k->of->last_id;
	k->of->ask(k->of->arg, k);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct caller *k = arg;

	log_msg(LOG_NOTICE,
		"control socket: the connection of uid %u was cut: not done within %d s", k->uid,
		k->patience);
	drop(k);
}

static void on_late(evutil_socket_t fd, short what, void *arg)
{
	struct caller *k = arg;

	k->of->late(k->of->arg, k);
}

static void take(struct callers *c, int fd, unsigned uid, bool guest)
{
	struct caller *k = xcalloc(1, sizeof(*k));

	k->of = c;
	k->uid = uid;
	k->guest = guest;
	c->n_guests += guest;
	k->out = evbuffer_new();
	k->stream = bufferevent_socket_new(c->base, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(k->stream, on_read, NULL, on_end, k);
	bufferevent_setwatermark(k->stream, EV_READ, 0, CONTROL_REQUEST);
	bufferevent_enable(k->stream, EV_READ);
	k->deadline = loop_timer(c->base, on_deadline, k);
	k->part = loop_timer(c->base, on_late, k);
	callers_wait(k, CONTROL_SECONDS);
	LIST_INSERT_HEAD(&c->all, k, entry);
	if (++c->n == CONTROL_CLIENTS)
		event_del(c->event);
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
	struct callers *c = arg;

	if (c->event && c->n < CONTROL_CLIENTS)
		event_add(c->event, NULL);
}

static void on_accept(evutil_socket_t sock, short what, void *arg)
{
	struct callers *c = arg;
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t len = sizeof(peer);
	struct address from;
	bool starved, admin, guest;
	const int fd = address_accept(sock, &from, &starved);

	if (starved) {
		event_del(c->event);
		loop_after(c->pause, ADDRESS_STARVED_MS);
	}
	if (fd < 0)
		return;
	admin = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
		(peer.uid == 0 || peer.uid == geteuid());
	guest = !admin && c->guests.n_gids > 0 && caller_allowed(&c->guests, fd);
	if (admin || (guest && c->n_guests < CONTROL_GUESTS)) {
		take(c, fd, peer.uid, guest);
		return;
	}
	log_msg(guest ? LOG_DEBUG : LOG_WARNING,
		"control socket: uid %u (process %d) was refused%s", (unsigned)peer.uid,
		(int)peer.pid, guest ? ": too many of control_group ask at a time" : "");
	close(fd);
}

struct caller *callers_find(struct callers *c, uint32_t id)
{
	struct caller *k;

	LIST_FOREACH(k, &c->all, entry)
		if (k->id == id && k->asked)
			return k;
	return NULL;
}

void callers_each(struct callers *c, unsigned from, void (*call)(void *arg, struct caller *k),
		  void *arg)
{
	struct caller *k, *next;

	for (k = LIST_FIRST(&c->all); k; k = next) {
		next = LIST_NEXT(k, entry);
		if (k->asked == from)
			call(arg, k);
	}
}

void callers_wait(struct caller *k, int seconds)
{
	k->patience = seconds;
	loop_after(k->deadline, (uint64_t)seconds * 1000);
}

void callers_listen(struct callers *c, const struct listening *listening)
{
	struct stat st;

	loop_drop(c->event);
	c->event = NULL;
	if (listening && address_equal(&listening->at, &c->listening.at))
		c->listening.ino = 0; /* the path stays: it is the new one's */
	listening_close(&c->listening);
	c->listening = listening ? *listening : (struct listening){.fd = -1};
	c->guests.n_gids = 0;
	if (!listening)
		return;
	if (lstat(address_path(&listening->at), &st) == 0) {
		c->listening.dev = st.st_dev;
		c->listening.ino = st.st_ino;
		c->guests.n_gids = (st.st_mode & S_IWGRP) != 0;
		c->guests.gids[0] = st.st_gid;
	}
	c->event = loop_event(c->base, listening->fd, EV_READ | EV_PERSIST, on_accept, c);
	on_pause_over(-1, 0, c);
}

struct callers *callers_new(struct event_base *base, void (*ask)(void *arg, struct caller *k),
			    void (*late)(void *arg, struct caller *k), void *arg)
{
	struct callers *c = xcalloc(1, sizeof(*c));

	*c = (struct callers){
	    .base = base, .listening = {.fd = -1}, .ask = ask, .late = late, .arg = arg};
	c->pause = loop_timer(base, on_pause_over, c);
	return c;
}

void callers_free(struct callers *c)
{
	struct caller *k;

	if (!c)
		return;
	callers_listen(c, NULL);
	while ((k = LIST_FIRST(&c->all)))
		drop(k);
	event_free(c->pause);
	free(c);
}
