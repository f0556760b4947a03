// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_SESSION_H
#define SSHIPC_SERVER_SESSION_H
/*
 * The session process: one SSH connection, from key exchange to the last byte.  Runs confined,
 * decides nothing: asks the monitor for every login and every channel, and gets connected sockets.
 */
#include <libssh/server.h>
#include <stdbool.h>
#include <sys/types.h>

#include "message.h"

#define SESSION_LOGIN_BYTES (256 * 1024) /* what a peer may send before it is logged in */

struct session_setup {
	ssh_bind bind;		       /* host keys and algorithms */
	bool streamlocal;	       /* the path can be read, see selftest.h */
	bool proof;		       /* the monitor signs, and checks logins */
	struct message_setup settings; /* max_channels: of any key; it can hold no more sockets,
					  whatever it says it closed */
	pid_t parent;		       /* the spawner */
};

/* In the forked child: carries the connection ssh_fd, with the monitor at broker (SOCK_SEQPACKET).
 * Exits with 0 when the session is over, 1 when it could not start. */
void session_run(const struct session_setup *setup, int ssh_fd, int broker)
    __attribute__((noreturn));

#endif
