// SPDX-License-Identifier: BSD-2-Clause
/*
 * The dialler: sshipc-server executed again by a monitor that is root (launch.c), once for each uid
 * that endpoints may see, which it has before it reads anything.  It does what the monitor says
 * (message.h), to addresses that came with the start, and passes connected sockets back; a message
 * that the monitor cannot mean is its end.
 */
#include "dialler.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sysexits.h>
#include <unistd.h>

#include "alloc.h"
#include "confine.h"
#include "connect.h"
#include "helper.h"
#include "loop.h"
#include "message.h"

enum { ENDPOINTS_MAX = 1024 };

/* Asked for, and not answered yet. */
struct order {
	LIST_ENTRY(order) entry; /* the newest first */
	uint32_t id;
	struct attempt attempt;
};

static struct message_endpoint endpoints[ENDPOINTS_MAX];
static struct connector *connector;
static LIST_HEAD(, order) orders = LIST_HEAD_INITIALIZER(orders);

static void drop(struct order *o)
{
	LIST_REMOVE(o, entry);
	free(o);
}

static void on_done(void *arg, int fd, int error)
{
	struct order *o = arg;
	const struct message_not_dialled m = {
	    {fd >= 0 ? MESSAGE_DIALLED : MESSAGE_NOT_DIALLED, o->id}, error};

	if (message_send(HELPER_SOCKET, &m, fd >= 0 ? &fd : NULL) != 0)
		_exit(0);
	if (fd >= 0)
		close(fd);
	drop(o);
}

static void dial(const struct message_dial *m)
{
	const struct message_endpoint *e = &endpoints[m->endpoint];
	struct order *o = xcalloc(1, sizeof(*o));

	o->id = m->head.id;
	o->attempt = (struct attempt){.to = e->address,
				      .source = m->source,
				      .deadline = loop_seconds() + e->timeout,
				      .done = on_done,
				      .arg = o};
	LIST_INSERT_HEAD(&orders, o, entry);
	connector_start(connector, m->endpoint, &o->attempt);
}

/* It may have been answered meanwhile. */
static void cancel(uint32_t id)
{
	struct order *o;

	LIST_FOREACH(o, &orders, entry)
		if (o->id == id)
			break;
	if (!o)
		return;
	connector_cancel(&o->attempt);
	drop(o);
}

static void on_message(evutil_socket_t sock, short what, void *arg)
{
	struct message m;
	const int rc = message_recv(sock, &m, MESSAGE_TO_DIALLER);

	if (rc != 1)
		_exit(rc < 0 && errno == EPROTO ? EX_SOFTWARE : 0);
	if (m.head.type == MESSAGE_CANCEL)
		cancel(m.head.id);
	else if (m.head.type == MESSAGE_DIAL && m.dial.endpoint < ENDPOINTS_MAX)
		dial(&m.dial);
	else if (m.head.type == MESSAGE_ENDPOINT && m.head.id < ENDPOINTS_MAX)
		endpoints[m.head.id] = m.endpoint;
	else
		_exit(EX_SOFTWARE);
}

static void demote(const char *role)
{
	unsigned uid, gid;
	char name[64];

	errno = EINVAL;
	if (sscanf(role, "dialler %u:%u %63[^\n]", &uid, &gid, name) != 3 ||
	    confine_demote(name, uid, gid) != 0)
		helper_fail_call("initgroups, setresgid, setresuid");
}

void dialler_main(const char *role)
{
	struct event_base *base;

	/* Who was root and becomes another cannot be traced by that user, see launch.h. */
	if (geteuid() == 0)
		demote(role);
	helper_settle("sshipc-dialler");
	base = loop_new();
	connector = connector_new(base, ENDPOINTS_MAX);
	loop_watch(base, HELPER_SOCKET, EV_READ | EV_PERSIST, on_message, NULL);
	event_base_dispatch(base);
	_exit(0);
}
