// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_VIA_H
#define SSHIPC_CLIENT_VIA_H
/*
 * A command in place of a TCP connection (--via): its stdin and stdout are one end of a socket
 * pair, the other end is the connection.  Its process lives no longer than that.
 *
 * The command has no other descriptor of ours but stderr, and our environment.  Nothing is
 * resolved, and the host key is judged by the name that was given; a name that a shell or ssh could
 * take for more than a word is refused (CVE-2023-51385).  The kernel sends the command SIGTERM
 * where we are killed.  It stays in our process group, as it may have to ask on the terminal; in
 * run mode it ignores the terminal's signals, which are COMMAND's.  A command that is more than one
 * process learns of the end by its stdin only.
 */
#include <event2/event.h>
#include <stdbool.h>

#include "settings.h"

#define VIA_TEXT 96

struct via;

/* Is command one that via_start takes?  %h, %p and %% are all that begins with a percent sign.
 * NULL, or the reason against it (static). */
const char *via_check(const char *command);

/* May host stand in a command?  Nothing that a shell takes for more than a word, nor a program for
 * an option. */
bool via_allows(const char *host);

/* Has /bin/sh execute s->via, with s->host and s->port in it.  *fd is our end, which is the
 * caller's, non-blocking and close-on-exec.  NULL with errno: the command cannot be started. */
struct via *via_start(struct event_base *base, const struct settings *s, int *fd);

/* For a connection that has just failed: what became of the command ("the --via command exited with
 * 255") in buf; NULL while it runs.  Waits 100 ms for a command that is about to end. */
const char *via_ended(struct via *v, char buf[VIA_TEXT]);

/* The connection is closed, or not wanted any more: SIGTERM, after 2 s SIGKILL.  v may be NULL. */
void via_end(struct via *v);

/* Sees the command ended (via_end; waits 500 ms, then SIGKILL) and reaped, and frees.  v may be
 * NULL. */
void via_free(struct via *v);

#endif
