// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in every process that may block: where files are read or written, in ctl, and in the threads
 * of --stdio.  It may not be called from the event loop, which would block with it.
 */
#include "io.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* Whether a failed call is to be repeated.  For a non-blocking descriptor, which may be inherited,
 * waits until it is ready. */
static int again(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};
	const int error = errno;

	if (error == EAGAIN)
		poll(&p, 1, -1);
	errno = error;
	return error == EAGAIN || error == EINTR;
}

ssize_t io_read(int fd, char *buf, size_t size)
{
	ssize_t n;

	do
		n = read(fd, buf, size);
	while (n < 0 && again(fd, POLLIN));
	return n;
}

ssize_t io_read_all(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n = 1;

	while (len < size && (n = io_read(fd, buf + len, size - len)) > 0)
		len += (size_t)n;
	return n < 0 ? -1 : (ssize_t)len;
}

int io_write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		const ssize_t rc = write(fd, p, n);

		if (rc < 0 && !again(fd, POLLOUT))
			return -1;
		p += rc > 0 ? rc : 0;
		n -= rc > 0 ? (size_t)rc : 0;
	}
	return 0;
}

int io_finish_stdout(const char *program, int code)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	fprintf(stderr, "%s: standard output: %s\n", program,
		errno ? strerror(errno) : "not all of it was written");
	return code ? code : EX_IOERR;
}
