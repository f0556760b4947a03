// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_SESSION_PROGRAM_H
#define SSHIPC_SERVER_SESSION_PROGRAM_H
/*
 * sshipc-session, a program of its own since libssh is never linked into this one: finds it, checks
 * its owner, and runs its self-test of libssh.
 */
#include "launch.h"
#include "message.h"

#define SESSION_PROGRAM_ERROR 2048

struct session_program {
	int fd; /* close-on-exec; this file is executed from now on, even if the path is replaced */
	struct message_report report; /* of files: itself first */
};

/* Finds it beside this program, else in ../libexec/sshipc from there.  Root refuses it if another
 * user could have changed it; others, if its owner is not root, us, or the owner of this program.
 * Runs its self-test, as user (where it is to be debugged it only tells its version).  0, or an
 * exit code with err: path, cause and remedy. */
int session_program_open(struct session_program *p, const struct launch_user *user,
			 char err[SESSION_PROGRAM_ERROR]);

#endif
