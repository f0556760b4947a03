// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CALLER_H
#define SSHIPC_CALLER_H
/*
 * Access to a Unix socket by uid and group, which the kernel has of the process that connected
 * (unix(7): SO_PEERCRED, SO_PEERGROUPS).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CALLER_IDS 16

/* None at all: whoever the socket's mode lets in. */
struct caller_rules {
	uint32_t uids[CALLER_IDS], gids[CALLER_IDS];
	size_t n_uids, n_gids;
};

/* The gid of a group by its name, or of a number; -1: neither. */
int64_t caller_group(const char *text);

/* Had the process that connected the Unix socket fd one of the uids, or was it in one of the
 * groups? False, too, where that cannot be found out. */
bool caller_allowed(const struct caller_rules *rules, int fd);

#endif
