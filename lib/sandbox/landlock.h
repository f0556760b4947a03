// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_LANDLOCK_H
#define SSHIPC_LANDLOCK_H
/*
 * Files, TCP ports and other processes taken away for good, where the kernel has Landlock: ABI 1
 * (Linux 5.13) governs files, ABI 4 TCP ports, ABI 6 abstract sockets and signals; see landlock(7).
 * connect() to the path of a Unix socket, and stat(), are not governed.  What was inherited stays
 * in force, so a helper has at most what the monitor has.
 */
#include <stdint.h>

enum landlock_access {
	LANDLOCK_READ,	/* files and folders, and to execute them */
	LANDLOCK_WRITE, /* files that are there */
	LANDLOCK_MAKE,	/* files in a folder, and to write them */
};

/* Makes an empty list of what will be allowed.  A descriptor, or -1 with errno; EOPNOTSUPP where
 * the kernel has no Landlock. */
int landlock_begin(void);

/* Allows path and everything beneath it; a path that does not exist is no fault. 0, or -1 with
 * errno. */
int landlock_allow(int list, const char *path, enum landlock_access access);

/* Allows TCP connections to that port, and to bind an address without a port for them.  0, or -1
 * with errno. */
int landlock_allow_connect(int list, uint16_t port);

/* Sets no_new_privs; from here on this process and its children have what the list allows, and send
 * signals only among themselves.  Closes list.  0, or -1 with errno. */
int landlock_enforce(int list);

/* The same with a list that is empty, and without abstract sockets of others.  Also 0 where the
 * kernel has no Landlock. */
int landlock_seal(void);

#endif
