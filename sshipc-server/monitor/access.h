// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_ACCESS_H
#define SSHIPC_SERVER_ACCESS_H
/*
 * May the user that dials connect to a Unix socket?  By what the file system shows, without a
 * connect: the monitor that is asked may be root, the dialler is not.
 */
#include "launch.h"

enum access {
	ACCESS_UNKNOWN, /* it is not there, or has an access control list */
	ACCESS_NO,
	ACCESS_YES
};

/* By owner, group and mode of the socket and of the folders above it.  From the monitor. */
enum access access_to(const struct launch_user *user, const char *path);

#endif
