// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_NOTIFY_H
#define SSHIPC_NOTIFY_H
/*
 * The service manager: tells it how we are (sd_notify(3), and its watchdog), and knows the sockets
 * that it made for us.
 */
#include <event2/event.h>

struct notify;

/* NULL where NOTIFY_SOCKET is not set, or no socket could be made.  With WATCHDOG_USEC it sends
 * WATCHDOG=1 from the loop twice in that time.  With beat it calls that instead, every 5 s or, if
 * that is more often, twice in that time; beat sees to WATCHDOG=1 where all is well. */
struct notify *notify_new(struct event_base *base, void (*beat)(void *arg), void *arg);

/* "READY=1", "STATUS=...", lines of them; "RELOADING=1" with "MONOTONIC_USEC=", which "READY=1"
 * ends. Nothing for NULL; a manager that does not listen is not waited for. */
void notify_send(struct notify *n, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void notify_free(struct notify *n);

/* How many sockets it made for this process (sd_listen_fds(3)); they have the descriptors from
 * NOTIFY_FIRST_SOCKET on. */
#define NOTIFY_FIRST_SOCKET 3
int notify_sockets(void);

#endif
