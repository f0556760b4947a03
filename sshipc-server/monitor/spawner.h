// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_SPAWNER_H
#define SSHIPC_SERVER_SPAWNER_H
/*
 * The process that forks the session processes, seen from the monitor: exec'd, so nothing of the
 * monitor is in it; libssh and OpenSSL are warm and tested.  It hears no peer.  It kills a session
 * when it is told to; when its socket ends it kills all of them and goes, when the monitor dies,
 * all die.
 */
#include <event2/event.h>
#include <sys/queue.h>

#include "hostkey.h"
#include "session_program.h"
#include "settings.h"

struct spawner;

struct spawner_setup {
	const struct settings *settings;
	const struct launch_user *user;
	const struct session_program *program;
	struct hostkey *const *hostkeys;
	size_t n_hostkeys;
};

struct spawner_ops {
	/* It can take connections; proof: its sessions give the signatures of logins; why: what
	 * this libssh cannot do ("" when nothing is amiss). */
	void (*ready)(void *arg, struct spawner *s, bool proof, const char *libssh,
		      const char *why);
	/* A session was forked.  Or it could not: pid is a negative errno. */
	void (*spawned)(void *arg, uint32_t conn, int pid);
	/* A session ended, or could not be forked; status as of waitpid(2), and the CPU that it
	 * took. */
	void (*exited)(void *arg, uint32_t conn, int status, uint64_t cpu_us);
	/* The spawner is gone (text and code: its last words, "" and 0 where it said none), and its
	 * sessions with it: spawner_free it. */
	void (*lost)(void *arg, struct spawner *s, int code, const char *text);
	void *arg;
};

/* Others read pid and starting alone. */
struct spawner {
	LIST_ENTRY(spawner) entry;
	struct spawner_ops ops;
	const struct spawner_setup *setup;
	struct event *event;
	int sock;
	pid_t pid; /* ours to reap, which nobody does while its socket is open */
	bool killed;
	size_t live;	 /* sessions handed over that have not ended */
	size_t starting; /* that it has not yet answered for */
	bool proof;
	bool retired, busy;	    /* busy: its own callback runs */
	struct message_failed last; /* words */
};

/* setup must outlive it. */
struct spawner *spawner_start(struct event_base *base, const struct spawner_setup *setup,
			      const struct spawner_ops *ops);

/* Hands over an accepted connection and the session's end of its pair (both are copied: close
 * them).  0, or -1 with errno. */
int spawner_spawn(struct spawner *s, uint32_t conn, int ssh_fd, int broker);

/* Has it kill the process of conn, if there still is one: exited follows.  It is no other's, since
 * it was not reaped.  0, or -1 with errno: it does not read. */
int spawner_kill_session(struct spawner *s, uint32_t conn);

/* Kills it if it has not read all that it was told; its sessions die with it: lost follows. */
void spawner_kill_stuck(struct spawner *s);

/* No further sessions: it is freed by itself, without lost being called, when its last one has
 * ended. */
void spawner_retire(struct spawner *s);

void spawner_free(struct spawner *s);
void spawner_free_all(void); /* retired ones too */

#endif
