// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in bench-load as the endpoint behind all tunnels, called by load.c: sends requests back,
 * counts what is sent up, sends what is taken down.  It may not be slower than a tunnel: one system
 * call more in a request is one too many.
 */
#include "load.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BLOCK	(256 * 1024)
#define AT_ONCE 256

struct connection {
	int fd;
	char kind; /* E, U or D; 0: not known yet */
	struct order order;
	size_t have;	       /* bytes of order */
	uint64_t begun, bytes; /* of the bytes that count */
	bool answered;
};

static char block[BLOCK];

static void end(struct connection *c)
{
	close(c->fd);
	free(c);
}

static void accept_all(int epoll, int listener)
{
	for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
		struct connection *c = calloc(1, sizeof(*c));

		if (!c)
			err(EXIT_FAILURE, "calloc");
		c->fd = fd;
		load_watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, c);
	}
	if (errno != EAGAIN && errno != ECONNABORTED)
		err(EXIT_FAILURE, "accept");
}

/* Takes what belongs to the order from the beginning of block; returns how much that is. */
static size_t take_order(int epoll, struct connection *c, size_t size)
{
	size_t taken = sizeof(c->order) - c->have;

	if (taken > size)
		taken = size;
	memcpy((char *)&c->order + c->have, block, taken);
	c->have += taken;
	if (c->have == sizeof(c->order)) {
		c->kind = c->order.kind[0];
		if (c->kind == 'D')
			load_watch(epoll, EPOLL_CTL_MOD, c->fd, EPOLLOUT, c);
		else if (c->kind != 'U')
			load_die("endpoint: an order that it does not know");
	}
	return taken;
}

static void count(struct connection *c, size_t size)
{
	uint64_t now = load_now();

	if (c->answered || now < c->order.from)
		return;
	if (!c->begun) {
		c->begun = now;
		return;
	}
	c->bytes += size;
	if (now >= c->order.until) {
		struct answer answer = {c->bytes, now - c->begun};

		c->answered = true;
		if (send(c->fd, &answer, sizeof(answer), MSG_NOSIGNAL) != sizeof(answer))
			load_die("endpoint: an answer cannot be sent");
	}
}

/* False: the connection is over. */
static bool readable(int epoll, struct connection *c)
{
	ssize_t n = recv(c->fd, block, sizeof(block), 0);
	size_t taken = 0;

	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	if (!c->kind && c->have == 0 && block[0] == 'E')
		c->kind = 'E';
	if (c->kind == 'E') /* one request at a time always fits */
		return send(c->fd, block, (size_t)n, MSG_NOSIGNAL) == n;
	if (!c->kind)
		taken = take_order(epoll, c, (size_t)n);
	if (c->kind == 'U' && (size_t)n > taken)
		count(c, (size_t)n - taken);
	return true;
}

void endpoint_run(void)
{
	struct epoll_event events[AT_ONCE];
	int epoll = epoll_create1(EPOLL_CLOEXEC), listener = load_listen();

	load_watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
	for (;;) {
		int n = epoll_wait(epoll, events, AT_ONCE, -1);

		for (int i = 0; i < n; i++) {
			struct connection *c = events[i].data.ptr;

			if (!c)
				accept_all(epoll, listener);
			else if (c->kind != 'D'
				     ? !readable(epoll, c)
				     : send(c->fd, block, sizeof(block), MSG_NOSIGNAL) < 0 &&
					   errno != EAGAIN)
				end(c);
		}
	}
}
