// SPDX-License-Identifier: BSD-2-Clause
/*
 * One message of another process, on a way and with as many descriptors as the first byte says:
 * what is taken has its form to the last byte, and no descriptor stays.
 */
#include "fuzz.h"

#include <errno.h>
#include <sys/socket.h>

#include "message.h"

static int pair[2];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair);
}

static void send_bytes(const uint8_t *data, size_t size, size_t n)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(3 * sizeof(int))];
	} control = {.align = {CMSG_LEN(n * sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct iovec iov = {.iov_base = (void *)data, .iov_len = size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	const int fds[3] = {STDERR_FILENO, STDERR_FILENO, STDERR_FILENO};

	memcpy(CMSG_DATA(&control.align), fds, n * sizeof(int));
	if (n > 0) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
	}
	EXPECT(sendmsg(pair[0], &msg, 0) == (ssize_t)size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const int before = fuzz_next_fd();
	struct message *m = malloc(sizeof(*m)); /* a sanitizer sees what is read behind it */

	if (size < 2 || size - 1 > sizeof(*m)) {
		free(m);
		return 0;
	}
	EXPECT(m);
	send_bytes(data + 1, size - 1, data[0] & 3);
	if (message_recv(pair[1], m, (enum message_way)(1 << (data[0] >> 2) % 6)) == 1) {
		EXPECT(message_size(m) == size - 1 && memcmp(m, data + 1, size - 1) == 0);
		EXPECT(strcmp(message_name(m->head.type), "unknown message") != 0);
		message_close_fds(m);
	} else {
		EXPECT(errno == EBADMSG || errno == EPROTO);
	}
	free(m);
	EXPECT(fuzz_next_fd() == before);
	return 0;
}
