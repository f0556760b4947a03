// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_LAUNCH_H
#define SSHIPC_SERVER_LAUNCH_H
/*
 * Starts a program as a helper of the monitor (helper.h).  The helper has none of the monitor's
 * memory, an empty environment (but for sanitizers and debuggers), one socket, 0-2 on /dev/null, no
 * capabilities, no_new_privs, not dumpable, and SIGKILL when its parent dies.  Where the monitor is
 * root, a helper has the uid and the groups of "user" (never 0), and the demotion is verified by
 * trying to take it back.  sshipc-session is executed after that.  We ourselves, as the dialler,
 * demote after it: other processes of that user, which may be anybody's account, could trace what
 * is executed as theirs until it has said that it cannot be dumped, and so have its socket to us.
 * launch_check.h says what must be checked before.
 */
#include <stdbool.h>
#include <sys/types.h>

#define LAUNCH_GROUPS 64

/* The user that a helper runs as when the monitor is root. */
struct launch_user {
	char name[64];
	uid_t uid;
	gid_t gid;
	gid_t groups[LAUNCH_GROUPS]; /* all groups, with gid */
	int n_groups;		     /* -1: more than LAUNCH_GROUPS */
	bool demote;		     /* false: the monitor is not root */
	/* exec by path, if that leads to the same file still: valgrind and debuggers cannot follow
	 * /proc/self/exe */
	bool debug;
};

#define LAUNCH_OURSELVES (-1) /* the very program that runs */

/* Starts "sshipc-server: ROLE" as user, of a program (its descriptor), or with LAUNCH_OURSELVES as
 * we are, and role says whom to become; *sock is our end (close-on-exec, blocking).  The pid, or -1
 * with errno. */
pid_t launch_start(const char *role, int program, const struct launch_user *user, int *sock);

#endif
