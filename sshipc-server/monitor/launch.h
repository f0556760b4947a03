// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_LAUNCH_H
#define SSHIPC_SERVER_LAUNCH_H
/*
 * Starts a program as a helper of the monitor (helper.h): nothing of its memory, an empty
 * environment (but for sanitizers and debuggers), one socket, 0-2 on /dev/null, no capabilities,
 * no_new_privs, not dumpable, and SIGKILL when its parent dies.  Where the monitor is root, a
 * helper has the uid and the groups of "user" (never 0), and the demotion is verified by trying to
 * take it back.
 *
 * The start looks for what is missing, before anything is bound: root needs CAP_SETUID and
 * CAP_SETGID for its helpers, and CAP_KILL, without which the kernel would not pass the
 * parent-death signal on to them; the change of user is tried in a process of its own.  What is
 * refused is named, with the way out, and the exit code is 71.  close_range can be done without:
 * what was inherited is marked close-on-exec, by /proc/self/fd, before Landlock takes that away.
 */
#include <stdbool.h>
#include <sys/types.h>

#define LAUNCH_GROUPS 64

/* Whose rights a helper gets when the monitor is root. */
struct launch_user {
	char name[64];
	uid_t uid;
	gid_t gid;
	gid_t groups[LAUNCH_GROUPS]; /* all of them, gid too */
	int n_groups;		     /* -1: more than that */
	bool demote;		     /* false: not root, nothing to give up */
	bool debug; /* exec by path: valgrind and debuggers cannot follow /proc/self/exe */
};

/* Looks up name, which may be a uid, too (NULL: sshipc, else nobody).  Not root: demote is false
 * and name must be NULL or our own.  0, or -1 with *errstr (static). */
int launch_user_find(const char *name, struct launch_user *out, const char **errstr);

/* Before Landlock: whether helpers can be started as user: capabilities, /proc, and by trying it in
 * a process of its own.  No descriptor of ours passes an exec from here on.  0, or -1 with err:
 * what is missing and the way out. */
int launch_check(const struct launch_user *user, char *err, size_t size);

#define LAUNCH_OURSELVES (-1) /* the very program that runs */

/* Starts "sshipc-server: ROLE" as user, of a program (its descriptor, or LAUNCH_OURSELVES); *sock
 * is our end (close-on-exec, blocking).  The pid, or -1 with errno. */
pid_t launch_start(const char *role, int program, const struct launch_user *user, int *sock);

#endif
