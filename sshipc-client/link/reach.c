// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the client's process, from its loop; the link starts it once for each attempt.  It must
 * not consume bytes from the sockets, since libssh reads the banner: it only peeks.
 */
#include "reach.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alloc.h"
#include "log.h"
#include "loop.h"

enum {
	NEXT_MS = 250,	      /* until the next address is tried as well */
	FAILED_MS = 3000,     /* the same for an address that failed before */
	LINES_MAX = 8 * 1024, /* bytes that may come before a server says SSH- */
};

struct attempt {
	struct reach *r;
	struct address at;
	int fd;
	struct event *event; /* NULL: not begun, or over */
	bool connected;
	ssize_t said; /* bytes available at the last peek */
	uint64_t begun;
};

struct reach {
	struct event_base *base;
	const char *host;
	int timeout_s;
	const struct reach_memory *memory;
	struct resolve *resolve;
	struct attempt attempts[RESOLVE_MAX];
	size_t n, next, unfailed, active;
	struct event *more, *silent;
	char why[400];
	reach_done *done;
	void *arg;
};

/* ---- order ---- */

void reach_remember(struct reach_memory *m, const struct address *a, bool failed)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->n; i++)
		if (!address_equal(&m->failed[i], a))
			m->failed[kept++] = m->failed[i];
	m->n = kept;
	if (!failed)
		return;
	if (m->n == RESOLVE_MAX)
		memmove(m->failed, m->failed + 1, --m->n * sizeof(*m->failed));
	m->failed[m->n++] = *a;
}

/* 0: never. */
static size_t failed_when(const struct reach_memory *m, const struct address *a)
{
	for (size_t i = 0; i < m->n; i++)
		if (address_equal(&m->failed[i], a))
			return i + 1;
	return 0;
}

static void interleave(struct address *addresses, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		size_t other = i;

		while (other < n && addresses[other].sa.ss_family == addresses[i - 1].sa.ss_family)
			other++;
		if (other < n) {
			const struct address a = addresses[other];

			memmove(&addresses[i + 1], &addresses[i], (other - i) * sizeof(a));
			addresses[i] = a;
		}
	}
}

size_t reach_order(struct address *addresses, size_t n, const struct reach_memory *m)
{
	size_t unfailed = 0;

	interleave(addresses, n);
	/* Insertion sort, which is stable. */
	for (size_t i = 0; i < n; i++) {
		const struct address a = addresses[i];
		const size_t when = failed_when(m, &a);
		size_t to = i;

		for (; to > 0 && failed_when(m, &addresses[to - 1]) > when; to--)
			addresses[to] = addresses[to - 1];
		addresses[to] = a;
		unfailed += when == 0;
	}
	return unfailed;
}

const char *reach_at(const struct address *a, const char *server, char buf[REACH_AT])
{
	char text[ADDRESS_TEXT];

	buf[0] = '\0';
	if (a->sa.ss_family != AF_UNSPEC &&
	    strcmp(address_format(a, text, sizeof(text)), server) != 0)
		snprintf(buf, REACH_AT, " at %s", text);
	return buf;
}

/* ---- the race ---- */

static void stop(struct attempt *a)
{
	loop_drop(a->event);
	if (a->fd >= 0)
		close(a->fd);
	a->event = NULL;
	a->fd = -1;
}

/* winner NULL: there is none. */
static void finish(struct reach *r, struct attempt *winner)
{
	const int fd = winner ? winner->fd : -1, one = 1;
	char text[2][ADDRESS_TEXT];

	for (struct attempt *a = r->attempts; a < winner; a++)
		if (a->connected)
			log_msg(LOG_NOTICE,
				"%s accepted a connection and has said nothing for %llu ms; going "
				"on with %s",
				address_format(&a->at, text[0], sizeof(text[0])),
				(unsigned long long)(loop_ms() - a->begun),
				address_format(&winner->at, text[1], sizeof(text[1])));
	if (winner) {
		setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof(one));
		winner->fd = -1;
	}
	r->done(r->arg, fd, winner ? &winner->at : NULL, r->why);
	reach_cancel(r);
}

static void note(struct reach *r, const struct attempt *a, const char *what)
{
	const size_t used = strlen(r->why);
	char text[ADDRESS_TEXT];

	snprintf(r->why + used, sizeof(r->why) - used, "%s%s: %s", used ? ", " : "connect to ",
		 address_format(&a->at, text, sizeof(text)), what);
}

static struct attempt *first_connected(struct reach *r)
{
	for (struct attempt *a = r->attempts; a < r->attempts + r->next; a++)
		if (a->event && a->connected)
			return a;
	return NULL;
}

static void try_next(struct reach *r);

/* If no other address is left to try, a connection is enough. */
static void settle(struct reach *r)
{
	struct attempt *only = r->active == 1 ? first_connected(r) : NULL;

	if (r->next == r->n && (r->active == 0 || only))
		finish(r, only);
}

static void give_up(struct attempt *a, const char *why)
{
	struct reach *r = a->r;

	note(r, a, why);
	stop(a);
	a->connected = false;
	r->active--;
	if (r->next < r->n)
		try_next(r);
	else
		settle(r);
}

/* Other lines may come before the banner (RFC 4253 section 4.2). */
static bool speaks_ssh(const char *said, size_t n)
{
	const char *line = said;

	while (line && (size_t)(said + n - line) >= 4 && memcmp(line, "SSH-", 4) != 0) {
		line = memchr(line, '\n', (size_t)(said + n - line));
		line = line ? line + 1 : NULL;
	}
	return line && said + n - line >= 4;
}

static void on_said(evutil_socket_t fd, short what, void *arg)
{
	struct attempt *a = arg;
	char said[LINES_MAX];
	const ssize_t n = recv((int)fd, said, sizeof(said), MSG_PEEK | MSG_DONTWAIT);
	const int more = (int)n + 1;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		give_up(a, strerror(errno));
	} else if (speaks_ssh(said, (size_t)n)) {
		finish(a->r, a);
	} else if (n == a->said) {
		give_up(a, n ? "closed without speaking SSH" : "closed without a word");
	} else if ((size_t)n == sizeof(said)) {
		give_up(a, "does not speak SSH");
	} else {
		/* The bytes were only peeked at: the next event comes with more bytes, or at
		 * EOF. */
		a->said = n;
		setsockopt((int)fd, SOL_SOCKET, SO_RCVLOWAT, &more, sizeof(more));
	}
}

static void on_connected(evutil_socket_t fd, short what, void *arg)
{
	struct attempt *a = arg;
	const int error = address_connect_result(a->fd);

	if (error) {
		give_up(a, strerror(error));
		return;
	}
	a->connected = true;
	loop_drop(a->event);
	a->event = loop_watch(a->r->base, a->fd, EV_READ | EV_PERSIST, on_said, a);
	settle(a->r);
}

/* Starts the next address that can be tried. */
static void try_next(struct reach *r)
{
	bool pending;

	while (r->next < r->n) {
		struct attempt *a = &r->attempts[r->next++];

		a->begun = loop_ms();
		a->fd = address_connect(&a->at, NULL, &pending);
		if (a->fd < 0) {
			note(r, a, strerror(errno));
			continue;
		}
		r->active++;
		a->event = loop_watch(r->base, a->fd, EV_WRITE, on_connected, a);
		if (r->next < r->n)
			loop_after(r->more, r->next < r->unfailed ? NEXT_MS : FAILED_MS);
		else
			event_del(r->more);
		return;
	}
	event_del(r->more);
	settle(r);
}

static void on_more(evutil_socket_t fd, short what, void *arg)
{
	try_next(arg);
}

static void on_silent(evutil_socket_t fd, short what, void *arg)
{
	struct attempt *first = first_connected(arg);

	if (first)
		finish(arg, first);
}

static void on_resolved(void *arg, struct address *addresses, size_t n, const char *error)
{
	struct reach *r = arg;

	r->resolve = NULL;
	if (n == 0)
		snprintf(r->why, sizeof(r->why), "cannot resolve %s: %s", r->host, error);
	r->unfailed = reach_order(addresses, n, r->memory);
	r->n = n;
	for (size_t i = 0; i < n; i++)
		r->attempts[i] = (struct attempt){.r = r, .at = addresses[i], .fd = -1};
	loop_after(r->silent, (uint64_t)r->timeout_s * 500);
	try_next(r);
}

/* ---- life ---- */

struct reach *reach_start(struct event_base *base, const char *host, unsigned port, int timeout_s,
			  const struct reach_memory *m, reach_done *done, void *arg)
{
	struct reach *r = xcalloc(1, sizeof(*r));

	*r = (struct reach){.base = base,
			    .host = host,
			    .timeout_s = timeout_s,
			    .memory = m,
			    .done = done,
			    .arg = arg};
	r->more = loop_timer(base, on_more, r);
	r->silent = loop_timer(base, on_silent, r);
	r->resolve = resolve_start(base, host, port, timeout_s, on_resolved, r);
	return r;
}

const char *reach_phase(const struct reach *r)
{
	bool connected = false;

	for (size_t i = 0; i < r->next; i++)
		connected = connected || r->attempts[i].connected;
	return r->resolve  ? "name resolution"
	       : connected ? "the server's first word"
			   : "TCP connect";
}

void reach_cancel(struct reach *r)
{
	if (!r)
		return;
	resolve_cancel(r->resolve);
	for (size_t i = 0; i < r->n; i++)
		stop(&r->attempts[i]);
	event_free(r->more);
	event_free(r->silent);
	free(r);
}
