// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the client's process, called by reach.c; getaddrinfo(3) runs in a child, which is killed
 * at the timeout.  The child may use no descriptor but its pipe, and its answer is checked as
 * untrusted input.
 */
#include "resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "confine.h"
#include "loop.h"

/* The child's answer; small enough that a pipe carries it in one piece. */
struct answer {
	int error, system; /* of getaddrinfo, and its errno */
	size_t n;
	struct address addresses[RESOLVE_MAX];
};

_Static_assert(sizeof(struct answer) <= 4096, "a larger answer would need a loop at both ends");

struct resolve {
	struct event *event;
	pid_t child; /* 0: none is needed, -1: it could not be made */
	int fd;
	uint16_t port;
	struct address numeric;
	resolve_done *done;
	void *arg;
};

static void look_up(const char *host, struct answer *a)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;

	a->error = getaddrinfo(host, NULL, &hints, &list);
	a->system = errno;
	if (a->error)
		return;
	for (struct addrinfo *i = list; i && a->n < RESOLVE_MAX; i = i->ai_next)
		address_from_sockaddr(&a->addresses[a->n++], i->ai_addr, i->ai_addrlen);
	freeaddrinfo(list);
}

/* The child closes all of the parent's descriptors: no listener may outlive the parent in it. */
static void __attribute__((noreturn)) child(int out, pid_t parent, const char *host)
{
	enum { FD = 3 };
	struct answer a = {.n = 0};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	if (getppid() != parent || (out != FD && dup2(out, FD) < 0) ||
	    confine_close_from(FD + 1, 0) != 0)
		_exit(1);
	look_up(host, &a);
	_exit(write(FD, &a, sizeof(a)) == (ssize_t)sizeof(a) ? 0 : 1);
}

static void start_child(struct resolve *r, const char *host)
{
	int ends[2];
	pid_t self = getpid();

	r->child = -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	r->child = fork();
	if (r->child == 0)
		child(ends[1], self, host);
	close(ends[1]);
	r->fd = ends[0];
}

static const char *read_answer(int fd, short what, struct answer *a)
{
	if (what & EV_TIMEOUT)
		return "timed out";
	if (read(fd, a, sizeof(*a)) != (ssize_t)sizeof(*a) || a->n > RESOLVE_MAX)
		return "the look-up process died";
	if (a->error)
		return a->error == EAI_SYSTEM ? strerror(a->system) : gai_strerror(a->error);
	return a->n ? NULL : "no address";
}

static void finish(evutil_socket_t fd, short what, void *arg)
{
	struct resolve *r = arg;
	struct answer a = {.n = 1, .addresses = {r->numeric}};
	const char *error = r->child < 0 ? "no process could be made for the look-up"
			    : fd < 0	 ? NULL
					 : read_answer(fd, what, &a);

	for (size_t i = 0; !error && i < a.n; i++)
		address_set_port(&a.addresses[i], r->port);
	r->done(r->arg, a.addresses, error ? 0 : a.n, error);
	resolve_cancel(r);
}

struct resolve *resolve_start(struct event_base *base, const char *host, unsigned port,
			      int timeout_s, resolve_done *done, void *arg)
{
	struct resolve *r = xcalloc(1, sizeof(*r));

	*r = (struct resolve){.fd = -1, .port = (uint16_t)port, .done = done, .arg = arg};
	if (address_from_host(host, r->port, &r->numeric) < 0)
		start_child(r, host);
	r->event = loop_event(base, r->fd, r->fd < 0 ? 0 : EV_READ, finish, r);
	loop_after(r->event, r->fd < 0 ? 0 : (uint64_t)timeout_s * 1000);
	return r;
}

void resolve_cancel(struct resolve *r)
{
	if (!r)
		return;
	if (r->child > 0) {
		kill(r->child, SIGKILL);
		while (waitpid(r->child, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (r->fd >= 0)
		close(r->fd);
	event_free(r->event);
	free(r);
}
