// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the client's process under a service manager, called by client.c and by its own timer.
 * It may not wait for the manager, and is silent where there is none.
 */
#include "notify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "alloc.h"
#include "loop.h"

struct notify {
	int fd;
	struct address to;
	struct event *watchdog;
};

void notify_send(struct notify *n, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (!n)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	sendto(n->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&n->to.sa,
	       n->to.len);
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	notify_send(arg, "WATCHDOG=1");
}

static void start_watchdog(struct notify *n, struct event_base *base)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	const long half = usec ? strtol(usec, NULL, 10) / 2 : 0;

	if (half <= 0 || (pid && strtol(pid, NULL, 10) != getpid()))
		return;
	n->watchdog = loop_event(base, -1, EV_PERSIST, on_watchdog, n);
	loop_after(n->watchdog, (uint64_t)half / 1000);
	on_watchdog(-1, 0, n);
}

struct notify *notify_new(struct event_base *base)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct address to;
	struct notify *n = NULL;

	if (!path || address_parse(path, 0, &to) || !address_is_unix(&to))
		return NULL;
	n = xcalloc(1, sizeof(*n));
	n->to = to;
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (n->fd < 0) {
		free(n);
		return NULL;
	}
	start_watchdog(n, base);
	return n;
}

void notify_free(struct notify *n)
{
	if (!n)
		return;
	loop_drop(n->watchdog);
	close(n->fd);
	free(n);
}
