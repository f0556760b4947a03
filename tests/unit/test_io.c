// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io.h"

enum { SIZE = 3 << 20 };

static char sent[SIZE], got[SIZE + 1];

static void *write_it(void *arg)
{
	const int fd = *(int *)arg;

	cr_expect_eq(io_write_all(fd, sent, SIZE), 0);
	close(fd);
	return NULL;
}

/* More than a socket holds, in pieces, and neither end blocks. */
Test(io, all_of_it_through_what_does_not_block)
{
	pthread_t writer;
	int pair[2];

	memset(sent, 'x', SIZE);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	cr_assert_eq(pthread_create(&writer, NULL, write_it, &pair[0]), 0);
	cr_expect_eq(io_read_all(pair[1], got, 10), 10);
	cr_expect_eq(io_read_all(pair[1], got + 10, sizeof(got) - 10), SIZE - 10);
	cr_expect_eq(memcmp(sent, got, SIZE), 0);
	cr_expect_eq(io_read(pair[1], got, 1), 0);
	pthread_join(writer, NULL);
	close(pair[1]);
}

Test(io, faults_are_told)
{
	cr_expect_eq(io_read_all(-1, got, 1), -1);
	cr_expect_eq(errno, EBADF);
	cr_expect_eq(io_write_all(-1, sent, 1), -1);
	cr_expect_eq(errno, EBADF);
	cr_expect_eq(io_write_all(-1, sent, 0), 0);
}
