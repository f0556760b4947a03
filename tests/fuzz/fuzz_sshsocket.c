// SPDX-License-Identifier: BSD-2-Clause
/*
 * The socket of a libssh session under any order of calls: what is read is what was sent, in order
 * and whole, behind it comes the end of file or the error, and nothing is reported that is not
 * there.
 */
#include "fuzz.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sshsocket.h"

static int libssh, ours, far; /* its descriptor, our duplicate, the peer's end */
static uint8_t told, heard;   /* the next byte that is sent, and that must be read */
static size_t under_way;
static short offered;

socket_t ssh_get_fd(ssh_session session)
{
	return libssh;
}

static void peer_sends(size_t n)
{
	uint8_t bytes[256];

	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(told + i);
	if (far >= 0 && write(far, bytes, n) == (ssize_t)n) {
		told = (uint8_t)(told + n);
		under_way += n;
	}
}

static void libssh_reads(struct sshsocket *s, size_t n)
{
	const bool has = sshsocket_has_input(s);
	uint8_t bytes[256];
	const ssize_t got = recv(libssh, bytes, n, 0);

	EXPECT(has || (got < 0 && errno == EAGAIN));
	for (ssize_t i = 0; i < got; i++)
		EXPECT(bytes[i] == heard++);
	under_way -= got > 0 ? (size_t)got : 0;
	if (has && n > 0 && got <= 0)
		EXPECT(under_way == 0 && far < 0 && sshsocket_has_input(s));
}

static void libssh_polls(struct sshsocket *s, short events)
{
	struct pollfd p = {.fd = libssh, .events = events};
	const int n = poll(&p, 1, 0);

	EXPECT(n == (p.revents != 0) && !(p.revents & ~(events & offered)));
	EXPECT(!(p.revents & POLLIN) || sshsocket_has_input(s));
}

static void step(struct sshsocket *s, uint8_t what, uint8_t n)
{
	static const uint8_t bytes[256];

	switch (what % 7) {
	case 0:
		peer_sends(n);
		break;
	case 1:
		libssh_reads(s, n);
		break;
	case 2:
		EXPECT(sshsocket_fill(s) == sshsocket_has_input(s));
		break;
	case 3:
		offered = (short)(n & (POLLIN | POLLOUT));
		sshsocket_offer(s, offered);
		break;
	case 4:
		libssh_polls(s, n & (POLLIN | POLLOUT));
		break;
	case 5:
		EXPECT(send(libssh, bytes, n, MSG_NOSIGNAL) >= 0);
		break;
	default:
		if (far >= 0 && n < 8)
			close(far);
		far = n < 8 ? -1 : far;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sshsocket *s;
	int pair[2];

	EXPECT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
	libssh = pair[0];
	ours = dup(pair[0]);
	far = pair[1];
	told = heard = 0;
	under_way = 0;
	offered = 0;
	s = sshsocket_new(NULL, ours);
	for (size_t i = 0; i + 1 < size; i += 2)
		step(s, data[i], data[i + 1]);
	sshsocket_free(s);
	close(libssh);
	close(ours);
	if (far >= 0)
		close(far);
	return 0;
}
