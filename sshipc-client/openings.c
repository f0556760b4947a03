// SPDX-License-Identifier: BSD-2-Clause
#include "openings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>

#include "alloc.h"
#include "log.h"
#include "loop.h"

enum {
	IN_FLIGHT = 32, /* opens not answered: each is looked at again and again */
	ANY_PORT = 1,	/* where the destination is a name and the port means nothing */
};

/* One local connection, to the end of its relay. */
struct opening {
	TAILQ_ENTRY(opening) entry;
	struct destination to;
	char *local;
	struct opening_watch watch;
	char id[17]; /* of the connection, in the log of both sides */
	int fd;
	time_t since;
	struct openings *os;
	ssh_channel channel;
	struct relay *relay;
};

TAILQ_HEAD(opening_list, opening);

struct openings {
	struct opening_list waiting, in_flight;
	size_t n_in_flight, count; /* count: with those whose relay goes on */
	int hold;
	struct openings_ops ops;
	struct event *timer; /* of the first that waits, while there is no session */
	char why[512];
};

static void end(struct opening *o, enum opening_end how)
{
	struct openings *os = o->os;

	if (o->watch.ended)
		o->watch.ended(o->watch.arg, how);
	free(o->local);
	free(o);
	if (--os->count == 0)
		os->ops.idle(os->ops.arg);
}

static void refuse(struct opening *o, enum opening_end how, const char *why)
{
	char to[DESTINATION_HOST + 16];

	if (o->local)
		log_msg(LOG_WARNING, "connection %s from %s to %s refused: %s", o->id, o->local,
			destination_format(&o->to, to, sizeof(to)), why);
	relay_reset_socket(o->fd);
	end(o, how);
}

static void settle(struct openings *os, struct opening *o)
{
	TAILQ_REMOVE(&os->in_flight, o, entry);
	os->n_in_flight--;
}

static void on_relay_done(void *arg, const struct relay_stats *stats)
{
	struct opening *o = arg;
	char to[DESTINATION_HOST + 16];

	/* Who waits for this one is told of more than its end. */
	if (o->local)
		log_msg(o->watch.ended && stats->end != RELAY_END_ORDERLY ? LOG_WARNING : LOG_INFO,
			"connection %s from %s to %s closed: %s; %llu bytes sent, %llu received",
			o->id, o->local, destination_format(&o->to, to, sizeof(to)),
			relay_end_text(stats->end), (unsigned long long)stats->from_socket,
			(unsigned long long)stats->to_socket);
	end(o, stats->end == RELAY_END_ORDERLY ? OPENING_ORDERLY : OPENING_ABORTED);
}

/* The same call, again and again, until the answer is there. */
static int ask_open(struct opening *o, bool sshipc)
{
	const struct destination *d = &o->to;

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

void openings_serve(struct openings *os, ssh_session ssh, struct relays *relays, bool sshipc)
{
	/* libssh never clears it; so until the first denial nobody needs a second look. */
	const bool denials = ssh_get_error_code(ssh) == SSH_REQUEST_DENIED;
	struct opening *o, *next;

	event_del(os->timer);
	os->why[0] = '\0';
	for (o = TAILQ_FIRST(&os->in_flight); o; o = next) {
		const int rc = look_at(o, sshipc, denials);

		next = TAILQ_NEXT(o, entry);
		if (rc == SSH_AGAIN)
			continue;
		settle(os, o);
		if (o->local)
			os->ops.answered(os->ops.arg, rc == SSH_OK);
		if (rc == SSH_OK) {
			char to[DESTINATION_HOST + 16];

			if (o->local)
				log_msg(LOG_INFO, "connection %s from %s to %s is open", o->id,
					o->local, destination_format(&o->to, to, sizeof(to)));
			relay_attach(o->relay, o->fd, false);
		} else {
			relay_discard(o->relay);
			ssh_channel_free(o->channel);
			refuse(o, OPENING_REFUSED,
			       "the server refused the channel; its log names the reason");
		}
	}
	while (os->n_in_flight < IN_FLIGHT && (o = TAILQ_FIRST(&os->waiting))) {
		TAILQ_REMOVE(&os->waiting, o, entry);
		TAILQ_INSERT_TAIL(&os->in_flight, o, entry);
		os->n_in_flight++;
		o->channel = ssh_channel_new(ssh);
		if (!o->channel)
			abort();
		o->relay = relay_new(relays, o->channel, on_relay_done, o);
		relay_await(o->relay);
		ask_open(o, sshipc);
	}
}

static void arm(struct openings *os)
{
	const struct opening *o = TAILQ_FIRST(&os->waiting);
	const time_t left = o ? o->since + os->hold - loop_seconds() : 0;

	if (o)
		loop_after(os->timer, left > 0 ? (uint64_t)left * 1000 : 0);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct openings *os = arg;
	struct opening *o;

	while ((o = TAILQ_FIRST(&os->waiting)) && loop_seconds() - o->since >= os->hold) {
		TAILQ_REMOVE(&os->waiting, o, entry);
		refuse(o, OPENING_UNSERVED, os->why[0] ? os->why : "no connection to the server");
	}
	arm(os);
}

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
	o->to = *to;
	o->fd = fd;
	if (watch)
		o->watch = *watch;
	o->since = loop_seconds();
	os->count++;
	TAILQ_INSERT_TAIL(&os->waiting, o, entry);
	if (!event_pending(os->timer, EV_TIMEOUT, NULL))
		arm(os);
}

bool openings_wanted(const struct openings *os)
{
	const struct opening *o;

	TAILQ_FOREACH(o, &os->waiting, entry)
	if (o->local) /* a question of our own is asked again after the login */
		return true;
	return false;
}

bool openings_idle(const struct openings *os)
{
	return os->count == 0;
}

void openings_requeue(struct openings *os)
{
	struct opening *o;

	while ((o = TAILQ_LAST(&os->in_flight, opening_list))) {
		relay_discard(o->relay);
		settle(os, o);
		TAILQ_INSERT_HEAD(&os->waiting, o, entry);
	}
}

void openings_hold(struct openings *os, const char *why)
{
	snprintf(os->why, sizeof(os->why), "%s", why);
	arm(os);
}

struct openings *openings_new(struct event_base *base, int hold, const struct openings_ops *ops)
{
	struct openings *os = xcalloc(1, sizeof(*os));

	TAILQ_INIT(&os->waiting);
	TAILQ_INIT(&os->in_flight);
	os->hold = hold;
	os->ops = *ops;
	os->timer = loop_timer(base, on_timer, os);
	return os;
}

void openings_free(struct openings *os)
{
	struct opening *o;

	if (!os)
		return;
	openings_requeue(os);
	while ((o = TAILQ_FIRST(&os->waiting))) {
		TAILQ_REMOVE(&os->waiting, o, entry);
		refuse(o, OPENING_UNSERVED, "the client is shutting down");
	}
	event_free(os->timer);
	free(os);
}
