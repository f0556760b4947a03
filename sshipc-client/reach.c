// SPDX-License-Identifier: BSD-2-Clause
#include "reach.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "loop.h"
#include "resolve.h"

struct reach {
	struct event_base *base;
	const char *host;
	int timeout_s;
	struct resolve *resolve;
	struct address addresses[RESOLVE_MAX];
	size_t n, next;
	int fd;
	struct event *connecting;
	char why[ADDRESS_TEXT + 256];
	reach_done *done;
	void *arg;
};

static void finish(struct reach *r, int fd)
{
	r->fd = -1;
	r->done(r->arg, fd, r->why);
	reach_cancel(r);
}

static void note(struct reach *r, int error)
{
	char text[ADDRESS_TEXT];

	snprintf(r->why, sizeof(r->why), "connect to %s: %s",
		 address_format(&r->addresses[r->next - 1], text, sizeof(text)), strerror(error));
}

static void try_next(struct reach *r);

static void on_connected(evutil_socket_t fd, short what, void *arg)
{
	struct reach *r = arg;
	const int error = what & EV_WRITE ? address_connect_result(r->fd) : ETIMEDOUT;

	event_free(r->connecting);
	r->connecting = NULL;
	if (!error) {
		finish(r, r->fd);
		return;
	}
	close(r->fd);
	note(r, error);
	try_next(r);
}

static void try_next(struct reach *r)
{
	/* One address that swallows packets must not use up the time of all. */
	const int share = 1 + r->timeout_s / (int)(r->n + 1);
	bool pending = false;

	while (r->next < r->n) {
		r->fd = address_connect(&r->addresses[r->next++], NULL, &pending);
		if (r->fd < 0) {
			note(r, errno);
			continue;
		}
		r->connecting = loop_event(r->base, r->fd, EV_WRITE, on_connected, r);
		loop_after(r->connecting, (uint64_t)share * 1000);
		return;
	}
	finish(r, -1);
}

static void on_resolved(void *arg, const struct address *addresses, size_t n, const char *error)
{
	struct reach *r = arg;

	r->resolve = NULL;
	if (n == 0)
		snprintf(r->why, sizeof(r->why), "cannot resolve %s: %s", r->host, error);
	memcpy(r->addresses, addresses, n * sizeof(*addresses));
	r->n = n;
	try_next(r);
}

struct reach *reach_start(struct event_base *base, const char *host, unsigned port, int timeout_s,
			  reach_done *done, void *arg)
{
	struct reach *r = xcalloc(1, sizeof(*r));

	*r = (struct reach){
	    .base = base, .host = host, .timeout_s = timeout_s, .fd = -1, .done = done, .arg = arg};
	r->resolve = resolve_start(base, host, port, timeout_s, on_resolved, r);
	return r;
}

const char *reach_phase(const struct reach *r)
{
	return r->resolve ? "name resolution" : "TCP connect";
}

void reach_cancel(struct reach *r)
{
	if (!r)
		return;
	resolve_cancel(r->resolve);
	loop_drop(r->connecting);
	if (r->fd >= 0)
		close(r->fd);
	free(r);
}
