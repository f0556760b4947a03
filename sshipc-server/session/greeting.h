// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_GREETING_H
#define SSHIPC_SERVER_GREETING_H
/*
 * What a peer says first, by its first bytes: SSH (RFC 4253 section 4.2), or one of the protocols
 * that a misled client or a balancer speaks to this port.
 */
#include <stddef.h>

enum greeting {
	GREETING_SSH, /* or as much of it as is there */
	GREETING_PROXY,
	GREETING_HTTP,
	GREETING_TLS,
	GREETING_OTHER,
};

/* n: above 0. */
enum greeting greeting_kind(const void *first, size_t n);

#endif
