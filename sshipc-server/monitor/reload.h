// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_RELOAD_H
#define SSHIPC_SERVER_RELOAD_H
/*
 * The allow list in force: reloaded on request and when its file changes, replaced whole or not at
 * all; and the clock.  Calls back when running sessions must be decided on again; ends none itself.
 *
 * The list is read whole; any fault leaves the old one in force, in the log and in "ctl status".
 * One thing is a fault at a start and not at a reload, since a new endpoint must not hold back
 * revocations: a line that names an endpoint which this server does not have.  It grants nothing,
 * and the log and "ctl status" say so.  A file that a process has open for writing is not read,
 * since a writer that truncates and pauses would revoke every key; a read lease (F_SETLEASE),
 * released at once, shows whether one has.  A file that changed while it was read is a fault, too.
 * The list is loaded upon SIGHUP, by "ctl reload", and by the watch (watch.h): 100 ms after the
 * first event, not the last, so that a busy folder does not put it off; that is time for a writer
 * that renames and then sets the mode.  An overflow of inotify counts as an event.  Every 2 s the
 * file is checked by its path, for changes that are not reported (a network file system, a mount):
 * a file that was replaced or changed is loaded once it has been unchanged for 10 s, since a
 * writer's close may not be reported there.
 *
 * The log says which changes cannot be followed.  A list that is a mount of its own shows what is
 * written into it, never a file that replaces it where it comes from: that is a warning at the
 * start, and a fault once it has happened (the file has no name left).  Under Landlock a link may
 * come to lead elsewhere beneath its own folder (releases, Kubernetes' "..data"), but not into
 * another folder: that is a line at the start, and a fault with "ctl upgrade" then.
 *
 * After a load each session that is logged in is decided on like a login (revoke.c).  The clock has
 * one timer (timerfd, CLOCK_REALTIME, cancelled where the clock is set): it is set to the first
 * time at which expiry-time or valid changes the verdict on a session, and set anew at each load
 * and at a login whose time is before all others.  When it expires, or the clock is set, all
 * sessions are decided on.  An expiry is handled before the timer is set again, so none is missed.
 */
#include <event2/event.h>

#include "settings.h"

struct reload;

struct reload_ops {
	/* Decide on every running session by list (the one in force; an older one is freed after
	 * this). event: "reload", "clock".  Writes a summary. */
	void (*revoke)(void *arg, const struct allowlist *list, const char *event, char *summary,
		       size_t size);
	/* The earliest time at which the clock alone can change the verdict on a running session,
	 * or at which a warning of that is due; 0: never. */
	time_t (*next_change)(void *arg, time_t now);
	uint64_t *loads; /* two counters: of lists that had faults, and of those in force */
	void *arg;
};

/* list: the first one, taken over.  s->watch: its file and path are watched (watch.h). */
struct reload *reload_new(struct event_base *base, const struct settings *s, struct allowlist *list,
			  const struct reload_ops *ops);
void reload_free(struct reload *e);

/* Loads the file; 0, or -1 when it has faults and the old list stays.  summary (size bytes): the
 * sessions that were closed, or the first fault. */
int reload_now(struct reload *e, char *summary, size_t size);

/* From now on the file is not watched, and reload_follow alone changes the list. */
void reload_retire(struct reload *e);

/* The bytes of the list in force, read by another monitor (the descriptor is taken over).  A line
 * that has a fault here grants nothing. */
void reload_follow(struct reload *e, int file);

/* What the last load has done. */
const char *reload_summary(const struct reload *e);

/* The fault that keeps the file on disk from being in force; "" when there is none. */
const char *reload_fault(const struct reload *e);

/* Takes a new session into account; next: when the clock alone can change its verdict, 0: never. */
void reload_add(struct reload *e, time_t next);

#endif
