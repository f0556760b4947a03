// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in bench-load as a long path, called by load.c: a TCP relay that holds every byte for as
 * long as one way takes.  It keeps order and has no limit of rate; HELD_MAX is more than a way of
 * 25 ms holds at a gigabyte a second.  The target is dialled, and hears the first bytes, when TCP's
 * own handshake would be over: three ways after the client's connect.
 */
#include "load.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK	 (128 * 1024)
#define HELD_MAX (32u << 20)
#define AT_ONCE	 64

struct chunk {
	struct chunk *next;
	uint64_t due;
	size_t start, end; /* end 0: the end of the stream */
	char data[CHUNK];
};

struct flow {
	struct link *link;
	struct flow *back; /* the other direction */
	int from;	   /* back->from is where it goes; -1: not dialled yet */
	uint32_t watched;
	struct chunk *first, **last;
	size_t held;
	bool ended;   /* nothing more will be read */
	bool blocked; /* what is due waits for room */
	bool done;    /* the end has been passed on */
};

struct link {
	struct link *next, **at;
	uint64_t ready;
	struct flow up, down;
};

static struct chunk *spare;
static struct link *links;
static int epoll, target;
static uint64_t delay;

static struct chunk *chunk_new(void)
{
	struct chunk *c = spare;

	if (c)
		spare = c->next;
	else if (!(c = malloc(sizeof(*c))))
		err(EXIT_FAILURE, "malloc");
	c->next = NULL;
	c->start = c->end = 0;
	return c;
}

static void chunk_free(struct chunk *c)
{
	c->next = spare;
	spare = c;
}

static void link_free(struct link *l)
{
	struct flow *flows[] = {&l->up, &l->down};

	for (int i = 0; i < 2; i++) {
		for (struct chunk *c; (c = flows[i]->first);) {
			flows[i]->first = c->next;
			chunk_free(c);
		}
		if (flows[i]->from >= 0)
			close(flows[i]->from);
	}
	*l->at = l->next;
	if (l->next)
		l->next->at = l->at;
	free(l);
}

/* Asks for the events of f->from: room for back's bytes, and bytes of its own while there is room.
 */
static void watch(struct flow *f)
{
	uint32_t wanted =
	    (!f->ended && f->held < HELD_MAX ? EPOLLIN : 0u) | (f->back->blocked ? EPOLLOUT : 0u);

	if (f->from >= 0 && f->watched != wanted)
		load_watch(epoll, EPOLL_CTL_MOD, f->from, f->watched = wanted, f);
}

static void flow_begin(struct flow *f, int fd)
{
	f->from = fd;
	f->watched = EPOLLIN;
	load_watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, f);
}

static void accept_all(int listener)
{
	for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
		struct link *l = calloc(1, sizeof(*l));

		if (!l)
			err(EXIT_FAILURE, "calloc");
		l->ready = load_now() + 3 * delay;
		l->up = (struct flow){.link = l, .back = &l->down, .last = &l->up.first};
		l->down =
		    (struct flow){.link = l, .back = &l->up, .from = -1, .last = &l->down.first};
		flow_begin(&l->up, fd);
		l->at = &links;
		if ((l->next = links))
			links->at = &l->next;
		links = l;
	}
}

/* False: the connection was reset. */
static bool flow_read(struct flow *f)
{
	struct chunk *c = chunk_new();
	ssize_t n = recv(f->from, c->data, sizeof(c->data), MSG_DONTWAIT);

	if (n < 0) {
		chunk_free(c);
		return errno == EAGAIN;
	}
	f->ended = n == 0;
	c->end = (size_t)n;
	c->due = load_now() + delay;
	if (c->due < f->link->ready)
		c->due = f->link->ready;
	f->held += c->end;
	*f->last = c;
	f->last = &c->next;
	return true;
}

/* Passes on what is due.  False: the connection was reset. */
static bool flow_write(struct flow *f, uint64_t now)
{
	f->blocked = false;
	for (struct chunk *c; (c = f->first) && c->due <= now;) {
		if (c->end == 0) {
			shutdown(f->back->from, SHUT_WR);
			f->done = true;
		} else {
			ssize_t n = send(f->back->from, c->data + c->start, c->end - c->start,
					 MSG_DONTWAIT | MSG_NOSIGNAL);

			if (n < 0)
				return (f->blocked = errno == EAGAIN);
			c->start += (size_t)n;
			f->held -= (size_t)n;
			if (c->start < c->end)
				continue;
		}
		if (!(f->first = c->next))
			f->last = &f->first;
		chunk_free(c);
	}
	return true;
}

/* Moves what is due; returns when more will be, or 0 if the link is gone. */
static uint64_t link_run(struct link *l, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	if (now < l->ready)
		return l->ready;
	if (l->down.from < 0)
		flow_begin(&l->down, load_dial(target, 0));
	if (!flow_write(&l->up, now) || !flow_write(&l->down, now) ||
	    (l->up.done && l->down.done)) {
		link_free(l);
		return 0;
	}
	watch(&l->up);
	watch(&l->down);
	if (l->up.first && !l->up.blocked)
		next = l->up.first->due;
	if (l->down.first && !l->down.blocked && l->down.first->due < next)
		next = l->down.first->due;
	return next;
}

/* Moves what is due on all links; returns when more will be. */
static uint64_t run_all(void)
{
	uint64_t now = load_now(), next = UINT64_MAX;

	for (struct link *l = links, *following; l; l = following) {
		following = l->next;
		uint64_t due = link_run(l, now);
		if (due && due < next)
			next = due;
	}
	return next;
}

/* An event of f->from: true if nothing is left of its link. */
static bool event(struct flow *f, uint32_t events)
{
	if ((events & EPOLLERR) || ((events & EPOLLIN) && !f->ended && !flow_read(f))) {
		link_free(f->link);
		return true;
	}
	return false;
}

void relay_run(int port, uint64_t one_way)
{
	struct epoll_event events[AT_ONCE];
	int listener;

	target = port;
	delay = one_way;
	epoll = epoll_create1(EPOLL_CLOEXEC);
	listener = load_listen();
	load_watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
	for (uint64_t next = UINT64_MAX;; next = run_all()) {
		uint64_t now = load_now(), wait = next > now ? next - now : 0;
		struct timespec t = {(time_t)(wait / (1000 * MS)), (long)(wait % (1000 * MS))};
		/* One at a time where a link may go: its other direction may be among the events,
		 * too. */
		int n = epoll_pwait2(epoll, events, AT_ONCE, next == UINT64_MAX ? NULL : &t, NULL);

		for (int i = 0; i < n; i++) {
			if (!events[i].data.ptr)
				accept_all(listener);
			else if (event(events[i].data.ptr, events[i].events))
				break;
		}
	}
}
