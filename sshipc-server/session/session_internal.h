// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_SESSION_INTERNAL_H
#define SSHIPC_SERVER_SESSION_INTERNAL_H
/*
 * What session.c (channels, life) and session_login.c share of the session process.
 */
#include <event2/event.h>
#include <libssh/callbacks.h>
#include <time.h>

#include "broker.h"
#include "relay.h"
#include "session.h"
#include "sshloop.h"

struct session;

struct chan {
	uint32_t id; /* generation << 16 | slot */
	struct session *s;
	struct relay *relay;
};

struct session {
	const struct session_setup *setup;
	struct event_base *base;
	struct sshloop *loop;
	struct relays *relays;
	struct broker broker;
	bool authorized, closing;
	enum { NOT_ASKED, TO_ASK, ASKED } alive; /* the monitor wants to know */
	uint64_t bytes_then;
	enum session_reached reached;
	char first[64]; /* what the peer sent first, before its login */
	size_t n_first;
	char end_reason[256]; /* given by the monitor */
	char dead_why[256];
	struct chan **slots; /* max_channels of them, and one for .status */
	uint32_t *free_slots, n_free, max, generation;
	struct relay_stats said; /* STATS, and when */
	time_t said_at;
	struct ssh_server_callbacks_struct callbacks;
};

/* The channel with that id, or NULL: a late answer may be for one whose slot another has by now. */
struct chan *session_chan(const struct session *s, uint32_t id);

/* A sigcalls_signer: the monitor signs. */
struct sigcalls_exchange;
bool session_sign(void *arg, const struct sigcalls_exchange *x, uint8_t *raw, size_t *len);

/* Looks at the first bytes of the peer; ends what is not SSH. */
void session_look(void *arg, int fd);

/* Tells the monitor how far a peer came that has not logged in, and why it ended. */
void session_tell_left(struct session *s);

/* An unanswered_hook: tells the monitor of a login that libssh refused, and answers. */
struct unanswered_login;
void session_on_unanswered(void *arg, ssh_message message, const struct unanswered_login *login);

/* libssh's callbacks for a login. */
int session_on_pubkey(ssh_session ssh, const char *user, struct ssh_key_struct *key, char state,
		      void *arg);
ssh_string session_on_gssapi(ssh_session ssh, const char *user, int n, ssh_string *oids, void *arg);

#endif
