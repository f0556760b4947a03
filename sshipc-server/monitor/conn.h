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

/* sock: our end of the pair, non-blocking, taken over.  closed is called once, when the connection
 * and its process are gone; conn is freed after it. */
struct conn *conn_new(struct monitor_view *view, uint32_t id, const struct address *peer, int sock,
		      void (*closed)(void *arg, struct conn *c), void *arg);

/* The spawner has it: from now on there is, or will be, a process, whose end is awaited.  proof:
 * its login must come with the signature. */
void conn_handed_over(struct conn *c, bool proof);

/* The session process was forked.  Or it could not be: pid is a negative errno. */
void conn_spawned(struct conn *c, int pid);

/* It exited; status as of waitpid(2).  Logged when it was not a clean
 * exit that nobody here asked for.  Without a login its source pays for the CPU that it took. */
void conn_exited(struct conn *c, int status, uint64_t cpu_us);

/* Its spawner, process parent, died: so will it, and is awaited. */
void conn_orphaned(struct conn *c, int parent);

/* Tells the session to disconnect with reason; it is killed when it has not gone after half a
 * second. */
void conn_end(struct conn *c, const char *reason);

/* At once: dials and our end of the pair are closed, the spawner is told to kill the process.  The
 * connection has ended, is logged as ended and counted no more when that is gone. */
void conn_kill(struct conn *c);

/* The server ends before it does: logs which process is left, and why, and forgets it. */
void conn_abandon(struct conn *c);

/* The same for one that is not logged in and makes room: which limit asks for it. */
void conn_give_way(struct conn *c, enum limit which);

uint32_t conn_id(const struct conn *c);

/* True from its login until it is told to end. */
bool conn_logged_in(const struct conn *c);

/* Iterates over those logged in, the newest first: after c, or from the start for NULL. */
struct conn *conn_next(const struct monitor_view *view, const struct conn *c);

/* Ends it for the administrator uid. */
void conn_dismiss(struct conn *c, unsigned uid);

/* Judges all by list, in force from now on, and by the time; a summary is written.  event:
 * "reload" or "clock". */
void revoke_judge(struct monitor_view *view, const struct allowlist *list, const char *event,
		  char *summary, size_t size);

/* When the clock alone can change the next verdict, or when a warning of it is due; 0: never. Gives
 * such warnings. */
time_t revoke_next_change(struct monitor_view *view, time_t now);

struct evbuffer;

/* What its key's owner, and an administrator, may know of one that is logged in: one JSON object
 * and a newline.  last_refusal: its own, or the key's. */
void status_put(const struct conn *c, const char *last_refusal, struct evbuffer *out);

/* That in a socket, whose other end is returned: connected, complete, never blocking.  -1 with
 * errno. */
int status_socket(const struct conn *c);

/* The endpoint's object in it; for who may know its address, with that. */
void status_put_endpoint(const struct monitor_view *view, const struct endpoint *e, bool address,
			 struct evbuffer *out);

/* before"name":"text", where an empty text is null. */
void status_put_text(struct evbuffer *out, const char *before, const char *name, const char *text);

#endif
