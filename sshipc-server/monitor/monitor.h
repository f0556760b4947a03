// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_MONITOR_H
#define SSHIPC_SERVER_MONITOR_H
/*
 * The monitor: binds, accepts, supervises the child processes and counts the connections.  conn.h
 * handles a single connection.  It is a child of the keeper, and one of its generations (keeper.h).
 *
 * What happens when a process dies.  A session that dies of a signal other than SIGKILL also
 * retires its spawner: the next sessions come from a fresh exec with a new address layout, the old
 * ones go on.  When a spawner dies its sessions die with it (parent-death signal); the monitor
 * starts another, tries again after 5 s if that fails, and accepts nothing meanwhile; accepted
 * connections wait.  A spawner that has not read an order to kill for 4 s is stopped or hangs, and
 * is killed.  The first spawner that fails before its READY ends the server with 78 or 70; the
 * dialler of its own user that dies ends it with 70.  That of a user of connect_as may be killed by
 * any other process of this user: another one is started, and the server goes on.  The death of the
 * monitor ends all: the kernel kills its helpers, and the sessions with the spawner.
 *
 * A session counts as ended only when its process has exited.  After END it is "ending": half a
 * second later, or when its end of the pair is closed, the monitor cuts it (no dial, no message)
 * and sends KILL to the spawner, every half second until that accepts it.  Only EXITED completes
 * the end: the log line, the counts, the key's free place.  The sessions of a spawner that died,
 * which the kernel kills, are children of the monitor (PR_SET_CHILD_SUBREAPER) until they are gone.
 * When the server stops, it closes its listeners and refuses opens; a session is sent END when its
 * last channel has ended, and all are when "drain" is over or it is told to stop again.  They are
 * killed and waited for; a process that is left MONITOR_STOP after that is logged with its id, and
 * the exit code is 70.
 *
 * The descriptors of the monitor: listeners, its link to the keeper, sshipc-session (to execute
 * it), the sockets of its helpers, inotify, a timer, its own oom_score_adj; for each session one
 * end of a pair, and until the spawner has it the other end and the connection; and a finished dial
 * until it is handed over.
 */
#include <event2/event.h>
#include <sys/queue.h>

#include "admission.h"
#include "allowlist.h"
#include "dial.h"
#include "elsewhere.h"
#include "hostkey.h"
#include "pending.h"
#include "ratelimit.h"
#include "reload.h"
#include "settings.h"
#include "spawner.h"

#define MONITOR_STOP 6 /* seconds for all sessions to end, the last ones by force */

struct monitor;
struct conn;

/* The limits whose hits are counted. */
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

/* Their names in the log, in ctl status and, where there is one, of the setting. */
extern const char *const limit_names[LIMITS];

/* What else is counted from the start on, each in one place, where its event is logged:
 * connections, logins and opens that were granted, the bytes each way that sessions claim, key
 * exchanges after the first of a session, and lists that had a fault and that came into force. */
enum count {
	COUNT_CONNECTIONS,
	COUNT_LOGINS,
	COUNT_OPENS,
	COUNT_TO,
	COUNT_FROM,
	COUNT_REKEYS,
	COUNT_NOT_LOADED,
	COUNT_LOADED,
	COUNTS
};

/* Logins are refused for a reason of the policy, by libssh alone for an enum session_login_fault,
 * or because they are by password or another method. */
#define LOGIN_METHOD  ((int)POLICY_OTHER + (int)SESSION_LOGIN_FAULTS)
#define LOGIN_REASONS (LOGIN_METHOD + 1)

/* OTHER: the socket may not be written, no descriptor is left, the dialler died ... */
enum dial_result {
	DIAL_CONNECTED,
	DIAL_REFUSED,
	DIAL_ABSENT,
	DIAL_TIMEOUT,
	DIAL_OTHER,
	DIAL_RESULTS
};

enum { DIAL_BUCKETS = 7 };

/* The last dial of an endpoint, and all of them, without those that were given up by the client. */
struct dial_record {
	time_t at; /* CLOCK_MONOTONIC seconds; 0: never */
	int error; /* errno, 0: connected */
	uint64_t results[DIAL_RESULTS];
	/* How long those took that connected: all together, and how many of them at most 1 ms, 5,
	 * 20, 100, 1000, 10000, and longer. */
	uint64_t us, took[DIAL_BUCKETS];
};

#define MONITOR_LISTENERS (SETTINGS_LISTEN + 1) /* one is left to the callee of ready */

/* What the monitor gets from whoever started it, and says to it. */
struct monitor_ops {
	unsigned generation;
	int *inherited; /* listening sockets; those that it takes over become -1 */
	size_t n_inherited;
	/* All is checked and bound, and the first spawner is ready: monitor_take_over may follow.
	 */
	void (*ready)(void *arg, int listeners[MONITOR_LISTENERS], size_t n);
	/* This list came into force by its file; file: its bytes, or -1. */
	void (*loaded)(void *arg, int file);
	/* What keys have open has changed: places_put writes it. */
	void (*used)(void *arg);
	/* Says that to a generation (0: all older ones; an older one's goes to the one in charge),
	 * where places_told is called with it; what keys have open is known there before. */
	void (*tell)(void *arg, unsigned generation, const char *text);
	void *arg;
};

/* The part of the monitor that a connection uses. */
struct monitor_view {
	struct monitor_ops ops;
	struct event_base *base;
	const struct settings *settings;
	const struct allowlist *allowlist;
	struct hostkey *const *hostkeys;
	size_t n_hostkeys;
	bool proof;	       /* sessions pass on the signatures of logins */
	struct reload *reload; /* the list in force */
	struct pending *pending;
	struct ratelimit *ratelimit;
	struct dialler *diallers[1 + SETTINGS_USERS]; /* by the user of a line (allow_entry) */
	const struct launch_user *users;	      /* their users */
	struct dial_record *dials;		      /* one for each endpoint */
	LIST_HEAD(, key_use) uses;		      /* of keys with a session, see conn.h */
	LIST_HEAD(, conn) conns;		      /* all, the newest first */
	struct address at[SETTINGS_LISTEN];	      /* addresses of the listeners */
	size_t n_at;
	time_t since, started;	     /* the start of the server; monotonic, and by the clock */
	bool retired;		     /* another generation takes over, or has */
	struct elsewhere elsewhere;  /* what keys have open in other generations */
	char libssh[64];	     /* its version, as the last spawner said */
	struct admission *admission; /* of connections that are not logged in */
	bool stopping;		     /* nothing is accepted or opened any more */
	uint64_t limit_hits[LIMITS]; /* how often each was reached */
	uint64_t counts[COUNTS], logins_refused[LOGIN_REASONS], opens_refused[POLICY_OTHER];
	size_t n_channels;		     /* open now */
	size_t n_sessions, max_sessions;     /* max: the setting, or what RLIMIT_NOFILE allows */
	size_t n_dials, max_dials;	     /* dials whose socket is not yet handed over */
	size_t dials_as[1 + SETTINGS_USERS]; /* those of each user */
	void (*logged_in)(void *owner, time_t next); /* a login: revoke_conn_change */
	/* Orders the kill of the connection's process, first and every half second until it has
	 * exited; false: the spawner did not accept the order. */
	bool (*kill)(void *owner, const struct conn *c);
	void (*closed)(void *owner, struct conn *c); /* see conn_new */
	void (*last_closed)(struct conn *c);	     /* its last channel, while the server stops */
	void *owner;
};

/* Binds the listeners and starts the children that the settings ask for (list is taken over, also
 * on failure).  setup must outlive it.  NULL after logging why, with *exit_code. */
struct monitor *monitor_new(struct event_base *base, const struct spawner_setup *setup,
			    struct allowlist *list, const struct monitor_ops *ops, int *exit_code);

/* Accepts connections from now on; the id of the first one, or 0 after monitor_pause.  loaded is
 * called. */
void monitor_take_over(struct monitor *m, uint32_t first);

/* "3 sessions, 5 channels".  Returns text. */
const char *monitor_describe(const struct monitor *m, char *text, size_t size);

/* Accepts no more, and gives no places to logins.  Returns the last id that it gives a connection.
 */
uint32_t monitor_pause(struct monitor *m);

/* After that: watches no list, and leaves the loop with its last session; those that run longer
 * than upgrade_drain are ended. */
void monitor_retire(struct monitor *m);

/* The list that is in force for a monitor that has retired (the descriptor is taken over): it
 * judges its sessions by it. */
void monitor_judge(struct monitor *m, int file);

/* Carries out a request of the control socket from a caller of that uid (answers.c). */
struct evbuffer;
void monitor_answer(struct monitor *m, unsigned uid, const char *line, struct evbuffer *out);

/* For its loop, and for places.h. */
struct monitor_view *monitor_view(struct monitor *m);

/* Reloads the allow list and ends each session that it refuses. */
void monitor_reload(struct monitor *m);

/* Stops the server, in order; called again, at once.  The loop ends when all processes have exited,
 * or MONITOR_STOP seconds after the last END. */
void monitor_stop(struct monitor *m);

/* The exit code when the loop has ended: 0 after monitor_stop, else that of the failure; 70 also if
 * a session process is left, which monitor_free logs. */
int monitor_exit_code(const struct monitor *m);
void monitor_free(struct monitor *m);

#endif
