// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_LINK_INTERNAL_H
#define SSHIPC_CLIENT_LINK_INTERNAL_H
/*
 * What link.c, which has the attempts and the life of a session, and link_login.c share.
 */
#include "backoff.h"
#include "first.h"
#include "link.h"
#include "relay.h"
#include "servers.h"
#include "sshloop.h"
#include "via.h"

struct link {
	struct event_base *base;
	const struct settings *all, *s; /* s: of the server that is tried, or in use */
	struct settings one;
	struct servers servers;
	struct link_ops ops;
	struct identity *identity;
	bool gcm;
	enum { DOWN, REACHING, KEYING, AUTHENTICATING, UP } state;
	char server[300]; /* "HOST:PORT" */
	struct reach *reach;
	struct reach_memory memory;
	struct address peer; /* the server's address; unset: not connected yet */
	struct via *via;     /* in place of reach; kept while its process lives */
	struct backoff *backoff;
	struct first *first;
	struct event *deadline, *reset, *look;
	ssh_session ssh;
	ssh_key host_key; /* the checked host key; NULL: none yet */
	struct sshloop *loop;
	struct relays *relays;
	struct openings *openings;
	bool sshipc, ever_up;
	bool denied;		    /* in this round of attempts */
	bool slept;		    /* the session ended for that */
	bool wanted;		    /* the attempt was begun for a local connection */
	time_t up_since, suspended; /* suspended: seconds in all, since the machine booted */
	char why[512];		    /* the attempt or the session ended */
	char last_error[512];	    /* why the last one that is over did */
	int code, last_code;	    /* the exit codes of these; 0: none yet */
	struct relay_stats before;  /* bytes of the sessions that are over */
};

/* link.c.  Ends the attempt or the session, from the loop: libssh may be on the stack of the
 * caller. */
void link_fail(struct link *l, const char *why);

/* The same, where libssh says so: if the --via command has ended, that is the cause. */
void link_broke(void *arg, const char *why);

/* Logs a refusal, and ends the attempt, or reports it as the end of the link. */
void link_refuse(struct link *l, const struct link_refusal *r);
void link_refuse_for(struct link *l, int exit_code, const char *cause);

void link_tell(struct link *l, enum link_event event, const char *text);

/* The deadline of the attempt begins anew. */
void link_await_login(struct link *l);

/* link_login.c.  Keys are exchanged: state becomes AUTHENTICATING, or the server is refused. */
void link_check_host_key(struct link *l);

/* Called in each turn of the loop until state is no longer AUTHENTICATING. */
void link_authenticate(struct link *l);

#endif
