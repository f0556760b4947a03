// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_GREETING_H
#define SSHIPC_SERVER_GREETING_H
/*
 * Recognises a peer's protocol by its first bytes: SSH (RFC 4253 section 4.2), or one of those that
 * a misconfigured client or a load balancer sends to this port.
 */
#include "message.h"

/* SESSION_GREETED for SSH, or a prefix of it; else one of SESSION_PROXY to SESSION_OTHER.  n: above
 * 0. */
enum session_reached greeting_kind(const void *first, size_t n);

#endif
