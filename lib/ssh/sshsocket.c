// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the session process and in the client; called by libssh, in place of libc, and by
 * sshloop.c.  It decides nothing: what may be read and written, and when, is sshloop.c's.  Its
 * object file stands beside the archive of lib/, not in it: a program that links it has these recv,
 * send and poll in all places.
 */
#include "sshsocket.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alloc.h"

struct sshsocket {
	LIST_ENTRY(sshsocket) all;
	ssh_session session;
	int fd; /* not libssh's, but its duplicate */
	short offered;
	size_t pos, len; /* of the buffer: what libssh has read, what was received */
	bool used;	 /* since sshsocket_rest */
	bool ended;	 /* an end of file or, if failed is set, an error was received */
	int failed;	 /* an errno of recv or send; 0: none */
	uint8_t buf[SSHSOCKET_ROOM]; /* pages that are never used cost nothing */
};

static LIST_HEAD(, sshsocket) sockets = LIST_HEAD_INITIALIZER(sockets);

static struct sshsocket *find(int fd)
{
	struct sshsocket *s;

	LIST_FOREACH(s, &sockets, all) {
		if (fd >= 0 && ssh_get_fd(s->session) == fd)
			return s;
	}
	return NULL;
}

struct sshsocket *sshsocket_new(ssh_session session, int fd)
{
	struct sshsocket *s = xmalloc(sizeof(*s));

	memset(s, 0, offsetof(struct sshsocket, buf));
	s->session = session;
	s->fd = fd;
	LIST_INSERT_HEAD(&sockets, s, all);
	return s;
}

void sshsocket_free(struct sshsocket *s)
{
	LIST_REMOVE(s, all);
	free(s);
}

void sshsocket_offer(struct sshsocket *s, short events)
{
	s->offered = events;
}

bool sshsocket_has_input(const struct sshsocket *s)
{
	return s->pos < s->len || s->ended || s->failed;
}

size_t sshsocket_left(const struct sshsocket *s)
{
	return s->len - s->pos;
}

bool sshsocket_fill(struct sshsocket *s)
{
	ssize_t n;

	if (s->pos < s->len || s->ended)
		return true;
	n = recvfrom(s->fd, s->buf, sizeof(s->buf), MSG_DONTWAIT, NULL, NULL);
	s->pos = 0;
	s->used = s->used || n > 0;
	s->len = n > 0 ? (size_t)n : 0;
	if (n < 0 && errno != EAGAIN && errno != EINTR && !s->failed)
		s->failed = errno;
	s->ended = n == 0 || (n < 0 && s->failed);
	return sshsocket_has_input(s);
}

bool sshsocket_hung_up(const struct sshsocket *s)
{
	struct pollfd p = {.fd = s->fd, .events = POLLRDHUP};

	return ppoll(&p, 1, &(struct timespec){0}, NULL) > 0 &&
	       (p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

/* The buffer is the last of a block larger than that: whole pages in it are nobody else's. */
void sshsocket_rest(struct sshsocket *s)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	const uintptr_t begin = ((uintptr_t)s->buf + page - 1) / page * page;
	const uintptr_t end = (uintptr_t)(s->buf + sizeof(s->buf)) / page * page;

	if (s->used && s->pos == s->len) {
		s->used = false;
		madvise((void *)begin, end - begin, MADV_DONTNEED);
	}
}

/* ---- what libssh calls; under their own names the C library declares checked forms ---- */

int sshsocket_poll(struct pollfd *fds, nfds_t n, int timeout) __asm__("poll");
/* What clang 21 makes of a poll of this program's own; libc's would be a system call that a session
 * may not make. */
int sshsocket_poll_chk(struct pollfd *fds, nfds_t n, int timeout,
		       size_t room) __asm__("__poll_chk");
ssize_t sshsocket_recv(int fd, void *p, size_t n, int flags) __asm__("recv");
ssize_t sshsocket_send(int fd, const void *p, size_t n, int flags) __asm__("send");

/* Trap: at POLLOUT without output libssh asks all channels whether they want to write: it is
 * offered only when there is output. */
int sshsocket_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	const struct timespec wait = {timeout / 1000, timeout % 1000 * 1000000L};
	struct sshsocket *s = n == 1 ? find(fds->fd) : NULL;

	if (!s)
		return ppoll(fds, n, timeout < 0 ? NULL : &wait, NULL);
	fds->revents = (short)(fds->events & s->offered & POLLOUT);
	if (fds->events & s->offered & POLLIN && sshsocket_has_input(s))
		fds->revents |= POLLIN;
	return fds->revents != 0;
}

int sshsocket_poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t room)
{
	return n <= room / sizeof(*fds) ? sshsocket_poll(fds, n, timeout) : (abort(), -1);
}

ssize_t sshsocket_recv(int fd, void *p, size_t n, int flags)
{
	struct sshsocket *s = find(fd);

	if (!s)
		return recvfrom(fd, p, n, flags, NULL, NULL);
	if (s->failed) /* send failed: what was received before that is read first */
		sshsocket_fill(s);
	if (s->pos < s->len) {
		n = n < s->len - s->pos ? n : s->len - s->pos;
		memcpy(p, s->buf + s->pos, n);
		s->pos += n;
		return (ssize_t)n;
	}
	if (s->ended && !s->failed)
		return 0;
	errno = s->ended ? s->failed : EAGAIN;
	return -1;
}

/* Trap: libssh takes EAGAIN and EINTR for the end of the connection. */
ssize_t sshsocket_send(int fd, const void *p, size_t n, int flags)
{
	struct sshsocket *s = find(fd);
	ssize_t sent;

	if (s && s->failed)
		return (ssize_t)n;
	sent = sendto(fd, p, n, s ? flags | MSG_DONTWAIT : flags, NULL, 0);
	if (!s || sent >= 0)
		return sent;
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	s->failed = errno;
	return (ssize_t)n;
}
