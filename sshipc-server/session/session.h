// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_SESSION_H
#define SSHIPC_SERVER_SESSION_H
/*
 * The session process: one SSH connection, from key exchange to the last byte.  Runs confined,
 * decides nothing: it asks the monitor for every login and every channel, and receives connected
 * sockets.
 *
 * Before the loop first looks at the SSH socket: 0-2 on /dev/null; a libssh session on a duplicate
 * of the socket; the watchdog; no_new_privs, not dumpable, no core file, the parent-death signal;
 * limits of descriptors and memory; the system call list (confine.h).  From there on it cannot
 * open, connect, listen, execute, signal, or pass a descriptor.  It holds exactly: 0-2; its end of
 * the pair; the SSH socket and libssh's duplicate of it; one epoll; the two ends of libevent's own
 * pipe; and one connected socket for each open channel.  It never holds a listener, a file, another
 * session's socket, or a socket that is not yet connected.
 *
 * A channel open.  For direct-tcpip libssh reports host and port; for
 * direct-streamlocal@openssh.com streamlocal.h reads the path, an absolute path of 1 to 107 bytes
 * without NUL, or nothing.  A maximum packet size below 1024 is refused.  With a free slot the
 * session keeps libssh's message (unanswered.h), sends OPEN and goes on; up to 16 opens are under
 * way, then it waits for an answer, as it does for each open where messages cannot be kept.
 * OPENED: the channel is confirmed and the socket attached to a relay.  PENDING: the channel is
 * confirmed and its data held; a later OPENED attaches the socket, a later REFUSED aborts the
 * channel.  When the relay has ended the session sends CLOSED, and the slot is free.
 */
#include <libssh/server.h>
#include <stdbool.h>
#include <sys/types.h>

#include "message.h"

#define SESSION_LOGIN_BYTES (256 * 1024) /* most bytes that a peer may send before its login */

struct session_setup {
	ssh_bind bind;		       /* host keys and algorithms */
	bool streamlocal;	       /* the path can be read, see selftest.h */
	bool keeps;		       /* messages can be kept, see unanswered.h */
	bool proof;		       /* the monitor signs, and checks logins */
	struct message_setup settings; /* max_channels: the largest of any key; RLIMIT_NOFILE holds
					  the session to it */
	pid_t parent;		       /* the spawner */
};

/* Called in the forked child: serves the connection ssh_fd; broker is the socket to the monitor
 * (SOCK_SEQPACKET).  Exits with 0 when the session has ended, 1 when it could not start. */
void session_run(const struct session_setup *setup, int ssh_fd, int broker)
    __attribute__((noreturn));

#endif
