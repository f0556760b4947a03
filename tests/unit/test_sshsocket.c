// SPDX-License-Identifier: BSD-2-Clause
/*
 * What libssh sees of its socket: with a session that this file stands in for, whose descriptor is
 * one end of a pair.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sshsocket.h"

enum { PIECE = 4096 };

static struct {
	int libssh, ours, far; /* the descriptor of libssh, its duplicate, the peer's */
	struct sshsocket *socket;
} world;

socket_t ssh_get_fd(ssh_session session)
{
	return world.libssh;
}

static void begin(void)
{
	int pair[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	world.libssh = pair[0];
	world.ours = dup(pair[0]);
	world.far = pair[1];
	world.socket = sshsocket_new(NULL, world.ours);
}

static void end(void)
{
	sshsocket_free(world.socket);
	close(world.libssh);
	close(world.ours);
	close(world.far);
}

/* What libssh's poll reports, of all that it may ask for. */
static int polled(void)
{
	struct pollfd p = {.fd = world.libssh, .events = POLLIN | POLLOUT};
	const int n = poll(&p, 1, 0);

	cr_expect_eq(n, p.revents != 0);
	return p.revents;
}

static void type(const char *text)
{
	cr_assert_eq(write(world.far, text, strlen(text)), (ssize_t)strlen(text));
}

/* What libssh reads: the text, "" at an end of file, "-" and errno. */
static const char *reads(size_t n)
{
	static char text[64];
	const ssize_t got = recv(world.libssh, text, n, 0);

	if (got < 0)
		snprintf(text, sizeof(text), "-%d", errno);
	else
		text[got] = '\0';
	return text;
}

Test(sshsocket, offers, .init = begin, .fini = end)
{
	static const short offers[] = {0, POLLIN, POLLOUT, POLLIN | POLLOUT};

	for (size_t i = 0; i < 4; i++) {
		sshsocket_offer(world.socket, offers[i]);
		cr_expect_eq(polled(), offers[i] & POLLOUT, "nothing was received");
	}
	type("x");
	cr_expect_eq(polled(), POLLOUT, "what arrives is not reported before it was received");
	cr_assert(sshsocket_fill(world.socket));
	for (size_t i = 0; i < 4; i++) {
		sshsocket_offer(world.socket, offers[i]);
		cr_expect_eq(polled(), offers[i]);
	}
}

Test(sshsocket, reads_in_order, .init = begin, .fini = end)
{
	cr_expect_not(sshsocket_fill(world.socket), "there is nothing");
	cr_expect_str_eq(reads(8), "-11", "EAGAIN");
	type("one ");
	cr_expect(sshsocket_fill(world.socket));
	type("two");
	cr_expect(sshsocket_fill(world.socket), "there is something left");
	cr_expect_str_eq(reads(3), "one", "a short read");
	cr_expect_eq(sshsocket_left(world.socket), 1, "of what was received");
	cr_expect_str_eq(reads(8), " ", "nothing is received while something is left");
	cr_expect_not(sshsocket_has_input(world.socket));
	cr_expect(sshsocket_fill(world.socket));
	close(world.far);
	world.far = -1;
	cr_expect_str_eq(reads(8), "two");
	cr_expect(sshsocket_fill(world.socket), "an end of file is something to read");
	cr_expect_str_eq(reads(8), "");
	cr_expect_str_eq(reads(8), "", "and remains");
	cr_expect(sshsocket_has_input(world.socket));
}

/* One call receives what libssh reads in many. */
Test(sshsocket, many_pieces, .init = begin, .fini = end)
{
	char piece[PIECE], got[PIECE];
	size_t wrote = 0, pieces = 0;

	memset(piece, 'p', sizeof(piece));
	while (write(world.far, piece, sizeof(piece)) == PIECE)
		wrote++;
	cr_assert_gt(wrote, 4);
	while (sshsocket_fill(world.socket))
		for (; sshsocket_has_input(world.socket); pieces++)
			cr_assert_eq(recv(world.libssh, got, PIECE, 0), PIECE);
	cr_expect_eq(pieces, wrote);
}

Test(sshsocket, full_socket, .init = begin, .fini = end)
{
	static char much[1 << 20];
	ssize_t n;

	n = send(world.libssh, much, sizeof(much), MSG_NOSIGNAL);
	cr_expect(n > 0 && n < (ssize_t)sizeof(much), "a part is taken: %zd", n);
	while (n > 0)
		n = send(world.libssh, much, sizeof(much), MSG_NOSIGNAL);
	cr_expect_eq(n, 0, "EAGAIN would end the session");
}

/* The peer says why it ends the session, and closes: what we send by then fails. */
Test(sshsocket, last_words, .init = begin, .fini = end)
{
	type("goodbye");
	close(world.far);
	world.far = -1;
	cr_expect_eq(send(world.libssh, "x", 1, MSG_NOSIGNAL), 1, "the error is kept");
	cr_expect_eq(send(world.libssh, "xyz", 3, MSG_NOSIGNAL), 3);
	cr_assert(sshsocket_fill(world.socket));
	cr_expect_str_eq(reads(16), "goodbye");
	cr_assert(sshsocket_fill(world.socket));
	cr_expect_eq(atoi(reads(16)), -EPIPE);
}

/* Where nothing more can be sent, that is the end, too: the loop reports nothing to read. */
Test(sshsocket, error_of_send, .init = begin, .fini = end)
{
	shutdown(world.far, SHUT_RD);
	cr_expect_not(sshsocket_fill(world.socket));
	type("abc");
	cr_assert(sshsocket_fill(world.socket));
	type("def");
	cr_expect_eq(send(world.libssh, "x", 1, MSG_NOSIGNAL), 1);
	sshsocket_offer(world.socket, POLLIN);
	cr_expect_str_eq(reads(16), "abc");
	cr_expect(sshsocket_has_input(world.socket));
	cr_expect_eq(polled(), POLLIN);
	cr_expect_str_eq(reads(16), "def", "all that came before is read first");
	cr_expect(sshsocket_has_input(world.socket));
	cr_expect_eq(atoi(reads(1)), -EPIPE);
}

Test(sshsocket, reset, .init = begin, .fini = end)
{
	const struct linger on = {.l_onoff = 1};
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(at);
	const int listener = socket(AF_INET, SOCK_STREAM, 0), far = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert_eq(bind(listener, (struct sockaddr *)&at, len), 0);
	cr_assert_eq(listen(listener, 1), 0);
	cr_assert_eq(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	cr_assert_eq(connect(far, (struct sockaddr *)&at, len), 0);
	cr_assert_eq(dup2(accept(listener, NULL, NULL), world.ours), world.ours);
	setsockopt(far, SOL_SOCKET, SO_LINGER, &on, sizeof(on));
	close(far);
	close(listener);
	cr_assert(sshsocket_fill(world.socket));
	cr_expect_eq(atoi(reads(1)), -ECONNRESET);
}

/* libssh closes its descriptor in a callback, and the number becomes another socket's. */
Test(sshsocket, not_libsshs_any_more, .init = begin, .fini = end)
{
	struct pollfd p = {.fd = world.libssh, .events = POLLIN | POLLOUT};
	char got[8];

	type("for libssh");
	cr_assert(sshsocket_fill(world.socket));
	type("us");
	world.libssh = -1;
	cr_expect_eq(poll(&p, 1, 0), 1);
	cr_expect_eq(p.revents, POLLIN | POLLOUT, "the kernel's answer");
	cr_expect_eq(recv(p.fd, got, sizeof(got), 0), 2);
	cr_expect_eq(recv(p.fd, got, sizeof(got), 0), -1);
	cr_expect_eq(send(p.fd, "x", 1, 0), 1);
	close(world.far);
	world.far = -1;
	cr_expect_eq(send(p.fd, "x", 1, MSG_NOSIGNAL), -1);
	cr_expect_eq(errno, EPIPE);
	world.libssh = p.fd;
}

/* KiB of memory that is this process's own. */
static long own(void)
{
	FILE *f = fopen("/proc/self/smaps_rollup", "r");
	char line[256];
	long kib = -1;

	while (kib < 0 && f && fgets(line, sizeof(line), f))
		sscanf(line, "Private_Dirty: %ld", &kib);
	cr_assert(f && kib >= 0);
	fclose(f);
	return kib;
}

Test(sshsocket, rests, .init = begin, .fini = end)
{
	static char block[64 * 1024];
	ssize_t n = write(world.far, block, sizeof(block));
	long before;

	cr_assert_eq(n, (ssize_t)sizeof(block));
	cr_assert(sshsocket_fill(world.socket));
	sshsocket_rest(world.socket);
	while (sshsocket_has_input(world.socket))
		n -= recv(world.libssh, block, sizeof(block) / 2, 0);
	cr_expect_eq(n, 0, "what libssh has not read stays");
	before = own();
	sshsocket_rest(world.socket);
	cr_expect(own() <= before - 48, "%ld KiB after %ld", own(), before);
	type("more");
	cr_assert(sshsocket_fill(world.socket));
	cr_expect_str_eq(reads(9), "more");
}

/* Others wait as ever. */
Test(sshsocket, poll_of_others, .init = begin, .fini = end)
{
	struct pollfd two[] = {{.fd = world.far, .events = POLLIN}, {.fd = -1}};

	cr_expect_eq(poll(two, 2, 1), 0);
	cr_assert_eq(write(world.ours, "x", 1), 1);
	cr_expect_eq(poll(two, 2, -1), 1);
	cr_expect_eq(poll(NULL, 0, 1), 0);
}
