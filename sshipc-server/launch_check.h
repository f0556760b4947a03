// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_LAUNCH_CHECK_H
#define SSHIPC_SERVER_LAUNCH_CHECK_H
/*
 * What the start checks before anything is bound, so that launch.h can start helpers later: root
 * needs CAP_SETUID and CAP_SETGID for its helpers, and CAP_KILL, without which the kernel would not
 * pass the parent-death signal on to them; the change of user is tried in a process of its own.  A
 * failure names what is missing and the remedy, with exit code 71.  Without close_range, inherited
 * descriptors are marked close-on-exec, by /proc/self/fd, before Landlock denies that.
 */
#include <stddef.h>

#include "launch.h"

/* Looks up name, which may also be a uid (NULL: the user sshipc, else nobody).  Neither uid
 * nor gid is 0.  Where we are not root demote is false, and name must be NULL or our own.  0, or -1
 * with *errstr (static). */
int launch_user_find(const char *name, struct launch_user *out, const char **errstr);

/* To be called before Landlock: checks that helpers can be started as user: capabilities, /proc,
 * and a trial in a process of its own.  From here on all our descriptors are close-on-exec.  0, or
 * -1 with err: what is missing and the remedy. */
int launch_check(const struct launch_user *user, char *err, size_t size);

#endif
