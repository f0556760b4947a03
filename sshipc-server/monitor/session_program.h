// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_SESSION_PROGRAM_H
#define SSHIPC_SERVER_SESSION_PROGRAM_H
/*
 * sshipc-session, which has libssh and is never linked to us: where it is, whether it is ours, and
 * what it says of its libssh.
 */
#include "launch.h"
#include "message.h"

#define SESSION_PROGRAM_ERROR 2048

struct session_program {
	int fd; /* close-on-exec; what is executed from now on, also when it is replaced */
	struct message_report report; /* of files: itself first */
};

/* Finds it beside this program, else in ../libexec/sshipc from there; as root it is refused where
 * another user could have changed it, else where it is another's than root's, ours, or of who owns
 * this program.  Runs its self-test, as user (not where it is to be debugged).  0, or an exit code
 * with err: path, cause and remedy. */
int session_program_open(struct session_program *p, const struct launch_user *user,
			 char err[SESSION_PROGRAM_ERROR]);

#endif
