// SPDX-License-Identifier: BSD-2-Clause
#include "wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void put(struct wire *w, const void *p, size_t n)
{
	if (n > sizeof(w->buf) - w->len) {
		w->bad = true;
		return;
	}
	if (n > 0)
		memcpy(w->buf + w->len, p, n);
	w->len += n;
}

static const void *get(struct wire *w, size_t n)
{
	const void *p = w->buf + w->pos;

	if (w->bad || n > w->len - w->pos) {
		w->bad = true;
		return NULL;
	}
	w->pos += n;
	return p;
}

static void reset(struct wire *w)
{
	w->len = w->pos = 0;
	w->bad = false;
	for (size_t i = 0; i < WIRE_FDS; i++)
		w->fds[i] = -1;
}

void wire_start(struct wire *w, enum wire_type type)
{
	const uint8_t t = (uint8_t)type;

	reset(w);
	put(w, &t, 1);
}

void wire_put_u32(struct wire *w, uint32_t v)
{
	put(w, &v, sizeof(v));
}

void wire_put_u64(struct wire *w, uint64_t v)
{
	put(w, &v, sizeof(v));
}

void wire_put_bytes(struct wire *w, const void *p, size_t n)
{
	if (n > WIRE_MAX) {
		w->bad = true;
		return;
	}
	wire_put_u32(w, (uint32_t)n);
	put(w, p, n);
}

void wire_put_text(struct wire *w, const char *s)
{
	wire_put_bytes(w, s, strlen(s));
}

void wire_attach(struct wire *w, int fd)
{
	for (size_t i = 0; i < WIRE_FDS; i++)
		if (w->fds[i] < 0) {
			w->fds[i] = fd;
			return;
		}
	w->bad = true;
}

int wire_send(int sock, const struct wire *w)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(WIRE_FDS * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = (void *)w->buf, .iov_len = w->len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	size_t n = 0;
	ssize_t rc;

	if (w->bad) {
		errno = EMSGSIZE;
		return -1;
	}
	while (n < WIRE_FDS && w->fds[n] >= 0)
		n++;
	if (n > 0) {
		struct cmsghdr *c = &control.align;

		memset(&control, 0, sizeof(control));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), w->fds, n * sizeof(int));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
	}
	do
		rc = n > 0 ? sendmsg(sock, &msg, MSG_NOSIGNAL)
			   : send(sock, w->buf, w->len, MSG_NOSIGNAL);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? -1 : 0;
}

/* Keeps up to max descriptors; a surplus is closed and reported. */
static bool collect_fds(struct wire *w, struct msghdr *msg, size_t max)
{
	size_t kept = 0;
	bool surplus = false;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (kept < max) {
				w->fds[kept++] = fd;
			} else {
				close(fd);
				surplus = true;
			}
		}
	}
	return !surplus;
}

int wire_recv(int sock, struct wire *w, size_t max_fds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(WIRE_FDS * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = w->buf, .iov_len = sizeof(w->buf)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	reset(w);
	/* Without room for control data the kernel closes what was attached and sets MSG_CTRUNC. */
	if (max_fds > 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	/* Said once, before the last words of one that died without having read ours. */
	if (n < 0 && errno == ECONNRESET)
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -1;
	if (n == 0 && msg.msg_controllen == 0 && (msg.msg_flags & MSG_CTRUNC) == 0)
		return 0;
	if ((max_fds > 0 && !collect_fds(w, &msg, max_fds)) ||
	    (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || n == 0) {
		wire_close_fds(w);
		errno = EBADMSG;
		return -1;
	}
	w->len = (size_t)n;
	w->pos = 1;
	return 1;
}

enum wire_type wire_type(const struct wire *w)
{
	return (enum wire_type)w->buf[0];
}

uint32_t wire_get_u32(struct wire *w)
{
	uint32_t v = 0;
	const void *p = get(w, sizeof(v));

	if (p)
		memcpy(&v, p, sizeof(v));
	return v;
}

uint64_t wire_get_u64(struct wire *w)
{
	uint64_t v = 0;
	const void *p = get(w, sizeof(v));

	if (p)
		memcpy(&v, p, sizeof(v));
	return v;
}

const void *wire_get_bytes(struct wire *w, size_t *n, size_t max)
{
	const size_t len = wire_get_u32(w);
	const void *p = len <= max ? get(w, len) : NULL;

	if (!p)
		w->bad = true;
	*n = p ? len : 0;
	return p ? p : "";
}

void wire_get_text(struct wire *w, char *out, size_t size)
{
	size_t n;
	const void *p = wire_get_bytes(w, &n, size - 1);

	if (memchr(p, '\0', n)) {
		w->bad = true;
		n = 0;
	}
	memcpy(out, p, n);
	out[n] = '\0';
}

bool wire_done(const struct wire *w)
{
	return !w->bad && w->pos == w->len;
}

int wire_take_fd(struct wire *w, size_t i)
{
	const int fd = w->fds[i];

	w->fds[i] = -1;
	return fd;
}

void wire_close_fds(struct wire *w)
{
	for (size_t i = 0; i < WIRE_FDS; i++) {
		if (w->fds[i] >= 0)
			close(w->fds[i]);
		w->fds[i] = -1;
	}
}
