// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_WATCH_H
#define SSHIPC_SERVER_WATCH_H
/*
 * Watches a file and its whole path: each folder, each link.  Reports only that something has
 * changed; the caller reads the file to see what.
 *
 * Uses inotify on each folder of the path, through its links, for the one name that the path has
 * there: CLOSE_WRITE, MOVED_TO, MOVED_FROM, CREATE, DELETE, ATTRIB; on those folders themselves (a
 * mode, a move); and on the file, which a container may have as a mount: CLOSE_WRITE, ATTRIB.  A
 * write is not reported, only the close after it.
 */
#include <event2/event.h>
#include <stdbool.h>

struct watch;

/* changed is called when inotify reports that a writer closed the file, a name of the path was
 * replaced, or a folder's mode was changed.  path must outlive it.  Watches nothing before
 * watch_renew. */
struct watch *watch_new(struct event_base *base, const char *path, void (*changed)(void *arg),
			void *arg);
void watch_free(struct watch *w); /* NULL is fine */

/* To be called before each reading: watches the path as it is now, and remembers the file for
 * watch_differs.  0, or -1 with errno if inotify does not work. */
int watch_renew(struct watch *w);

/* True if path names another file than at watch_renew, or the file was changed, and has then been
 * unchanged for that many seconds.  To be polled: inotify may report nothing (a network file
 * system, a mount), not even that a writer is done. */
bool watch_differs(struct watch *w, int seconds);

#endif
