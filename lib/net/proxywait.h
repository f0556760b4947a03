// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_PROXYWAIT_H
#define SSHIPC_PROXYWAIT_H
/*
 * Connections of balancers whose PROXY header has not come in full.  A balancer sends it with the
 * connection, so few are here at a time, and each for a moment.
 */
#include <event2/event.h>

#include "proxyproto.h"

#define PROXYWAIT_SECONDS 5 /* for a header to come */

struct proxywait;

/* Called once for each: fd is the callee's.  p->via is set, p->why where the header is missing or
 * wrong.  A health check is PROXYPROTO_LOCAL, also where the header names via itself as the client,
 * or leaves without a byte (PROXYPROTO_GONE without why). */
typedef void proxywait_done(void *arg, int fd, enum proxyproto_verdict verdict,
			    const struct proxyproto *p);

/* most: how many may wait; one more ends the wait of the oldest (PROXYPROTO_MORE). */
struct proxywait *proxywait_new(struct event_base *base, size_t most, proxywait_done *done,
				void *arg);

/* Waits for the header of fd, a connection of via that does not block. */
void proxywait_add(struct proxywait *w, int fd, const struct address *via);

size_t proxywait_count(const struct proxywait *w); /* those that wait */

void proxywait_free(struct proxywait *w); /* closes those that wait; done is not called */

#endif
