// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_RESOLVE_H
#define SSHIPC_CLIENT_RESOLVE_H
/*
 * Name resolution that does not block the loop: getaddrinfo(3) (so nsswitch.conf holds) in a
 * short-lived child process.
 */
#include <event2/event.h>

#include "address.h"

#define RESOLVE_MAX 16 /* most addresses returned */

struct resolve;

/* Called once, from the loop: n addresses in the order of preference (the callee may reorder them),
 * or n 0 with error (static or valid for the call). */
typedef void resolve_done(void *arg, struct address *addresses, size_t n, const char *error);

/* Starts a look-up; after timeout_s seconds the child is killed and "timed out" reported.  A
 * numeric host needs no child, but is also reported from the loop, as is a failed fork. */
struct resolve *resolve_start(struct event_base *base, const char *host, unsigned port,
			      int timeout_s, resolve_done *done, void *arg);

/* Cancels and frees it without calling done.  Not to be called after done ran (it frees itself). */
void resolve_cancel(struct resolve *r);

#endif
