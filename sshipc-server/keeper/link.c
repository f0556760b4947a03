// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the keeper and in each generation, called by keeper.c and generation.c.  It knows the
 * form of a message only, and may never block: the other end may be stopped.
 */
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

union control {
	struct cmsghdr align;
	char space[CMSG_SPACE(LINK_FDS * sizeof(int))];
};

int link_send(int sock, enum link_type type, uint32_t number, const char *text, const int *fds,
	      size_t n_fds)
{
	struct link_message m = {.type = type, .number = number};
	union control control = {.space = {0}};
	struct iovec iov = {.iov_base = &m};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	snprintf(m.text, sizeof(m.text), "%s", text ? text : "");
	iov.iov_len = offsetof(struct link_message, text) + strlen(m.text) + 1;
	if (n_fds > 0) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.align), fds, n_fds * sizeof(int));
	}
	return sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -1 : 0;
}

int link_recv(int sock, struct link_message *m)
{
	union control control;
	struct iovec iov = {.iov_base = m, .iov_len = offsetof(struct link_message, fds)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	const struct cmsghdr *c;
	ssize_t n;

	m->type = 0;
	m->n_fds = 0;
	n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n <= 0)
		return n == 0 || errno == ECONNRESET ? 0 : -1;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		m->n_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(m->fds, CMSG_DATA(c), m->n_fds * sizeof(int));
	}
	if ((size_t)n > offsetof(struct link_message, text) &&
	    !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) && ((const char *)m)[n - 1] == '\0')
		return 1;
	link_close(m);
	errno = EPROTO;
	return -1;
}

void link_close(struct link_message *m)
{
	for (size_t i = 0; i < m->n_fds; i++)
		if (m->fds[i] >= 0)
			close(m->fds[i]);
	m->n_fds = 0;
}

int link_file(struct evbuffer *from)
{
	const int fd = memfd_create("sshipc", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	while (fd >= 0 && evbuffer_get_length(from) > 0)
		if (evbuffer_write(from, fd) <= 0) {
			close(fd);
			return -1;
		}
	if (fd >= 0)
		fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	return fd;
}

int link_read_file(int fd, size_t most, struct evbuffer *to)
{
	struct evbuffer_iovec room;
	struct stat st;
	ssize_t n = -1;
	int cause = EFBIG;

	/* The offset of a file that several got is theirs together. */
	if (fstat(fd, &st) == 0 && st.st_size >= 0 && (size_t)st.st_size <= most &&
	    evbuffer_reserve_space(to, st.st_size + 1, &room, 1) == 1) {
		n = pread(fd, room.iov_base, (size_t)st.st_size, 0);
		cause = n < 0 ? errno : EIO;
	}
	close(fd);
	if (n < 0 || n != st.st_size) {
		errno = cause;
		return -1;
	}
	room.iov_len = (size_t)n;
	return evbuffer_commit_space(to, &room, 1);
}
