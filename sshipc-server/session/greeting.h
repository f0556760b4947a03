// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_GREETING_H
#define SSHIPC_SERVER_GREETING_H
/*
 * What a peer says first, by its first bytes: SSH (RFC 4253 section 4.2), or one of the protocols
 * that a misled client or a balancer speaks to this port.
 */
#include "message.h"

/* SESSION_GREETED for SSH, or as much of it as is there; or SESSION_PROXY to SESSION_OTHER.  n:
 * above 0. */
enum session_reached greeting_kind(const void *first, size_t n);

#endif
