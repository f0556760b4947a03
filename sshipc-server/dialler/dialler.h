// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_DIALLER_H
#define SSHIPC_SERVER_DIALLER_H
/*
 * Connects to configured endpoints, without blocking and with a deadline: in the monitor itself,
 * or, when that is root, in a helper process that has the uid which endpoints shall see.  Knows
 * addresses by number only; nothing a peer sent reaches it.
 *
 * TCP sockets are made with SO_LINGER {1,0}, TCP_NODELAY and SO_KEEPALIVE.  EAGAIN of a Unix
 * socket, a backlog that is full, is tried again every 20 ms, by the dial that came first; those
 * behind it wait for it.  After its timeout any dial fails with ETIMEDOUT.
 */
#include <event2/event.h>

#include "endpoint.h"
#include "helper.h"

struct dialler;
struct dial;

/* fd: connected, non-blocking, address_connect'ed; or -1 and the errno of the failure. */
typedef void dial_done(void *arg, int fd, int error);

struct dialler_setup {
	const struct endpoint *endpoints; /* must outlive the dialler */
	size_t n;
	int timeout;			/* seconds until a dial is given up */
	const struct helper_user *user; /* demote: a helper dials */
	/* It died (all dials were reported as failed); code and text as of spawner_ops. */
	void (*lost)(void *arg, int code, const char *text);
	void *arg;
};

/* NULL with errno: no helper could be started. */
struct dialler *dialler_new(struct event_base *base, const struct dialler_setup *setup);
void dialler_free(struct dialler *d);

/* Dials that wait for room in the backlog of their endpoint get it in the order in which they came.
 * Starts one to endpoint i, from source (unset: the kernel's choice; copied).  done is called once,
 * perhaps before this returns, in which case NULL is returned. */
struct dial *dialler_dial(struct dialler *d, size_t i, const struct address *source,
			  dial_done *done, void *arg);

/* Ends it without a report. */
void dial_cancel(struct dial *d);

/* The helper process; never returns. */
void dialler_main(void) __attribute__((noreturn));

#endif
