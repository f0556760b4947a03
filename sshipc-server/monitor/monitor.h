// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_MONITOR_H
#define SSHIPC_SERVER_MONITOR_H
/*
 * The monitor: binds, accepts, keeps the children and the count of connections.  What is said on
 * one connection is conn.h's.
 *
 * What happens when a process dies.  A session that dies of a signal other than SIGKILL also
 * retires its spawner: the next sessions come from a fresh exec with a new address layout, the old
 * ones go on.  When a spawner dies its sessions die with it (parent-death signal); the monitor
 * starts another, tries again after 5 s where that fails, and accepts nothing meanwhile; what it
 * has taken waits.  A spawner that has not read an order to kill for 4 s is stopped or hangs, and
 * is killed.  The first spawner that fails before its READY ends the server with 78 or 70; a
 * dialler that dies ends it with 70, since nothing could be opened without it.  The death of the
 * monitor ends all: the kernel kills its helpers, and the sessions with the spawner.
 *
 * Nobody is called ended before its process is gone.  A session that was sent END is "ending": half
 * a second later, or when its end of the pair is closed, the monitor cuts it (no dial, no message)
 * and says KILL to the spawner, every half second until that takes it.  Only EXITED makes the end:
 * the log line, the counts, the room for the key.  The sessions of a spawner that died, which the
 * kernel kills, are children of the monitor (PR_SET_CHILD_SUBREAPER) until they are gone.  At the
 * server's own end all are sent END, killed and waited for; what is left after MONITOR_STOP is
 * logged with its process id, and the exit code is 70.
 *
 * What the monitor holds as descriptors: listeners, the control socket and its callers,
 * sshipc-session (to execute it), the sockets of its helpers, inotify, a timer, its own
 * oom_score_adj; for each session one end of a pair, and until the spawner has it the other end and
 * the connection; and a finished dial until it is handed over.
 */
#include <event2/event.h>
#include <sys/queue.h>

#include "admission.h"
#include "allowlist.h"
#include "dial.h"
#include "hostkey.h"
#include "pending.h"
#include "ratelimit.h"
#include "reload.h"
#include "settings.h"
#include "spawner.h"

#define MONITOR_STOP 6 /* seconds for all sessions to end, the last ones by force */

struct monitor;
struct conn;

/* The limits that are counted when they are reached. */
enum limit {
	LIMIT_MAX_SESSIONS,
	LIMIT_MAX_UNAUTHENTICATED,
	LIMIT_MAX_PER_SOURCE,
	LIMIT_PENALTY,
	LIMIT_LOGIN_GRACE,
	LIMIT_ATTEMPTS,
	LIMIT_MAX_CHANNELS,
	LIMIT_MAX_OPENS,
	LIMIT_MAX_DIALS,
	LIMIT_MAX_HELD,
	LIMIT_LOG_LINES,
	LIMITS
};

/* The names that log, ctl status and, where there is one, the setting have. */
extern const char *const limit_names[LIMITS];

/* What the last dial of an endpoint gave, for the status answer. */
struct dial_record {
	time_t at; /* CLOCK_MONOTONIC seconds; 0: never */
	int error; /* errno, 0: connected */
};

/* What a connection needs of the monitor. */
struct monitor_view {
	struct event_base *base;
	const struct settings *settings;
	const struct allowlist *allowlist;
	struct hostkey *const *hostkeys;
	size_t n_hostkeys;
	bool proof;	       /* sessions give the signatures of logins */
	struct reload *reload; /* the list in force */
	struct pending *pending;
	struct ratelimit *ratelimit;
	struct dialler *dialler;
	const struct launch_user *user;	    /* who dials */
	struct dial_record *dials;	    /* one an endpoint */
	LIST_HEAD(, key_use) uses;	    /* of logged-in keys, see conn.h */
	LIST_HEAD(, conn) conns;	    /* all, the newest first */
	struct address at[SETTINGS_LISTEN]; /* where it listens */
	size_t n_at;
	time_t since;			 /* it runs; monotonic */
	struct admission *admission;	 /* who is not logged in */
	uint64_t limit_hits[LIMITS];	 /* how often each was reached */
	size_t n_sessions, max_sessions; /* of the settings, or what descriptors allow */
	size_t n_dials, max_dials;	 /* not yet handed over */
	void (*logged_in)(void *owner, time_t next); /* one was granted; see revoke_conn_change */
	/* Has its process killed, at first and every half second until it is gone; false: the
	 * spawner did not take the order. */
	bool (*kill)(void *owner, const struct conn *c);
	void (*closed)(void *owner, struct conn *c); /* see conn_new */
	void *owner;
};

/* Everything that the settings ask for, running (list is taken over, also on failure): listeners
 * bound, children started.  setup must outlive it.  NULL after logging why, with *exit_code. */
struct monitor *monitor_new(struct event_base *base, const struct spawner_setup *setup,
			    struct allowlist *list, int *exit_code);

/* Loads the allow list anew and ends each session that it refuses. */
void monitor_reload(struct monitor *m);

/* Stops accepting and tells every session to end; the loop is left when all are gone, or after
 * MONITOR_STOP seconds. */
void monitor_stop(struct monitor *m);

/* The exit code when the loop has ended: 0 after monitor_stop, else what went wrong: 70 also where
 * a process was left, which monitor_free logs. */
int monitor_exit_code(const struct monitor *m);
void monitor_free(struct monitor *m);

#endif
