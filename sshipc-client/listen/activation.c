// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the client while listener.c opens its listeners.  It may not close or change what the
 * service manager handed over, and takes no socket whose other end could be another machine.
 */
#include "activation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "notify.h"

static int number(const char *text)
{
	uint16_t v = 0;

	return text && address_parse_port(text, &v) == 0 ? v : -1;
}

/* Which descriptors were taken.  Listeners get duplicates: a client that executes itself anew at
 * SIGHUP finds the originals again. */
static uint64_t taken;

static int find(const char *name)
{
	const char *names = getenv("LISTEN_FDNAMES");
	const int n = notify_sockets();

	for (int fd = NOTIFY_FIRST_SOCKET; fd < NOTIFY_FIRST_SOCKET + n && fd < 64; fd++) {
		const size_t len = names ? strcspn(names, ":") : 0;

		if (!(taken & 1ULL << fd) &&
		    (number(name) == fd ||
		     (names && strlen(name) == len && strncmp(names, name, len) == 0)))
			return fd;
		names = names && names[len] ? names + len + 1 : NULL;
	}
	return -1;
}

static const char *check(int fd, bool unsafe_listen, struct address *at)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa), int_len = sizeof(int);
	int listens = 0, type = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &int_len) != 0 || !listens ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &int_len) != 0 || type != SOCK_STREAM ||
	    getsockname(fd, (struct sockaddr *)&sa, &len) != 0)
		return "it is no socket that listens for streams; ListenStream= and Accept=no make "
		       "one";
	address_from_sockaddr(at, (struct sockaddr *)&sa, len);
	if (!unsafe_listen && !address_is_loopback(at))
		return "it lets other machines in without a login; --unsafe-listen allows it";
	return NULL;
}

static const char none[] = "the service manager handed over no such socket (LISTEN_PID, "
			   "LISTEN_FDS, LISTEN_FDNAMES), or it is in use";

int activation_take(const char *name, bool unsafe_listen, struct listening *out, char *err,
		    size_t size)
{
	const int fd = find(name);
	const char *why = fd < 0 ? none : check(fd, unsafe_listen, &out->at);

	out->fd = -1;
	if (!why) {
		out->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		why = strerror(errno);
	}
	if (out->fd >= 0) {
		taken |= 1ULL << fd;
		fcntl(out->fd, F_SETFL, fcntl(out->fd, F_GETFL) | O_NONBLOCK);
		return 0;
	}
	snprintf(err, size, "fd:%s: %s", name, why);
	return -1;
}
