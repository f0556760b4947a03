// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the client's process, for client.c and run mode, which open the listeners, and from the
 * loop.  It may not wait for anything: what it accepts goes to the link at once.
 */
#include "listener.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "activation.h"
#include "alloc.h"
#include "folders.h"
#include "log.h"
#include "loop.h"

enum {
	ACCEPT_BURST = 64, /* connections, before other events have their turn */
	WARN_EVERY = 60,   /* seconds */
	PAUSE_MS = 1000,   /* when descriptors run out */
	RESERVE = 16,	   /* descriptors, for the connection to the server */
	CHECK_MS = 2000,   /* do the paths still lead to our sockets? */
};

struct listener {
	struct listeners *all;
	const struct spec *spec;
	struct listening at;
	struct event *event; /* NULL: its path was removed or replaced, it is not bound */
	char local[ADDRESS_TEXT];
};

struct listeners {
	struct link *link;
	struct event *resume, *check;
	int most;      /* descriptors from this number on are the reserve */
	time_t warned; /* of the pause, last; 0: never */
	size_t n;
	struct listener each[];
};

/* Without free descriptors the listeners would stay readable, and the loop would spin. */
static void pause_all(struct listeners *ls, const char *cause)
{
	const time_t now = loop_seconds();

	if (!ls->warned || now - ls->warned >= WARN_EVERY) {
		ls->warned = now;
		log_msg(LOG_WARNING, "no more connections for now: %s", cause);
	}
	for (size_t i = 0; i < ls->n; i++) {
		if (ls->each[i].event)
			event_del(ls->each[i].event);
	}
	loop_after(ls->resume, PAUSE_MS);
}

static void resume_all(evutil_socket_t fd, short what, void *arg)
{
	struct listeners *ls = arg;
	const int lowest = dup(STDIN_FILENO);

	if (lowest >= 0)
		close(lowest);
	if (lowest < 0 || lowest >= ls->most) {
		loop_after(ls->resume, PAUSE_MS);
		return;
	}
	for (size_t i = 0; i < ls->n; i++) {
		if (ls->each[i].event)
			event_add(ls->each[i].event, NULL);
	}
}

static void take(const struct listener *l, int fd, const struct address *at)
{
	char peer[ADDRESS_PEER] = "", from[ADDRESS_TEXT + ADDRESS_PEER + 4];
	bool known = true;

	if (address_is_unix(&l->at.at))
		known = address_describe_peer(fd, peer, sizeof(peer));
	else
		address_format(at, peer, sizeof(peer));
	snprintf(from, sizeof(from), known ? "%s (%s)" : "%s", l->local, peer);
	if (!caller_allowed(&l->spec->callers, fd)) {
		log_msg(LOG_WARNING,
			"connection from %s refused: neither allow-uid= nor allow-gid= of -L %s "
			"has the caller",
			from, l->spec->text);
		close(fd);
		return;
	}
	if (l->spec->inherited) /* our own listeners have these options, and their connections */
		address_tune(fd);
	link_open(l->all->link, &l->spec->to, fd, from, NULL);
}

static void accept_some(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;

	for (int i = 0; i < ACCEPT_BURST; i++) {
		struct address at;
		bool starved;
		const int in = address_accept(fd, &at, &starved);

		if (in >= 0) {
			take(l, in, &at);
			if (in < l->all->most)
				continue;
			pause_all(l->all, "the limit of descriptors is near; raise it "
					  "(ulimit -Hn, LimitNOFILE=)");
		} else if (starved) {
			pause_all(l->all, strerror(errno));
		}
		/* Other errors (the caller has closed already, a signal) are of this call only. */
		return;
	}
}

static int open_one(struct event_base *base, struct listener *l, const struct spec *spec)
{
	char err[ADDRESS_TEXT + FOLDERS_ERROR];
	struct address at = spec->listen;

	l->spec = spec;
	if (spec->is_twin) /* the listener before it may have a port that the kernel chose */
		address_set_port(&at, address_port(&l[-1].at.at));
	if (spec->inherited
		? activation_take(spec->inherited, spec->unsafe_listen, &l->at, err, sizeof(err))
		: address_listen(&at, SOMAXCONN, &spec->perm, &l->at, err, sizeof(err))) {
		log_msg(LOG_ERR, "cannot listen on %s", err);
		return -1;
	}
	address_format(&l->at.at, l->local, sizeof(l->local));
	l->event = loop_event(base, l->at.fd, EV_READ | EV_PERSIST, accept_some, l);
	return 0;
}

/* Only where the path is free: whether a socket there is dead only a connect would show, and an IPC
 * daemon takes every connect for a client. */
static int bind_again(struct listener *l, char *err, size_t size)
{
	struct stat st;

	if (lstat(address_path(&l->at.at), &st) != 0)
		return address_listen(&l->spec->listen, SOMAXCONN, &l->spec->perm, &l->at, err,
				      size);
	snprintf(err, size, "%s: something else is there now; move it away", l->local);
	return -1;
}

/* The path may have been removed, by a cleaner of /tmp or with its folder, or replaced. Connections
 * that are in the backlog of the old socket are accepted first. */
static void check_path(struct listener *l)
{
	struct event_base *base = event_get_base(l->all->check);
	char err[3 * ADDRESS_TEXT];
	const bool first = l->event;

	if (first && listening_in_place(&l->at))
		return;
	if (first) {
		accept_some(l->at.fd, 0, l);
		event_free(l->event);
		l->event = NULL;
		listening_close(&l->at);
	}
	if (bind_again(l, err, sizeof(err)) < 0) {
		if (first)
			log_msg(LOG_WARNING,
				"the path of a listener was removed or replaced, so nobody reaches "
				"it; it is bound again as soon as it can be: %s",
				err);
		return;
	}
	l->event = loop_event(base, l->at.fd, EV_READ | EV_PERSIST, accept_some, l);
	if (!event_pending(l->all->resume, EV_TIMEOUT, NULL))
		event_add(l->event, NULL);
	log_msg(LOG_WARNING,
		first ? "%s: the path of this listener was removed or replaced; it is bound again"
		      : "%s: the path of this listener is bound again",
		l->local);
}

static void check_paths(evutil_socket_t fd, short what, void *arg)
{
	struct listeners *ls = arg;

	for (size_t i = 0; i < ls->n; i++)
		check_path(&ls->each[i]);
}

struct listeners *listeners_open(struct event_base *base, const struct spec *specs, size_t n)
{
	struct listeners *ls = xcalloc(1, sizeof(*ls) + n * sizeof(ls->each[0]));
	struct rlimit limit;

	ls->most = INT_MAX;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > 4 * RESERVE &&
	    limit.rlim_cur < INT_MAX)
		ls->most = (int)limit.rlim_cur - RESERVE;
	for (size_t i = 0; i < n; i++) {
		ls->each[i].all = ls;
		ls->each[i].at.fd = -1;
	}
	ls->resume = loop_timer(base, resume_all, ls);
	ls->check = loop_event(base, -1, EV_PERSIST, check_paths, ls);
	for (size_t i = 0; i < n; i++) {
		if (spec_is_left_out(&specs[i]))
			continue;
		if (open_one(base, &ls->each[ls->n], &specs[i]) < 0) {
			listeners_free(ls);
			return NULL;
		}
		ls->n++;
	}
	return ls;
}

void listeners_start(struct listeners *ls, struct link *l)
{
	ls->link = l;
	resume_all(-1, 0, ls);
	for (size_t i = 0; i < ls->n; i++) {
		if (ls->each[i].at.ino)
			loop_after(ls->check, CHECK_MS);
	}
}

void listeners_stop(struct listeners *ls)
{
	for (size_t i = 0; i < ls->n; i++) {
		struct listener *l = &ls->each[i];

		if (!l->event)
			continue;
		accept_some(l->at.fd, 0, l);
		event_del(l->event);
		listening_close(&l->at);
	}
	event_del(ls->resume);
	event_del(ls->check);
}

const struct address *listeners_address(const struct listeners *ls, size_t i)
{
	return &ls->each[i].at.at;
}

const char *listeners_describe(const struct listeners *ls, size_t i, char *buf, size_t size)
{
	char to[ADDRESS_TEXT];

	if (i >= ls->n)
		return NULL;
	snprintf(buf, size, "%s -> %s", ls->each[i].local,
		 destination_format(&ls->each[i].spec->to, to, sizeof(to)));
	return buf;
}

void listeners_free(struct listeners *ls)
{
	if (!ls)
		return;
	for (size_t i = 0; i < ls->n; i++) {
		loop_drop(ls->each[i].event);
		listening_close(&ls->each[i].at);
	}
	event_free(ls->resume);
	event_free(ls->check);
	free(ls);
}
