// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the process that a service manager started, the client or the keeper, called by client.c,
 * activation.c and keeper.c, and by its own timer.  It may not wait for the manager, and is
 * silent where there is none.
 */
#include "notify.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "alloc.h"
#include "loop.h"

enum { BEAT_MS = 5000 };

struct notify {
	int fd;
	struct address to;
	struct event *watchdog;
	void (*beat)(void *arg);
	void *arg;
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
	struct notify *n = arg;

	if (n->beat)
		n->beat(n->arg);
	else
		notify_send(n, "WATCHDOG=1");
}

static void start_watchdog(struct notify *n, struct event_base *base)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	const bool ours = usec && (!pid || strtol(pid, NULL, 10) == getpid());
	long ms = ours ? strtol(usec, NULL, 10) / 2000 : 0;

	if (n->beat && (ms <= 0 || ms > BEAT_MS))
		ms = BEAT_MS;
	if (ms <= 0)
		return;
	n->watchdog = loop_event(base, -1, EV_PERSIST, on_watchdog, n);
	loop_after(n->watchdog, (uint64_t)ms);
}

struct notify *notify_new(struct event_base *base, void (*beat)(void *arg), void *arg)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct address to;
	struct notify *n = NULL;

	if (!path || address_parse(path, 0, &to) || !address_is_unix(&to))
		return NULL;
	n = xcalloc(1, sizeof(*n));
	*n = (struct notify){.to = to, .beat = beat, .arg = arg};
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

int notify_sockets(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	uint16_t n = 0;

	if (!pid || strtol(pid, NULL, 10) != getpid() || !count ||
	    address_parse_port(count, &n) != 0)
		return 0;
	return n;
}
