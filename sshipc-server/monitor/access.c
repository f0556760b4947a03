// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by status.c and answers.c: may a user connect to a socket file?  An
 * answer for people, by modes and groups; whether a connect works the kernel decides, by the rights
 * of the dialler.
 */
#include "access.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { SEARCH = 1, WRITE = 2 }; /* as in the mode's last digit */

static enum access at(const struct launch_user *u, const char *path, mode_t wanted)
{
	struct stat st;
	unsigned shift = 0;

	if (stat(path, &st) != 0 || getxattr(path, "system.posix_acl_access", NULL, 0) > 0)
		return ACCESS_UNKNOWN;
	for (int i = 0; i < u->n_groups; i++) {
		if (u->groups[i] == st.st_gid)
			shift = 3;
	}
	if (st.st_uid == u->uid)
		shift = 6;
	return st.st_mode & (wanted << shift) ? ACCESS_YES : ACCESS_NO;
}

enum access access_to(const struct launch_user *user, const char *path)
{
	char real[PATH_MAX];
	enum access found;

	if (!user->demote) {
		if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0)
			return ACCESS_YES;
		return errno == EACCES ? ACCESS_NO : ACCESS_UNKNOWN;
	}
	if (user->n_groups < 0 || !realpath(path, real))
		return ACCESS_UNKNOWN;
	found = at(user, "/", SEARCH);
	for (char *p = real + 1; found == ACCESS_YES && (p = strchr(p, '/')); p++) {
		*p = '\0';
		found = at(user, real, SEARCH);
		*p = '/';
	}
	return found == ACCESS_YES ? at(user, real, WRITE) : found;
}
