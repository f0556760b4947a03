// SPDX-License-Identifier: BSD-2-Clause
#include "stdio_relay.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alloc.h"
#include "confine.h"
#include "io.h"
#include "log.h"
#include "loop.h"

/* What the threads tell, added up: the errno that ended either, and that stdout has all. */
#define STDOUT_ERROR(error) ((uint64_t)(error))
#define STDIN_ERROR(error)  ((uint64_t)(error) << 16)
#define DRAINED		    (1ULL << 32)

struct stdio {
	struct opening_watch watch;
	enum opening_end end;
	bool ended, drained, reported;
	struct event *told;
};

/* What the threads know. */
struct copies {
	int socket, told_fd;
};

/* To the end, or with errno. */
static enum { WHOLE, UNREAD, UNWRITTEN } copy(int from, int to)
{
	char buf[65536];
	ssize_t n = 0;

	while ((n = io_read(from, buf, sizeof(buf))) > 0) {
		if (io_write_all(to, buf, (size_t)n) < 0)
			return UNWRITTEN;
	}
	return n < 0 ? UNREAD : WHOLE;
}

static void tell(const struct copies *c, uint64_t what)
{
	while (write(c->told_fd, &what, sizeof(what)) < 0 && errno == EINTR)
		continue;
}

/* What could not be read to its end must not look whole to the endpoint. */
static void *copy_up(void *arg)
{
	const struct copies *c = arg;

	if (copy(STDIN_FILENO, c->socket) == UNREAD)
		tell(c, STDIN_ERROR(errno));
	else
		shutdown(c->socket, SHUT_WR);
	return NULL;
}

static void *copy_down(void *arg)
{
	const struct copies *c = arg;
	const uint64_t what =
	    copy(c->socket, STDOUT_FILENO) == UNWRITTEN ? STDOUT_ERROR(errno) : DRAINED;

	if (confine_null(STDOUT_FILENO) < 0) /* its reader waits for the end */
		close(STDOUT_FILENO);
	tell(c, what);
	return NULL;
}

static void report(struct stdio *s)
{
	if (s->reported || !s->ended || !(s->drained || s->end == OPENING_REFUSED))
		return;
	s->reported = true;
	s->watch.ended(s->watch.arg, s->end);
}

static void on_ended(void *arg, enum opening_end end)
{
	struct stdio *s = arg;

	s->ended = true;
	s->end = end;
	report(s);
}

static void on_told(evutil_socket_t fd, short what, void *arg)
{
	struct stdio *s = arg;
	uint64_t told = STDOUT_ERROR(EIO);
	int in, out;

	if (read(fd, &told, sizeof(told)) == sizeof(told))
		s->drained = s->drained || told >= DRAINED;
	out = (int)(told & 0xffff);
	in = (int)(told >> 16 & 0xffff);
	if (out == 0 && in == 0) {
		report(s);
		return;
	}
	s->drained = true;
	log_msg(LOG_ERR, "%s: %s", out ? "stdout" : "stdin",
		out == EPIPE ? "nobody reads it any more" : strerror(out ? out : in));
	on_ended(s, OPENING_ABORTED);
}

/* No signal is theirs. */
static int start_threads(struct copies *c)
{
	pthread_t up, down;
	sigset_t all, old;
	int rc = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&up, NULL, copy_up, c);
	if (rc == 0)
		rc = pthread_create(&down, NULL, copy_down, c);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = rc;
	return rc ? -1 : 0;
}

struct stdio *stdio_start(struct event_base *base, struct link *l, const struct destination *to,
			  const struct opening_watch *watch)
{
	struct stdio *s = xcalloc(1, sizeof(*s));
	const struct opening_watch ours = {on_ended, s};
	/* Outlives all else, as the threads may. */
	static struct copies copies;
	int pair[2];

	s->watch = *watch;
	copies.told_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (copies.told_fd < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		goto fail;
	copies.socket = pair[0];
	s->told = loop_watch(base, copies.told_fd, EV_READ | EV_PERSIST, on_told, s);
	if (start_threads(&copies) != 0)
		goto fail;
	link_open(l, to, pair[1], "stdin", &ours);
	return s;
fail:
	stdio_free(s);
	return NULL;
}

void stdio_free(struct stdio *s)
{
	if (!s)
		return;
	loop_drop(s->told);
	free(s);
}
