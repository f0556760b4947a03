// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_SPAWNER_H
#define SSHIPC_SERVER_SPAWNER_H
/*
 * The monitor's side of the spawner, the process that forks the session processes.  It was
 * executed, so it has none of the monitor's memory; its libssh and OpenSSL are initialised and
 * tested.  It reads no peer's data.  It kills a session on order; at EOF of its socket it kills all
 * of them and exits; when the monitor dies, all die.
 */
#include <event2/event.h>
#include <sys/queue.h>

#include "hostkey.h"
#include "session_program.h"
#include "settings.h"

struct spawner;

struct spawner_setup {
	const struct settings *settings;
	const struct launch_user *users; /* the sessions'; then those of connect_as */
	const struct session_program *program;
	struct hostkey *const *hostkeys;
	size_t n_hostkeys;
};

struct spawner_ops {
	/* It is ready for connections; proof: its sessions pass on the signatures of logins; why:
	 * what this libssh cannot do ("" if nothing). */
	void (*ready)(void *arg, struct spawner *s, bool proof, const char *libssh,
		      const char *why);
	/* A session was forked; or the fork failed: pid is a negative errno. */
	void (*spawned)(void *arg, uint32_t conn, int pid);
	/* A session ended, or could not be forked; status as of waitpid(2), and the CPU that it
	 * took. */
	void (*exited)(void *arg, uint32_t conn, int status, uint64_t cpu_us);
	/* The spawner died, and its sessions with it (text and code: its FAILED message, else ""
	 * and 0); the callback must call spawner_free. */
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
	pid_t pid; /* our child, not reaped while its socket is open */
	bool killed;
	size_t live;	 /* sessions handed over that have not ended */
	size_t starting; /* of those, not yet reported by SPAWNED */
	bool proof;
	bool retired, busy;	    /* busy: its own callback runs */
	struct message_failed last; /* words */
};

/* setup must outlive it. */
struct spawner *spawner_start(struct event_base *base, const struct spawner_setup *setup,
			      const struct spawner_ops *ops);

/* Hands over an accepted connection and the session's end of its pair (both are duplicated: the
 * caller closes them).  0, or -1 with errno. */
int spawner_spawn(struct spawner *s, uint32_t conn, int ssh_fd, int broker);

/* Orders it to kill the process of conn, if there still is one: exited follows.  The pid cannot be
 * another process's, since the spawner has not reaped it.  0, or -1 with errno: the spawner does
 * not read. */
int spawner_kill_session(struct spawner *s, uint32_t conn);

/* Kills the spawner if it has not read all orders; its sessions die with it: lost follows. */
void spawner_kill_stuck(struct spawner *s);

/* The spawner gets no further sessions; it is freed, without a call of lost, when its last one has
 * ended. */
void spawner_retire(struct spawner *s);

void spawner_free(struct spawner *s);
void spawner_free_all(void); /* retired ones too */

#endif
