// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_CONN_H
#define SSHIPC_SERVER_CONN_H
/*
 * One connection as the monitor sees it: the messages of its session process, checked against what
 * the state allows; login and channel decisions (always policy.h's); the dials; what is logged.  A
 * session that breaks the rules is ended.
 */
#include <stdint.h>
#include <sys/queue.h>

#include "monitor.h"
#include "policy.h"

struct conn;
TAILQ_HEAD(conn_list, conn);

/* sock: our end of the pair, non-blocking, taken over.  closed is called once, when the connection
 * and its process are gone; conn is freed after it. */
struct conn *conn_new(struct monitor_view *view, uint32_t id, const struct address *peer, int sock,
		      void (*closed)(void *arg, struct conn *c), void *arg);

/* The session process was forked; pidfd (or -1) is taken over. */
void conn_spawned(struct conn *c, int pid, int pidfd);

/* It exited; status as of waitpid(2).  Logged when it was not a clean exit that nobody here asked
 * for. */
void conn_exited(struct conn *c, int status);

/* Tells the session to disconnect with reason; it is killed when it has not gone after half a
 * second. */
void conn_end(struct conn *c, const char *reason);

/* At once: the process is killed, sockets and dials are closed. */
void conn_kill(struct conn *c);

uint32_t conn_id(const struct conn *c);

/* Judges it by the list now in force, and the time: true when it was ended, conn_why telling the
 * reason. */
bool conn_judge(struct conn *c, time_t now);
const char *conn_why(const struct conn *c);
const char *conn_key_name(const struct conn *c);
bool conn_logged_in(const struct conn *c);

/* When the clock alone can change the verdict next, or when a warning of it is due; 0: never. Gives
 * that warning. */
time_t conn_next_change(struct conn *c, time_t now);

/* The status answer (one JSON object and a newline) about this connection's own entry into a
 * socket, whose other end is returned: connected, complete, never blocking.  -1 with errno. */
struct status_view {
	const struct allow_entry *entry;
	const struct dial_record *dial;
	struct address source;
	size_t channels, max_channels;
	const char *last_refusal; /* "" for none */
	uint32_t conn;
};
int status_socket(const struct status_view *v);

#endif
