// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the process of the tunnel, called by the link and from the loop: connects to the first
 * server now and then.  It does not touch the session: the link gives that up, and uses the
 * connection that was made here.
 */
#include "first.h"

#include <stdlib.h>
#include <unistd.h>

#include "alloc.h"
#include "loop.h"

enum { VAIN_MAX = 4 }; /* the pause between two attempts grows up to 16 times */

struct first {
	struct event_base *base;
	const struct settings *s;
	struct first_ops ops;
	struct event *look;
	struct reach *reach; /* NULL: not looking */
	unsigned vain;	     /* how often in a row it answered and the login failed */
};

static void on_reached(void *arg, int fd, const struct address *at, const char *why)
{
	struct first *f = arg;

	f->reach = NULL;
	if (fd >= 0 && openings_idle(f->ops.openings)) {
		f->vain += f->vain < VAIN_MAX;
		f->ops.back(f->ops.arg, fd, at, why);
		return;
	}
	if (fd >= 0)
		close(fd);
	first_watch(f, true);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
	struct first *f = arg;
	const struct settings_server *first = f->s->servers;

	if (openings_idle(f->ops.openings))
		f->reach = reach_start(f->base, first->host, first->port, f->s->connect_timeout,
				       f->ops.memory, on_reached, f);
	else
		first_watch(f, true);
}

struct first *first_new(struct event_base *base, const struct settings *s,
			const struct first_ops *ops)
{
	struct first *f = xcalloc(1, sizeof(*f));

	*f = (struct first){.base = base, .s = s, .ops = *ops};
	f->look = loop_timer(base, on_look, f);
	return f;
}

void first_free(struct first *f)
{
	first_stop(f);
	event_free(f->look);
	free(f);
}

void first_watch(struct first *f, bool elsewhere)
{
	if (!elsewhere)
		f->vain = 0;
	else if (f->s->return_to_first)
		loop_after(f->look, ((uint64_t)f->s->return_to_first * 1000) << f->vain);
}

void first_stop(struct first *f)
{
	reach_cancel(f->reach);
	f->reach = NULL;
	event_del(f->look);
}
