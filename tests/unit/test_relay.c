// SPDX-License-Identifier: BSD-2-Clause
/* What of a relay can be seen without a session; the rest is in tests/e2e. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fds.h"
#include "relay_internal.h"

/* The answer to an open may come while its channel is being closed. */
Test(relay, a_socket_that_comes_too_late_is_closed)
{
	const struct relay ended[] = {{.close = CLOSE_SENT, .fd = -1},
				      {.stats.end = RELAY_END_PEER_ABORT, .fd = -1}};
	const size_t before = count_fds();

	for (size_t i = 0; i < 2; i++) {
		struct relay r = ended[i];
		int pair[2];
		char c;

		cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
		relay_attach(&r, pair[0], false);
		cr_expect_eq(r.fd, -1, "%zu", i);
		cr_expect_null(r.readable);
		cr_expect_eq(recv(pair[1], &c, 1, 0), 0, "the endpoint sees the end");
		close(pair[1]);
		cr_expect_eq(count_fds(), before, "%zu", i);
	}
}
