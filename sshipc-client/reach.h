// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_REACH_H
#define SSHIPC_CLIENT_REACH_H
/*
 * From the server's name to a connected socket: the addresses of the name, tried in their order.
 */
#include <event2/event.h>

struct reach;

/* Called once, from the loop: a connected non-blocking socket, which is the caller's; or -1, with
 * why of the last address (valid for the call). */
typedef void reach_done(void *arg, int fd, const char *why);

/* Starts one; each address has its share of timeout_s, the caller's own timer bounds the whole.
 * host must outlive it. */
struct reach *reach_start(struct event_base *base, const char *host, unsigned port, int timeout_s,
			  reach_done *done, void *arg);

/* What it is at: "name resolution" or "TCP connect". */
const char *reach_phase(const struct reach *r);

/* Ends it without a report; frees it.  Not to be called after done ran (it frees itself). */
void reach_cancel(struct reach *r);

#endif
