// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_LISTENER_H
#define SSHIPC_CLIENT_LISTENER_H
/*
 * The local listeners: each accepted connection goes to the link.  They stay open whatever the link
 * does, and a Unix path that was removed or replaced is bound again.
 *
 * Every 2 s the path of a Unix listener is looked at: where it leads to our inode no more, it was
 * removed or replaced, and is bound again once nothing is there and the folder is.  What took its
 * place is neither connected to nor touched.
 */
#include <event2/event.h>

#include "link.h"
#include "spec.h"

struct listeners;

/* Binds and listens on all of them, or on none: NULL with a logged line naming the one that failed.
 * Nothing is accepted before listeners_start. specs must outlive it. */
struct listeners *listeners_open(struct event_base *base, const struct spec *specs, size_t n);

/* Starts accepting; every connection goes to l.  At EMFILE/ENFILE/ENOBUFS accepting pauses for a
 * second, logged once a minute. */
void listeners_start(struct listeners *ls, struct link *l);

/* Accepts the connections that are in the backlog, then closes. */
void listeners_stop(struct listeners *ls);

/* Where listener i listens, with the real port. */
const struct address *listeners_address(const struct listeners *ls, size_t i);

/* "127.0.0.1:4565 -> confd" of listener i into buf (with the real port); NULL past the last. */
const char *listeners_describe(const struct listeners *ls, size_t i, char *buf, size_t size);

void listeners_free(struct listeners *ls); /* closes, and unlinks paths that are still ours */

#endif
