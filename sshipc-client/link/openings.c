// SPDX-License-Identifier: BSD-2-Clause
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
	IN_FLIGHT = 32,	  /* opens of one destination that are not answered */
	SLOW_SECONDS = 5, /* so long unanswered, while others wait for their turn: it is said */
	OWED = 10,	  /* times the patience: then a session that carries nothing is given up */
	ANY_PORT = 1,	  /* where the destination is a name and the port means nothing */
};

/* One local connection, to the end of its relay; and then, while the server owes an answer, what
 * is left of it: libssh cannot free a channel that is neither open nor denied. */
struct opening {
	TAILQ_ENTRY(opening) entry;
	struct share *share;
	char *local;
	struct opening_watch watch;
	char id[17]; /* of the connection, in the log of both sides */
	int fd;
	time_t since, asked;
	bool ended; /* its connection is gone */
	struct openings *os;
	ssh_channel channel;
	struct relay *relay;
};

TAILQ_HEAD(opening_list, opening);

/* Those to one destination: what it leaves unanswered holds up no other. */
struct share {
	TAILQ_ENTRY(share) entry;
	struct destination to;
	struct opening_list waiting, in_flight;
	size_t n_in_flight;
	bool full, told;
};

struct openings {
	TAILQ_HEAD(, share) shares;
	size_t count, carried; /* connections; those whose relay goes on */
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
	TAILQ_INIT(&sh->waiting);
	TAILQ_INIT(&sh->in_flight);
	TAILQ_INSERT_TAIL(&os->shares, sh, entry);
	return sh;
}

/* ---- ends ---- */

static void end(struct opening *o, enum opening_end how)
{
	struct openings *os = o->os;

	if (o->watch.ended)
		o->watch.ended(o->watch.arg, how);
	free(o->local);
	o->local = NULL;
	o->ended = true;
	if (--os->count == 0)
		os->ops.idle(os->ops.arg);
}

static void refuse(struct opening *o, enum opening_end how, const char *why)
{
	char to[DESTINATION_HOST + 16];

	if (o->local)
		log_msg(LOG_WARNING, "connection %s from %s to %s refused: %s", o->id, o->local,
			destination_format(&o->share->to, to, sizeof(to)), why);
	relay_reset_socket(o->fd);
	end(o, how);
}

static void on_relay_done(void *arg, const struct relay_stats *stats)
{
	struct opening *o = arg;
	char to[DESTINATION_HOST + 16];

	/* Who waits for this one is told of more than its end. */
	if (o->local)
		log_msg(o->watch.ended && stats->end != RELAY_END_ORDERLY ? LOG_WARNING : LOG_INFO,
			"connection %s from %s to %s closed: %s; %llu bytes sent, %llu received",
			o->id, o->local, destination_format(&o->share->to, to, sizeof(to)),
			relay_end_text(stats->end), (unsigned long long)stats->from_socket,
			(unsigned long long)stats->to_socket);
	if (!o->ended) {
		o->os->carried--;
		end(o, stats->end == RELAY_END_ORDERLY ? OPENING_ORDERLY : OPENING_ABORTED);
	}
	free(o);
}

/* ---- answers ---- */

/* The same call, again and again, until the answer is there. */
static int ask_open(struct opening *o, bool sshipc)
{
	const struct destination *d = &o->share->to;

	switch (d->kind) {
	case DESTINATION_UNIX:
		/* libssh speaks direct-streamlocal to OpenSSH only; our server takes the path as a
		 * host. */
		if (!sshipc)
			return ssh_channel_open_forward_unix(o->channel, d->host, o->id, ANY_PORT);
		/* fall through */
	case DESTINATION_NAME:
		return ssh_channel_open_forward(o->channel, d->host, ANY_PORT, o->id, ANY_PORT);
	case DESTINATION_TCP:
		return ssh_channel_open_forward(o->channel, d->host, d->port, o->id, ANY_PORT);
	case DESTINATION_DEFAULT:
		if (sshipc)
			return ssh_channel_open_forward(o->channel, ".", ANY_PORT, o->id, ANY_PORT);
		return ssh_channel_open_forward(o->channel, d->host, d->port, o->id, ANY_PORT);
	}
	return SSH_ERROR;
}

/* What became of it: SSH_AGAIN while nobody knows. */
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

	if (!o->ended && o->local)
		os->ops.answered(os->ops.arg, !small);
	if (small && !o->ended) {
		snprintf(why, sizeof(why),
			 "the server takes packets of %u bytes only, less than %d", size,
			 CONFIRMATION_LEAST);
		refuse(o, OPENING_UNSERVED, why);
	}
	if (o->ended) {
		relay_abort(o->relay);
		return;
	}
	if (o->local)
		log_msg(LOG_INFO, "connection %s from %s to %s is open", o->id, o->local,
			destination_format(&o->share->to, to, sizeof(to)));
	os->carried++;
	relay_attach(o->relay, o->fd, false);
}

static void on_denied(struct opening *o)
{
	struct openings *os = o->os;

	if (!o->ended && o->local)
		os->ops.answered(os->ops.arg, false);
	relay_discard(o->relay);
	ssh_channel_free(o->channel);
	if (!o->ended)
		refuse(o, OPENING_REFUSED,
		       "the server refused the channel; its log names the reason");
	free(o);
}

/* True: it became full, or is no longer. */
static bool serve(struct share *sh, ssh_session ssh, struct relays *relays, bool sshipc)
{
	/* libssh never clears it; so until the first denial nobody needs a second look. */
	const bool denials = ssh_get_error_code(ssh) == SSH_REQUEST_DENIED;
	struct opening *o, *next;
	bool full;

	for (o = TAILQ_FIRST(&sh->in_flight); o; o = next) {
		const int rc = look_at(o, sshipc, denials);

		next = TAILQ_NEXT(o, entry);
		if (rc == SSH_AGAIN)
			continue;
		TAILQ_REMOVE(&sh->in_flight, o, entry);
		sh->n_in_flight--;
		if (rc == SSH_OK)
			on_open(o);
		else
			on_denied(o);
	}
	while (sh->n_in_flight < IN_FLIGHT && (o = TAILQ_FIRST(&sh->waiting))) {
		TAILQ_REMOVE(&sh->waiting, o, entry);
		TAILQ_INSERT_TAIL(&sh->in_flight, o, entry);
		sh->n_in_flight++;
		o->asked = loop_seconds();
		o->channel = ssh_channel_new(ssh);
		if (!o->channel)
			abort();
		o->relay = relay_new(relays, o->channel, on_relay_done, o);
		relay_await(o->relay);
		ask_open(o, sshipc);
	}
	full = !TAILQ_EMPTY(&sh->waiting);
	if (full == sh->full)
		return false;
	sh->full = full;
	sh->told = false;
	return true;
}

/* ---- time ---- */

/* When it is given up. */
static time_t due(const struct opening *o)
{
	const struct openings *os = o->os;

	if (!os->up_since)
		return o->since + os->hold;
	return (o->since > os->up_since ? o->since : os->up_since) + os->patience;
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

	TAILQ_FOREACH(sh, &os->shares, entry)
	{
		const struct opening *oldest = TAILQ_FIRST(&sh->in_flight);

		TAILQ_FOREACH(o, &sh->waiting, entry)
		sooner(&when, due(o));
		TAILQ_FOREACH(o, &sh->in_flight, entry)
		if (!o->ended)
			sooner(&when, due(o));
		/* Whether it is time for another session is looked at when one of those that wait
		 * is given up. */
		if (sh->full && !sh->told && oldest)
			sooner(&when, oldest->asked + SLOW_SECONDS);
	}
	event_del(os->timer);
	if (when >= 0) {
		const time_t left = when - loop_seconds();

		loop_after(os->timer, left > 0 ? (uint64_t)left * 1000 : 0);
	}
}

/* True: it is time for another session. */
static bool look_at_full(struct share *sh, int patience)
{
	const struct opening *oldest = TAILQ_FIRST(&sh->in_flight), *o;
	char to[DESTINATION_HOST + 16];
	const time_t age = sh->full && oldest ? loop_seconds() - oldest->asked : 0;
	size_t waiting = 0;

	if (age >= SLOW_SECONDS && !sh->told) {
		TAILQ_FOREACH(o, &sh->waiting, entry)
		waiting++;
		log_msg(LOG_WARNING,
			"%zu connections to %s wait: the server has left %zu opens unanswered, the "
			"oldest for %lld s",
			waiting, destination_format(&sh->to, to, sizeof(to)), sh->n_in_flight,
			(long long)age);
		sh->told = true;
	}
	return age >= patience * OWED;
}

static void give_up(struct openings *os, struct share *sh)
{
	char late[96], queued[128];
	struct opening *o, *next;

	snprintf(late, sizeof(late), "the server has not answered for %d s", os->patience);
	snprintf(queued, sizeof(queued),
		 "the server has left %zu opens of this destination unanswered", sh->n_in_flight);
	for (o = TAILQ_FIRST(&sh->in_flight); o; o = TAILQ_NEXT(o, entry))
		if (!o->ended && due(o) <= loop_seconds())
			refuse(o, OPENING_UNSERVED, late);
	for (o = TAILQ_FIRST(&sh->waiting); o; o = next) {
		next = TAILQ_NEXT(o, entry);
		if (due(o) > loop_seconds())
			continue;
		TAILQ_REMOVE(&sh->waiting, o, entry);
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

	TAILQ_FOREACH(sh, &os->shares, entry)
	{
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
	TAILQ_INSERT_TAIL(&o->share->waiting, o, entry);
	if (!event_pending(os->timer, EV_TIMEOUT, NULL))
		arm(os);
}

bool openings_wanted(const struct openings *os)
{
	const struct share *sh;
	const struct opening *o;

	TAILQ_FOREACH(sh, &os->shares, entry)
	{
		TAILQ_FOREACH(o, &sh->waiting, entry)
		if (o->local) /* a question of our own is asked again after the login */
			return true;
	}
	return false;
}

bool openings_idle(const struct openings *os)
{
	return os->count == 0;
}

void openings_requeue(struct openings *os)
{
	struct share *sh;
	struct opening *o;

	os->up_since = 0;
	confirmation_forget();
	TAILQ_FOREACH(sh, &os->shares, entry)
	{
		while ((o = TAILQ_LAST(&sh->in_flight, opening_list))) {
			TAILQ_REMOVE(&sh->in_flight, o, entry);
			relay_discard(o->relay);
			if (o->ended)
				free(o);
			else
				TAILQ_INSERT_HEAD(&sh->waiting, o, entry);
		}
		sh->n_in_flight = 0;
		sh->full = sh->told = false;
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
		while ((o = TAILQ_FIRST(&sh->waiting))) {
			TAILQ_REMOVE(&sh->waiting, o, entry);
			refuse(o, OPENING_UNSERVED, "the client is shutting down");
			free(o);
		}
		TAILQ_REMOVE(&os->shares, sh, entry);
		free(sh);
	}
	event_free(os->timer);
	free(os);
}
