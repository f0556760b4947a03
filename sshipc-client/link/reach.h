// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_REACH_H
#define SSHIPC_CLIENT_REACH_H
/*
 * From the server's name to a connected socket.  The addresses of the name race (RFC 8305); the
 * winner is the first that sends an SSH banner, not the first that connects, or one that accepts
 * and stays silent would be chosen each time.  The caller reports addresses that failed at the key
 * exchange (struct reach_memory): they are tried last.
 */
#include <event2/event.h>
#include <stdbool.h>

#include "address.h"
#include "resolve.h"

struct reach;

/* Addresses that failed at the key exchange, the last one at the end.  Zeroed at first; kept by the
 * caller from one attempt to the next. */
struct reach_memory {
	struct address failed[RESOLVE_MAX];
	size_t n;
};

void reach_remember(struct reach_memory *m, const struct address *a, bool failed);

/* Puts addresses of a look-up into the order in which they are tried: families in turn (RFC 8305
 * section 4), those that failed behind all others, the last of them at the end.  Returns how many
 * have not failed. */
size_t reach_order(struct address *addresses, size_t n, const struct reach_memory *m);

/* " at ADDRESS", or "" where server, "HOST:PORT", says the same, or a is unset.  Returns buf. */
#define REACH_AT (ADDRESS_TEXT + 4)
const char *reach_at(const struct address *a, const char *server, char buf[REACH_AT]);

/* Called once, from the loop: fd is a connected non-blocking socket, owned by the caller, from
 * which nothing has been read, and at its address; or -1.  why: the error of each address that
 * failed.  Both are valid for the call. */
typedef void reach_done(void *arg, int fd, const struct address *at, const char *why);

/* Starts the race; the caller's own timer bounds the whole, timeout_s the look-up.  If no server
 * has sent a byte in half of that time, the first that connected wins: some wait for the client's
 * banner.  host and m must outlive the reach. */
struct reach *reach_start(struct event_base *base, const char *host, unsigned port, int timeout_s,
			  const struct reach_memory *m, reach_done *done, void *arg);

/* The current step: "name resolution", "TCP connect" or "the server's first word". */
const char *reach_phase(const struct reach *r);

/* Cancels and frees it without calling done.  Not to be called after done ran (it frees itself). */
void reach_cancel(struct reach *r);

#endif
