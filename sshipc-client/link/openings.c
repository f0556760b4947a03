// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the client's process, for the link alone: called from its pass, and from a timer of its
 * own.  It may not end a session; it reports when a new one may help.
 */
#include "openings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>

#include "alloc.h"
#include "confirmation.h"
#include "log.h"
#include "loop.h"

enum {
	IN_FLIGHT = 32,	  /* most unanswered opens of one destination */
	SLOW_SECONDS = 5, /* an open unanswered for this long while others wait is logged */
	OWED_TIMES = 10,  /* times the patience: then a session that carries nothing is closed */
	ANY_PORT = 1,	  /* the port for a destination by name, where it is ignored */
};

/* One local connection, to the end of its relay. */
struct opening {
	TAILQ_ENTRY(opening) entry; /* in its share's list, until it is OPEN */
	struct openings *os;
	struct share *share;
	/* ABANDONED: the connection is closed, but its open is not answered: libssh cannot free a
	 * channel that is neither open nor denied. */
	enum { WAITING, ASKED, ABANDONED, OPEN } state;
	char *local;
	struct opening_watch watch;
	char id[17]; /* of the connection, in the log of both sides */
	int fd;
	time_t since, asked;
	ssh_channel channel;
	struct relay *relay;
};

/* The opens to one destination: if it does not answer, other destinations are not delayed. */
struct share {
	TAILQ_ENTRY(share) entry;
	struct destination to;
	TAILQ_HEAD(, opening) all; /* in the order of arrival: those in flight first */
	size_t in_flight;	   /* ASKED and ABANDONED */
	bool full, logged;	   /* some wait for their turn; a long wait was logged */
};

struct openings {
	TAILQ_HEAD(, share) shares;
	size_t count, carried; /* connections; those that are OPEN */
	int hold, patience;
	time_t up_since; /* 0: there is no session */
	struct openings_ops ops;
	struct event *timer;
	char why[512];
};

static struct share *share_of(struct openings *os, const struct destination *to)
{
	struct share *sh;

	TAILQ_FOREACH(sh, &os->shares, entry)
		if (sh->to.kind == to->kind && sh->to.port == to->port &&
		    strcmp(sh->to.host, to->host) == 0)
			return sh;
	sh = xcalloc(1, sizeof(*sh));
	sh->to = *to;
	TAILQ_INIT(&sh->all);
	TAILQ_INSERT_TAIL(&os->shares, sh, entry);
	return sh;
}

/* ---- ends ---- */

/* The local connection is over.  Afterwards o is ABANDONED, or freed by the caller. */
static void end(struct opening *o, enum opening_end how)
{
	struct openings *os = o->os;

	if (o->watch.ended)
		o->watch.ended(o->watch.arg, how);
	free(o->local);
	o->local = NULL;
	o->state = ABANDONED;
	if (--os->count == 0)
		os->ops.idle(os->ops.arg);
}

static void refuse(struct opening *o, enum opening_end how, const char *why)
{
	char to[DESTINATION_HOST + 16];

	destination_format(&o->share->to, to, sizeof(to));
	if (o->local)
		log_event(LOG_WARNING | LOG_ORDINARY, "connection-refused",
			  LOG_FIELDS({"connection", o->id, 0}, {"local", o->local, 0},
				     {"destination", to, 0}, {"reason", why, 0}),
			  "connection %s from %s to %s refused: %s", o->id, o->local, to, why);
	relay_reset_socket(o->fd);
	end(o, how);
}

/* A D-Bus program says its uid, and the bus compares it with that of whoever connected, which is
 * the server's user: without a word from us it looks as if the bus hung up. */
static void explain_rejected(const struct opening *o, const struct relay_stats *stats)
{
	if (o->local && memcmp(stats->first_to, "REJECTED", sizeof(stats->first_to)) == 0)
		log_msg(LOG_WARNING,
			"connection %s from %s: the D-Bus endpoint answered REJECTED: it compares "
			"the uid that the program names with the one that connects there, that of "
			"the server's user; run the program with that uid, or have the server "
			"connect with the program's (-u, connect-as)",
			o->id, o->local);
}

static void on_relay_done(void *arg, const struct relay_stats *stats)
{
	struct opening *o = arg;
	const bool orderly = stats->end == RELAY_END_ORDERLY;
	char to[DESTINATION_HOST + 16];

	destination_format(&o->share->to, to, sizeof(to));
	/* A watched connection (--stdio) that ends abnormally is a warning. */
	if (o->local)
		log_event(
		    LOG_ORDINARY | (o->watch.ended && !orderly ? LOG_WARNING : LOG_INFO),
		    "connection-close",
		    LOG_FIELDS({"connection", o->id, 0}, {"local", o->local, 0},
			       {"destination", to, 0}, {"reason", relay_end_text(stats->end), 0},
			       {"bytes_sent", NULL, stats->from_socket},
			       {"bytes_received", NULL, stats->to_socket}),
		    "connection %s from %s to %s closed: %s; %llu bytes sent, %llu received", o->id,
		    o->local, to, relay_end_text(stats->end),
		    (unsigned long long)stats->from_socket, (unsigned long long)stats->to_socket);
	explain_rejected(o, stats);
	if (o->state == OPEN) {
		o->os->carried--;
		end(o, orderly ? OPENING_ORDERLY : OPENING_ABORTED);
	}
	free(o);
}

/* ---- answers ---- */

/* Calls libssh's open; to be repeated with the same arguments until the answer has arrived. */
static int ask_open(struct opening *o, bool sshipc)
{
	const struct destination *d = &o->share->to;
	const char *host = d->host;
	uint16_t port = d->port;

	/* libssh sends direct-streamlocal to OpenSSH only; an sshipc-server accepts the path as a
	 * host. */
	if (d->kind == DESTINATION_UNIX && !sshipc)
		return ssh_channel_open_forward_unix(o->channel, host, o->id, ANY_PORT);
	if (d->kind == DESTINATION_DEFAULT && sshipc)
		host = ".";
	if (d->kind == DESTINATION_UNIX || d->kind == DESTINATION_NAME || host != d->host)
		port = ANY_PORT;
	return ssh_channel_open_forward(o->channel, host, port, o->id, ANY_PORT);
}

/* The result of an open: SSH_AGAIN while it is unknown.  Trap: libssh 0.10 has no callback for an
 * answer to an open.  A granted one is seen by the channel's state, a refused one only by asking
 * again, which reads the socket; so that is done only if denials is set. */
static int look_at(struct opening *o, bool sshipc, bool denials)
{
	if (ssh_channel_is_open(o->channel) || relay_closed(o->relay))
		return SSH_OK;
	if (!denials || ask_open(o, sshipc) == SSH_AGAIN)
		return SSH_AGAIN;
	return ssh_channel_is_open(o->channel) ? SSH_OK : SSH_ERROR;
}

static void on_open(struct opening *o)
{
	struct openings *os = o->os;
	char to[DESTINATION_HOST + 16], why[128];
	uint32_t size;
	const bool small =
	    ssh_channel_window_size(o->channel) == 0 && confirmation_take_small(&size);

	if (o->local)
		os->ops.answered(os->ops.arg, !small);
	if (small && o->state == ASKED) {
		snprintf(why, sizeof(why),
			 "the server takes packets of %u bytes only, less than %d", size,
			 CONFIRMATION_LEAST);
		refuse(o, OPENING_UNSERVED, why);
	}
	if (o->state == ABANDONED) {
		relay_abort(o->relay);
		return;
	}
	destination_format(&o->share->to, to, sizeof(to));
	if (o->local)
		log_event(LOG_INFO | LOG_ORDINARY, "connection-open",
			  LOG_FIELDS({"connection", o->id, 0}, {"local", o->local, 0},
				     {"destination", to, 0}),
			  "connection %s from %s to %s is open", o->id, o->local, to);
	o->state = OPEN;
	os->carried++;
	relay_attach(o->relay, o->fd, false);
}

/* Report the connection's end before the answer: its watcher may wait for an event that the answer
 * causes. */
static void on_denied(struct opening *o)
{
	struct openings *os = o->os;
	const bool local = o->local;

	relay_discard(o->relay);
	ssh_channel_free(o->channel);
	if (o->state == ASKED)
		refuse(o, OPENING_REFUSED,
		       "the server refused the channel; its log names the reason");
	if (local)
		os->ops.answered(os->ops.arg, false);
	free(o);
}

static void start(struct opening *o, ssh_session ssh, struct relays *relays, bool sshipc)
{
	o->share->in_flight++;
	o->state = ASKED;
	o->asked = loop_seconds();
	o->channel = alloc_or_abort(ssh_channel_new(ssh));
	o->relay = relay_new(relays, o->channel, on_relay_done, o);
	relay_await(o->relay);
	ask_open(o, sshipc);
}

/* Serves one share.  True: its state full has changed. */
static bool serve(struct share *sh, ssh_session ssh, struct relays *relays, bool sshipc)
{
	/* libssh never clears the error; until the first denial it need not be compared. */
	const bool denials = ssh_get_error_code(ssh) == SSH_REQUEST_DENIED;
	struct opening *o, *next;
	bool full;
	int rc;

	for (o = TAILQ_FIRST(&sh->all); o && o->state != WAITING; o = next) {
		rc = look_at(o, sshipc, denials);
		next = TAILQ_NEXT(o, entry);
		if (rc == SSH_AGAIN)
			continue;
		TAILQ_REMOVE(&sh->all, o, entry);
		sh->in_flight--;
		if (rc == SSH_OK)
			on_open(o);
		else
			on_denied(o);
	}
	for (; o && sh->in_flight < IN_FLIGHT; o = TAILQ_NEXT(o, entry))
		start(o, ssh, relays, sshipc);
	full = o != NULL;
	if (full == sh->full)
		return false;
	sh->full = full;
	sh->logged = false;
	return true;
}

/* ---- time ---- */

/* The time at which an opening is refused or abandoned. */
static time_t due(const struct opening *o)
{
	const struct openings *os = o->os;

	if (!os->up_since)
		return o->since + os->hold;
	return (o->since > os->up_since ? o->since : os->up_since) + os->patience;
}

/* The opening that has waited longest for its answer; NULL: none is in flight. */
static const struct opening *oldest(const struct share *sh)
{
	return sh->in_flight > 0 ? TAILQ_FIRST(&sh->all) : NULL;
}

static void sooner(time_t *when, time_t t)
{
	if (*when < 0 || t < *when)
		*when = t;
}

static void arm(struct openings *os)
{
	const struct share *sh;
	const struct opening *o;
	time_t when = -1;

	TAILQ_FOREACH(sh, &os->shares, entry) {
		TAILQ_FOREACH(o, &sh->all, entry)
			if (o->state != ABANDONED)
				sooner(&when, due(o));
		/* Whether a new session is needed is checked when one that waits is refused. */
		if (sh->full && !sh->logged && oldest(sh))
			sooner(&when, oldest(sh)->asked + SLOW_SECONDS);
	}
	event_del(os->timer);
	if (when >= 0) {
		const time_t left = when - loop_seconds();

		loop_after(os->timer, left > 0 ? (uint64_t)left * 1000 : 0);
	}
}

/* True: a new session is needed. */
static bool look_at_full(struct share *sh, int patience)
{
	const time_t age = sh->full && oldest(sh) ? loop_seconds() - oldest(sh)->asked : 0;
	const struct opening *o;
	char to[DESTINATION_HOST + 16];
	size_t waiting = 0;

	if (age >= SLOW_SECONDS && !sh->logged) {
		TAILQ_FOREACH(o, &sh->all, entry)
			waiting += o->state == WAITING;
		log_msg(LOG_WARNING,
			"%zu connections to %s wait: the server has left %zu opens unanswered, the "
			"oldest for %lld s",
			waiting, destination_format(&sh->to, to, sizeof(to)), sh->in_flight,
			(long long)age);
		sh->logged = true;
	}
	return age >= patience * OWED_TIMES;
}

static void give_up(struct openings *os, struct share *sh)
{
	char late[96], queued[128];
	struct opening *o, *next;

	snprintf(late, sizeof(late), "the server has not answered for %d s", os->patience);
	snprintf(queued, sizeof(queued),
		 "the server has left %zu opens of this destination unanswered", sh->in_flight);
	for (o = TAILQ_FIRST(&sh->all); o; o = next) {
		next = TAILQ_NEXT(o, entry);
		if (o->state == ABANDONED || due(o) > loop_seconds())
			continue;
		if (o->state == ASKED) {
			refuse(o, OPENING_UNSERVED, late);
			continue;
		}
		TAILQ_REMOVE(&sh->all, o, entry);
		refuse(o, OPENING_UNSERVED,
		       os->up_since ? queued
		       : os->why[0] ? os->why
				    : "no connection to the server");
		free(o);
	}
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct openings *os = arg;
	struct share *sh;
	bool stuck = false;

	TAILQ_FOREACH(sh, &os->shares, entry) {
		stuck = look_at_full(sh, os->patience) || stuck;
		give_up(os, sh);
	}
	if (stuck && os->carried == 0)
		os->ops.stuck(os->ops.arg);
	else
		arm(os);
}

void openings_serve(struct openings *os, ssh_session ssh, struct relays *relays, bool sshipc)
{
	struct share *sh;
	bool changed = false;

	if (!os->up_since) {
		os->up_since = loop_seconds();
		os->why[0] = '\0';
	}
	TAILQ_FOREACH(sh, &os->shares, entry)
		changed = serve(sh, ssh, relays, sshipc) || changed;
	if (changed)
		arm(os);
}

/* ---- life ---- */

void openings_add(struct openings *os, const struct destination *to, int fd, const char *local,
		  const struct opening_watch *watch)
{
	struct opening *o = xcalloc(1, sizeof(*o));
	uint64_t id = 0;

	if (getrandom(&id, sizeof(id), 0) != sizeof(id))
		abort();
	o->local = local ? xstrdup(local) : NULL;
	snprintf(o->id, sizeof(o->id), "%016llx", (unsigned long long)id);
	o->os = os;
	o->share = share_of(os, to);
	o->fd = fd;
	if (watch)
		o->watch = *watch;
	o->since = loop_seconds();
	os->count++;
	TAILQ_INSERT_TAIL(&o->share->all, o, entry);
	if (!event_pending(os->timer, EV_TIMEOUT, NULL))
		arm(os);
}

bool openings_wanted(const struct openings *os)
{
	const struct share *sh;
	const struct opening *o;

	TAILQ_FOREACH(sh, &os->shares, entry) {
		TAILQ_FOREACH(o, &sh->all, entry)
			/* A channel of our own use does not count: .status is read after each login
			 * anyway. */
			if (o->state == WAITING && o->local)
				return true;
	}
	return false;
}

bool openings_idle(const struct openings *os)
{
	return os->count == 0;
}

size_t openings_carried(const struct openings *os)
{
	return os->carried;
}

void openings_requeue(struct openings *os)
{
	struct opening *o, *next;
	struct share *sh;

	os->up_since = 0;
	confirmation_forget();
	TAILQ_FOREACH(sh, &os->shares, entry) {
		for (o = TAILQ_FIRST(&sh->all); o && o->state != WAITING; o = next) {
			next = TAILQ_NEXT(o, entry);
			relay_discard(o->relay);
			if (o->state == ASKED) {
				o->state = WAITING;
				continue;
			}
			TAILQ_REMOVE(&sh->all, o, entry);
			free(o);
		}
		sh->in_flight = 0;
		sh->full = sh->logged = false;
	}
}

void openings_hold(struct openings *os, const char *why)
{
	snprintf(os->why, sizeof(os->why), "%s", why);
	arm(os);
}

struct openings *openings_new(struct event_base *base, int hold, int patience,
			      const struct openings_ops *ops)
{
	struct openings *os = xcalloc(1, sizeof(*os));

	TAILQ_INIT(&os->shares);
	os->hold = hold;
	os->patience = patience;
	os->ops = *ops;
	os->timer = loop_timer(base, on_timer, os);
	return os;
}

void openings_free(struct openings *os)
{
	struct share *sh;
	struct opening *o;

	if (!os)
		return;
	openings_requeue(os);
	while ((sh = TAILQ_FIRST(&os->shares))) {
		while ((o = TAILQ_FIRST(&sh->all))) {
			TAILQ_REMOVE(&sh->all, o, entry);
			refuse(o, OPENING_UNSERVED, "the client is shutting down");
			free(o);
		}
		TAILQ_REMOVE(&os->shares, sh, entry);
		free(sh);
	}
	event_free(os->timer);
	free(os);
}
