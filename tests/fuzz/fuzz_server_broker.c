// SPDX-License-Identifier: BSD-2-Clause
/*
 * A session that asks the monitor and hears whatever comes: pieces of the input, each with a length
 * before it, one in four with a descriptor.
 */
#include "fuzz.h"

#include <sys/socket.h>

#include "broker.h"

static const uint32_t id = 0x00010000;
static size_t late, lost;

/* As the session reads what it did not ask for. */
static void on_late(void *arg, struct message *m)
{
	late++;
	if (m->head.type == MESSAGE_END)
		((struct broker *)arg)->ended = strlen(m->end.reason) < sizeof(m->end.reason);
	else if (m->head.id == id && m->head.type == MESSAGE_OPENED)
		close(message_take_fd(m, 0));
}

static void on_lost(void *arg)
{
	lost++;
}

static size_t feed(int sock, const uint8_t *data, size_t size)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {.align = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	const int fd = STDERR_FILENO;
	size_t n, sent = 0;

	memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
	for (; size > 1; data += 1 + n, size -= 1 + n) {
		struct iovec iov = {.iov_base = (void *)(data + 1)};
		struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

		iov.iov_len = n = data[0] % 64 < size ? data[0] % 64 : size - 1;
		if (data[0] >= 0xc0) {
			msg.msg_control = &control;
			msg.msg_controllen = sizeof(control);
		}
		if (sendmsg(sock, &msg, 0) < 0)
			break;
		sent++;
	}
	return sent;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const int before = fuzz_next_fd();
	const struct message_open open = {.head = {MESSAGE_OPEN, id}};
	struct broker b = {.state = MESSAGE_UP, .late = on_late, .lost = on_lost, .arg = &b};
	int pair[2];
	size_t sent;

	late = lost = 0;
	EXPECT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) == 0);
	b.fd = pair[1];
	sent = feed(pair[0], data, size);
	/* No more comes after these. */
	EXPECT(shutdown(pair[0], SHUT_WR) == 0);
	if (broker_ask(&b, &open)) {
		EXPECT(message_answers(b.in.head.type) == MESSAGE_OPEN && b.in.head.id == id);
		message_close_fds(&b.in);
		while (!b.gone && !b.ended)
			broker_poll(&b); /* which leaves some to the next event */
	}
	EXPECT((b.gone || b.ended) && lost == b.gone && late <= sent);
	close(pair[0]);
	close(pair[1]);
	EXPECT(fuzz_next_fd() == before);
	return 0;
}
