// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_WATCH_H
#define SSHIPC_SERVER_WATCH_H
/*
 * A file and the whole way to it: each folder, each link.  Says that something has changed; what it
 * is, its reader sees.
 *
 * By inotify, on each folder of the way, through its links, for the one name that the way has
 * there: CLOSE_WRITE, MOVED_TO, MOVED_FROM, CREATE, DELETE, ATTRIB; on those folders themselves (a
 * mode, a move); and on the file, which a container may have as a mount: CLOSE_WRITE, ATTRIB.  A
 * write is not reported, only that a writer is done.
 */
#include <event2/event.h>
#include <stdbool.h>

struct watch;

/* changed: a change was reported (inotify): a writer is done, a name on the way is another, a
 * folder's mode was changed.  path must outlive it.  Watches nothing before watch_renew. */
struct watch *watch_new(struct event_base *base, const char *path, void (*changed)(void *arg),
			void *arg);
void watch_free(struct watch *w); /* NULL is fine */

/* To be called before each reading: watches the way as it is now, and remembers the file for
 * watch_differs.  0, or -1 with errno where the kernel reports nothing. */
int watch_renew(struct watch *w);

/* Path leads to another file than then, or the file was changed, and has not been changed again for
 * so many seconds of looking: nothing may be reported of it (a network file system, a mount), not
 * even whether a writer is done.  To be called again and again. */
bool watch_differs(struct watch *w, int seconds);

#endif
