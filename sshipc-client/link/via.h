// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_VIA_H
#define SSHIPC_CLIENT_VIA_H
/*
 * A command in place of a TCP connection (--via): its stdin and stdout are one end of a socket
 * pair, the other end is the connection.  Its process lives no longer than that.
 *
 * The command has no other descriptor of ours but stderr, and our environment.  Nothing is
 * resolved, and the host key is checked by the given name; a name that a shell or ssh could take
 * for more than a word is refused (CVE-2023-51385).  The kernel sends the command SIGTERM if we are
 * killed.  It stays in our process group, as it may have to ask on the terminal; in run mode it
 * ignores the terminal's signals, which are COMMAND's.  A command that is more than one process
 * learns of the end by its stdin only.
 */
#include <event2/event.h>
#include <stdbool.h>

#include "settings.h"

#define VIA_TEXT 96

struct via;

/* Checks a command for via_start: only %h, %p and %% may follow a percent sign.  NULL, or the
 * reason against it (static). */
const char *via_check(const char *command);

/* Whether host may be put into a command: a shell must take it for a plain word, and a program not
 * for an option. */
bool via_allows(const char *host);

/* Has /bin/sh execute s->via, with s->host and s->port in it.  *fd is our end, owned by the caller,
 * non-blocking and close-on-exec.  NULL with errno: the command cannot be started. */
struct via *via_start(struct event_base *base, const struct settings *s, int *fd);

/* For a connection that has just failed: how the command ended ("the --via command exited with
 * 255"), in buf; NULL if it still runs.  Waits 100 ms for a command that is about to end. */
const char *via_ended(struct via *v, char buf[VIA_TEXT]);

/* Ends the command after its connection: SIGTERM, after 2 s SIGKILL.  v may be NULL. */
void via_end(struct via *v);

/* Ends the command (via_end; waits 500 ms, then SIGKILL), reaps it, and frees v.  v may be NULL. */
void via_free(struct via *v);

#endif
