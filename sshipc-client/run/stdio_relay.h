// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_STDIO_RELAY_H
#define SSHIPC_CLIENT_STDIO_RELAY_H
/*
 * The one connection on stdin and stdout, whatever they are: files, pipes, terminals, sockets.
 * Threads copy, with calls that block, between them and a socket that the link carries: O_NONBLOCK
 * would hold for all who share the descriptors with us.
 */
#include "link.h"

struct stdio;

/* Opens it; ended is called once, when everything received was written to stdout, which is closed
 * then, or when stdout has no reader any more.  NULL with errno. */
struct stdio *stdio_start(struct event_base *base, struct link *l, const struct destination *to,
			  const struct opening_watch *watch);

/* The threads may go on; they end with the process. */
void stdio_free(struct stdio *s);

#endif
