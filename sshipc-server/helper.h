// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_HELPER_H
#define SSHIPC_SERVER_HELPER_H
/*
 * A program started afresh as a helper of the monitor: nothing of its memory, one socket, a lesser
 * uid.
 *
 * A helper has an empty environment (but for sanitizers and debuggers), one socket (HELPER_SOCKET),
 * 0-2 on /dev/null, no capabilities, no_new_privs, is not dumpable, and gets SIGKILL when its
 * parent dies.  Where the monitor is root, a helper has the uid and the groups of "user" (never 0),
 * and the demotion is verified by trying to take it back.
 *
 * What is missing is found at the start, before anything is bound: root needs CAP_SETUID and
 * CAP_SETGID for its helpers, and CAP_KILL, without which the kernel would not pass the
 * parent-death signal on to them; the change of user is tried in a process of its own.  What is
 * refused is named, with the way out, and the exit code is 71.  close_range can be done without:
 * what was inherited is marked close-on-exec, by /proc/self/fd, before Landlock takes that away.
 */
#include <stdbool.h>
#include <sys/types.h>

#define HELPER_GROUPS 64
#define HELPER_SOCKET 3 /* where a helper finds its end of the SOCK_SEQPACKET pair */

/* Whose rights a helper gets when the monitor is root. */
struct helper_user {
	char name[64];
	uid_t uid;
	gid_t gid;
	gid_t groups[HELPER_GROUPS]; /* all of them, gid too */
	int n_groups;		     /* -1: more than that */
	bool demote;		     /* false: not root, nothing to give up */
	bool debug; /* exec by path: valgrind and debuggers cannot follow /proc/self/exe */
};

/* Looks up name, which may be a uid, too (NULL: sshipc, else nobody).  Not root: demote is false
 * and name must be NULL or our own.  0, or -1 with *errstr (static). */
int helper_user_find(const char *name, struct helper_user *out, const char **errstr);

/* Before Landlock: whether helpers can be started as user: capabilities, /proc, and by trying it in
 * a process of its own.  No descriptor of ours passes an exec from here on.  0, or -1 with err:
 * what is missing and the way out. */
int helper_check(const struct helper_user *user, char *err, size_t size);

/* In a helper: tells the monitor why it cannot go on (FAILED: text, and the exit code that the
 * server should end with), and exits with it. */
void helper_fail(int code, const char *text) __attribute__((noreturn));

#define HELPER_OURSELVES (-1) /* the very program that runs */

/* Starts "sshipc-server: ROLE" as user, of a program (its descriptor, or HELPER_OURSELVES); *sock
 * is our end (close-on-exec, blocking).  The pid, or -1 with errno. */
pid_t helper_start(const char *role, int program, const struct helper_user *user, int *sock);

/* main's first question: are we a helper?  Its role ("spawner", "dialler"), else NULL. */
const char *helper_role(char *const *argv);

/* In a process forked from a helper: its title becomes "sshipc-server: ROLE" (at most as long as
 * the helper's own). */
void helper_retitle(const char *role);

/* A helper's first step: no memory is its end; its signals, 0-2 on /dev/null, no capabilities,
 * confine_process.  What fails is its end. */
void helper_settle(void);

#endif
