// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the client's process with --stdio, started by client.c once the link is up: two threads
 * copy, since stdin and stdout must stay blocking, and the loop carries their socket.  The threads
 * may touch nothing but their descriptors: they have no lock, and libssh is the loop's.
 */
#include "stdio_relay.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alloc.h"
#include "confine.h"
#include "io.h"
#include "log.h"
#include "loop.h"

struct stdio {
	struct opening_watch watch;
	struct event *results;
	/* The end is reported once the channel has ended and stdout has all that came from it. */
	enum { CARRYING, CHANNEL_ENDED, DRAINED, REPORTED } state;
	enum opening_end end; /* from CHANNEL_ENDED on */
};

/* What a thread says of its descriptor: the errno that ended the copying, or 0 for all of it. */
struct result {
	int fd, error;
};

/* The descriptors of the threads. */
struct copies {
	int socket, results;
};

/* Copies up to the end of file, or fails with errno. */
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

static void send_result(const struct copies *c, int fd, int error)
{
	const struct result r = {fd, error};

	/* The pipe has room for more than the two results, and no signal is this thread's. */
	if (write(c->results, &r, sizeof(r)) < 0)
		return;
}

/* Where stdin could not be read to its end, the endpoint must not see an orderly end of file. */
static void *copy_up(void *arg)
{
	const struct copies *c = arg;

	if (copy(STDIN_FILENO, c->socket) == UNREAD)
		send_result(c, STDIN_FILENO, errno);
	else
		shutdown(c->socket, SHUT_WR);
	return NULL;
}

static void *copy_down(void *arg)
{
	const struct copies *c = arg;
	const int error = copy(c->socket, STDOUT_FILENO) == UNWRITTEN ? errno : 0;

	if (confine_null(STDOUT_FILENO) < 0) /* its reader waits for the end */
		close(STDOUT_FILENO);
	send_result(c, STDOUT_FILENO, error);
	return NULL;
}

static void report(struct stdio *s, enum opening_end end)
{
	if (s->state == REPORTED)
		return;
	s->state = REPORTED;
	s->watch.ended(s->watch.arg, end);
}

static void on_ended(void *arg, enum opening_end end)
{
	struct stdio *s = arg;

	s->end = end;
	if (s->state == DRAINED || end == OPENING_REFUSED)
		report(s, end);
	else if (s->state == CARRYING)
		s->state = CHANNEL_ENDED;
}

static void on_result(evutil_socket_t fd, short what, void *arg)
{
	struct stdio *s = arg;
	struct result r = {STDOUT_FILENO, EIO};

	if (read(fd, &r, sizeof(r)) != sizeof(r) || r.error != 0) {
		log_msg(LOG_ERR, "%s: %s", r.fd == STDOUT_FILENO ? "stdout" : "stdin",
			r.fd == STDOUT_FILENO && r.error == EPIPE ? "nobody reads it any more"
								  : strerror(r.error));
		report(s, OPENING_ABORTED);
	} else if (s->state == CHANNEL_ENDED) {
		report(s, s->end);
	} else if (s->state == CARRYING) {
		s->state = DRAINED;
	}
}

/* The threads are born with all signals blocked: signals are the loop's. */
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
	/* Static: the threads may go on until the process ends. */
	static struct copies copies;
	int pair[2], results[2];

	s->watch = *watch;
	if (pipe2(results, O_CLOEXEC) != 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		goto fail;
	copies = (struct copies){.socket = pair[0], .results = results[1]};
	s->results = loop_watch(base, results[0], EV_READ | EV_PERSIST, on_result, s);
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
	loop_drop(s->results);
	free(s);
}
