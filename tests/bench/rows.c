// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in bench-load as the clients of a tunnel, called by load.c.  Each function is one
 * measurement: it makes the load from the start, and load_over() says from when to when it counts.
 */
#include "load.h"

#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BLOCK	  (256 * 1024)
#define AT_ONCE	  64
#define WAIT_MS	  10 /* the longest time without a look at the clock */
#define TRY_AGAIN (MS / 5)

struct slot {
	int fd;
	bool asked;  /* the request has been sent */
	uint64_t at; /* when it, or its connection, was begun */
	size_t got;
	struct answer answer;
};

static char block[BLOCK] = "E"; /* as a request: what the endpoint sends back */

static struct slot *slots_new(const struct load *l)
{
	struct slot *slots = calloc((size_t)l->connections, sizeof(*slots));

	if (!slots)
		err(EXIT_FAILURE, "calloc");
	return slots;
}

/* ---- requests ---- */

/* Sends the request; while the connection is under way, once it is there. */
static void ask(int epoll, struct slot *s, int operation)
{
	s->asked = send(s->fd, block, REQUEST, MSG_DONTWAIT | MSG_NOSIGNAL) == REQUEST;
	if (!s->asked && errno != EAGAIN)
		err(EXIT_FAILURE, "a request cannot be sent");
	if (operation)
		load_watch(epoll, operation, s->fd, s->asked ? EPOLLIN : EPOLLOUT, s);
}

static void connect_and_ask(const struct load *l, int epoll, struct slot *s)
{
	s->at = load_now();
	s->fd = load_dial(l->port, SOCK_NONBLOCK);
	ask(epoll, s, EPOLL_CTL_ADD);
}

static void answered(struct load *l, struct slot *s)
{
	if (l->begun) {
		if (l->count < TOOK_MAX)
			l->took[l->count] = (uint32_t)(load_now() - s->at);
		l->count++;
	}
	s->got = 0;
}

static void requests(struct load *l, bool each_its_own)
{
	struct epoll_event events[AT_ONCE];
	struct slot *slots = slots_new(l);
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	for (int i = 0; i < l->connections; i++)
		connect_and_ask(l, epoll, &slots[i]);
	while (!load_over(l)) {
		int n = epoll_wait(epoll, events, AT_ONCE, WAIT_MS);

		for (int i = 0; i < n; i++) {
			struct slot *s = events[i].data.ptr;

			if (!s->asked) {
				ask(epoll, s, EPOLL_CTL_MOD);
				continue;
			}
			ssize_t got = recv(s->fd, block + REQUEST, REQUEST - s->got, MSG_DONTWAIT);
			if (got <= 0)
				err(EXIT_FAILURE, "a connection ended before its answer");
			if ((s->got += (size_t)got) < REQUEST)
				continue;
			answered(l, s);
			if (each_its_own) {
				close(s->fd);
				connect_and_ask(l, epoll, s);
			} else {
				s->at = load_now();
				ask(epoll, s, 0);
			}
		}
	}
	for (int i = 0; i < l->connections; i++)
		close(slots[i].fd);
	free(slots);
}

void rows_request(struct load *l, bool each_its_own)
{
	requests(l, each_its_own);
	load_report(l);
}

/* ---- bulk ---- */

/* Sends, or takes the endpoint's answer; true when it is there. */
static bool send_block(struct slot *s, uint32_t events)
{
	if (events & EPOLLIN) {
		ssize_t n = recv(s->fd, (char *)&s->answer + s->got, sizeof(s->answer) - s->got,
				 MSG_DONTWAIT);

		if (n <= 0)
			err(EXIT_FAILURE, "a transfer ended early");
		return (s->got += (size_t)n) == sizeof(s->answer);
	}
	if (send(s->fd, block, sizeof(block), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)
		err(EXIT_FAILURE, "a transfer ended early");
	return false;
}

static size_t receive_block(struct slot *s)
{
	ssize_t n = recv(s->fd, block, sizeof(block), MSG_DONTWAIT);

	if (n <= 0)
		err(EXIT_FAILURE, "a transfer ended early");
	return (size_t)n;
}

static void transfer(struct load *l, bool up)
{
	struct order order = {.kind = {up ? 'U' : 'D'}, .from = l->from, .until = l->until};
	struct slot *slots = slots_new(l);
	struct epoll_event events[AT_ONCE];
	int epoll = epoll_create1(EPOLL_CLOEXEC), answers = 0;
	double rate = 0; /* up: what the endpoint saw, bytes per ns */

	for (int i = 0; i < l->connections; i++) {
		slots[i].fd = load_dial(l->port, 0);
		if (send(slots[i].fd, &order, sizeof(order), MSG_NOSIGNAL) != sizeof(order))
			err(EXIT_FAILURE, "an order cannot be sent");
		load_watch(epoll, EPOLL_CTL_ADD, slots[i].fd, up ? EPOLLIN | EPOLLOUT : EPOLLIN,
			   &slots[i]);
	}
	l->count = up; /* the endpoint counts */
	while (!load_over(l) || (up && answers < l->connections)) {
		int n = epoll_wait(epoll, events, AT_ONCE, WAIT_MS);

		for (int i = 0; i < n; i++) {
			struct slot *s = events[i].data.ptr;

			if (!up) {
				size_t got = receive_block(s);
				if (l->begun)
					l->count = l->bytes += got;
			} else if (send_block(s, events[i].events)) {
				load_watch(epoll, EPOLL_CTL_MOD, s->fd, 0, s);
				rate += (double)s->answer.bytes / (double)s->answer.ns;
				answers++;
			}
		}
	}
	if (up)
		l->bytes = (uint64_t)(rate * (double)(l->ended - l->begun));
	for (int i = 0; i < l->connections; i++)
		load_reset(slots[i].fd);
	free(slots);
}

void rows_bulk(struct load *l, bool up)
{
	transfer(l, up);
	load_report(l);
}

void rows_beside(struct load *l, bool up)
{
	struct load *other =
	    mmap(NULL, sizeof(*other), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child;
	int status;

	if (other == MAP_FAILED)
		err(EXIT_FAILURE, "mmap");
	*other = *l;
	other->client = other->server = "";
	if ((child = fork()) < 0)
		err(EXIT_FAILURE, "fork");
	if (child == 0) {
		transfer(other, up);
		_exit(EXIT_SUCCESS);
	}
	requests(l, false);
	if (waitpid(child, &status, 0) < 0 || status != 0)
		load_die("the transfer beside the requests failed");
	l->bytes = (uint64_t)((double)other->bytes / (double)(other->ended - other->begun) *
			      (double)(l->ended - l->begun));
	load_report(l);
}

/* ---- idle connections, and the start of a client ---- */

static bool echoed(int fd)
{
	char answer[REQUEST];

	return send(fd, block, REQUEST, MSG_NOSIGNAL) == REQUEST &&
	       recv(fd, answer, REQUEST, MSG_WAITALL) == REQUEST;
}

void rows_idle(struct load *l)
{
	struct slot *slots = slots_new(l);
	int alive = 0;

	for (int i = 0; i < l->connections; i++) {
		slots[i].fd = load_dial(l->port, 0);
		if (!echoed(slots[i].fd))
			errx(EXIT_FAILURE, "connection %d ended before its answer", i + 1);
	}
	alarm(0);
	printf("{\"open\": %d}\n", l->connections);
	fflush(stdout);
	while (read(STDIN_FILENO, block + REQUEST, REQUEST) > 0)
		;
	for (int i = 0; i < l->connections; i++) {
		alive += echoed(slots[i].fd);
		close(slots[i].fd);
	}
	free(slots);
	printf("{\"alive\": %d}\n", alive);
}

static pid_t start(char **argv)
{
	pid_t child = fork();

	if (child < 0)
		err(EXIT_FAILURE, "fork");
	if (child == 0) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execvp(argv[0], argv);
		err(127, "%s", argv[0]);
	}
	return child;
}

/* True once a connection was made and had its answer: a listener may be there before its tunnel. */
static bool first_answer(int port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool done;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	done = connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && echoed(fd);
	close(fd);
	return done;
}

void rows_setup(struct load *l, char **argv)
{
	pid_t child;

	l->begun = load_now();
	child = start(argv);
	while (!first_answer(l->port)) {
		if (waitpid(child, NULL, WNOHANG) != 0)
			errx(EXIT_FAILURE, "%s ended before its first answer", argv[0]);
		nanosleep(&(struct timespec){0, (long)TRY_AGAIN}, NULL);
	}
	l->ended = load_now();
	l->count = 1;
	kill(child, SIGKILL); /* some take their time to end in order */
	waitpid(child, NULL, 0);
	load_report(l);
}
