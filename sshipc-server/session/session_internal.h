// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_SESSION_INTERNAL_H
#define SSHIPC_SERVER_SESSION_INTERNAL_H
/*
 * The state of the session process, shared by session.c (channels, start and end) and
 * session_login.c.
 */
#include <event2/event.h>
#include <libssh/callbacks.h>
#include <sys/queue.h>
#include <time.h>

#include "broker.h"
#include "relay.h"
#include "session.h"
#include "sshloop.h"

struct session;

struct chan {
	uint32_t id; /* generation << 16 | slot */
	struct session *s;
	struct relay *relay; /* NULL until the open is answered */
	ssh_message open;    /* its CHANNEL_OPEN, until then */
	TAILQ_ENTRY(chan) entry;
	enum message_type answer; /* of the monitor; 0: none yet */
	bool pending;		  /* there was PENDING, among them */
	bool one_way, idle;	  /* idle: it is ended for that */
	int fd;			  /* of the answer; -1: none */
	uint64_t carried, since;  /* of idle.c: bytes, and when they were first seen */
};

struct session {
	const struct session_setup *setup;
	struct event_base *base;
	struct sshloop *loop;
	struct relays *relays;
	struct broker broker;
	bool authorized, closing;
	enum { NOT_ASKED, TO_ASK, ASKED } alive; /* the state of the monitor's CHECK */
	uint64_t bytes_then;
	enum session_reached reached;
	char first[64]; /* the peer's first bytes, before its login */
	size_t n_first;
	char end_reason[256]; /* from the monitor's END */
	char dead_why[256];
	struct chan **slots;	     /* max_channels of them, and one for .status */
	TAILQ_HEAD(, chan) answered; /* whose answer the client has not been told */
	struct event *silence;	     /* while broker.asked is not 0 */
	uint64_t heard; /* when the first of those asked, or the monitor last answered */
	uint32_t *free_slots, n_free, max, generation;
	struct {
		uint32_t session, channel; /* seconds; 0: no limit */
		uint64_t carried, since;
		struct event *look;
		char why[64];
	} idle;			 /* of idle.c */
	struct relay_stats said; /* the last STATS sent, and when */
	time_t said_at;
	struct ssh_server_callbacks_struct callbacks;
};

/* The channel with that id, or NULL: a late answer may be for a channel whose slot has a new
 * one. */
struct chan *session_chan(const struct session *s, uint32_t id);

/* Of the broker: takes a message of the monitor that is not the answer to a question. */
void session_on_late(void *arg, struct message *m);

/* Takes the limits of IDLE over, also while others hold (idle.c). */
void session_limit_idle(struct session *s, const struct message_idle *m);

/* Tells the client what the monitor has answered to its opens. */
void session_answer_opens(struct session *s);

/* A sigcalls_signer: has the monitor sign. */
struct sigcalls_exchange;
bool session_sign(void *arg, const struct sigcalls_exchange *x, uint8_t *raw, size_t *len);

/* Peeks at the peer's first bytes; ends a session that is not SSH. */
void session_look(void *arg, int fd);

/* Sends LEFT to the monitor: the stage that a peer without a login reached, and why its session
 * ended. */
void session_tell_left(struct session *s);

/* An unanswered_hook: reports a login that libssh refused to the monitor, and answers it. */
struct unanswered_login;
void session_on_unanswered(void *arg, ssh_message message, const struct unanswered_login *login);

/* libssh's callbacks for a login. */
int session_on_pubkey(ssh_session ssh, const char *user, struct ssh_key_struct *key, char state,
		      void *arg);
ssh_string session_on_gssapi(ssh_session ssh, const char *user, int n, ssh_string *oids, void *arg);

#endif
