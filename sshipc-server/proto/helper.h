// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_HELPER_H
#define SSHIPC_SERVER_HELPER_H
/*
 * A helper of the monitor, seen from itself: a process that launch.c has started afresh, with one
 * socket and a lesser uid.
 */

#define HELPER_SOCKET 3			/* its end of a SOCK_SEQPACKET pair with the monitor */
#define HELPER_TITLE  "sshipc-server: " /* argv[0], before its role */
#define HELPER_OPTION "--helper="	/* argv[1], where a debugger has words of its own there */

/* main's first question: are we a helper?  Its role ("spawner", "dialler 101:104 postgres"), else
 * NULL. */
const char *helper_role(char *const *argv);

/* In a process forked from a helper: its title becomes "sshipc-server: ROLE" (at most as long as
 * the helper's own). */
void helper_retitle(const char *role);

/* A helper's first step: its name in top and ps (at most 15 bytes); no memory is its end; its
 * signals, 0-2 on /dev/null, no capabilities, confine_process.  What fails is its end. */
void helper_settle(const char *name);

/* Tells the monitor why it cannot go on (FAILED: text, and the exit code that the server should end
 * with), and exits with it. */
void helper_fail(int code, const char *text) __attribute__((noreturn));

/* The same for a system call, with errno. */
void helper_fail_call(const char *call) __attribute__((noreturn));

#endif
