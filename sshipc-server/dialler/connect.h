// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_CONNECT_H
#define SSHIPC_SERVER_CONNECT_H
/*
 * Connects to endpoints, without blocking and with a deadline: in the dialler, or in the monitor of
 * an ordinary user.
 *
 * TCP sockets are made with SO_LINGER {1,0}, TCP_NODELAY and SO_KEEPALIVE.  EAGAIN of a Unix
 * socket, a backlog that is full, is tried again every 20 ms, by the attempt that came first; those
 * behind it wait for it.  After its deadline any attempt fails with ETIMEDOUT.
 */
#include <event2/event.h>
#include <sys/queue.h>

#include "address.h"

struct connector; /* one a process */

/* fd: connected, non-blocking, address_connect'ed; or -1 and the errno of the failure. */
typedef void connect_done(void *arg, int fd, int error);

/* endpoints: how many there are. */
struct connector *connector_new(struct event_base *base, size_t endpoints);
void connector_free(struct connector *c); /* after its attempts; NULL is fine */

/* The caller's, with the first five members set. */
struct attempt {
	struct address to, source; /* source unset: the kernel's choice */
	time_t deadline;	   /* monotonic, when it is given up */
	connect_done *done;
	void *arg;
	TAILQ_ENTRY(attempt) entry; /* while it is queued */
	struct connector *owner;
	struct queue *queue; /* of its endpoint */
	bool queued;
	struct event *event;
	int fd;
};

/* Starts one to endpoint i.  done is called once, perhaps before this returns: false then. */
bool connector_start(struct connector *c, size_t i, struct attempt *a);

/* Ends it without a report. */
void connector_cancel(struct attempt *a);

#endif
