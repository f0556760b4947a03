// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the process of the tunnel; client.c and the doctor make one.  It connects, logs in, keeps
 * the session up and reconnects.  It may not listen, read .status or print: it reports by its
 * events.
 */
#include "link.h"

#include <errno.h>
#include <inttypes.h>
#include <libssh/libssh.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "alloc.h"
#include "keyblob.h"
#include "link_internal.h"
#include "log.h"
#include "loop.h"
#include "selftest.h"
#include "session.h"

enum {
	STUCK_MS = 3000,      /* age at which a connect is restarted for a local connection */
	LOOK_MS = 1000,	      /* between two checks for a suspend, or another host key */
	HEALTHY_SECONDS = 60, /* a session that was up for this long resets the pauses */
	HELD_MAX = 128 << 20, /* bytes for slow local readers */
};

bool link_is_sshipc(const struct link *l)
{
	return l->sshipc;
}

const char *link_chosen(const struct link *l)
{
	return l->servers.n > 1 ? l->server : NULL;
}

bool link_idle(const struct link *l)
{
	return openings_idle(l->openings);
}

int link_fd(const struct link *l)
{
	return ssh_get_fd(l->ssh);
}

void link_put(const struct link *l, struct json_out *o)
{
	const struct relay_stats *now = l->relays ? relays_total(l->relays) : NULL;
	const char *line = identity_line(l->identity), *base64 = line ? strchr(line, ' ') : NULL;
	uint8_t blob[KEYLINE_BLOB_MAX], digest[KEYLINE_DIGEST];
	char key[KEYLINE_FINGERPRINT] = "";
	const long n =
	    base64 ? keyline_base64(base64 + 1, strcspn(base64 + 1, " \n"), blob, sizeof(blob)) : 0;

	if (n > 0) {
		keyline_digest(blob, (size_t)n, digest);
		keyline_fingerprint(digest, key);
	}
	json_text(o, "server", l->server);
	json_put(o, "server_number", "%zu", servers_current(&l->servers) + 1);
	json_put(o, "servers", "%zu", l->servers.n);
	json_text(o, "key", key[0] ? key : NULL);
	json_put(o, "channels", "%zu", l->relays ? openings_carried(l->openings) : 0);
	json_put(o, "bytes_sent", "%" PRIu64, l->before.from_socket + (now ? now->from_socket : 0));
	json_put(o, "bytes_received", "%" PRIu64, l->before.to_socket + (now ? now->to_socket : 0));
	json_text(o, "last_error", l->last_error[0] ? l->last_error : NULL);
	json_put(o, "last_error_code", l->last_code ? "%d" : "null", l->last_code);
}

void link_tell(struct link *l, enum link_event event, const char *text)
{
	l->ops.event(l->ops.arg, event, text);
}

static void on_answered(void *arg, bool granted)
{
	link_tell(arg, granted ? LINK_OPEN_GRANTED : LINK_OPEN_REFUSED, NULL);
}

static void on_idle(void *arg)
{
	link_tell(arg, LINK_IDLE, NULL);
}

/* ---- one attempt ---- */

void link_fail(struct link *l, const char *why)
{
	if (why != l->why)
		snprintf(l->why, sizeof(l->why), "%s", why);
	event_active(l->reset, 0, 0);
}

static void on_stuck(void *arg)
{
	link_fail(arg, "the server leaves all opens unanswered");
}

/* A tunnel waits for a temporary refusal to pass; run mode, --stdio and the doctor do not. */
void link_refuse(struct link *l, const struct link_refusal *r)
{
	const bool passing =
	    r->verdict == POLICY_MAX_SESSIONS || r->verdict == POLICY_OUTSIDE_WINDOW;
	const bool waits = passing && !l->s->stdio && !l->s->command && !l->s->check;

	log_event(LOG_ERR, "refused", LOG_FIELDS({"server", l->server, 0}, {"reason", r->cause, 0}),
		  "%s%s%s", r->cause, r->remedy ? "; " : "", r->remedy ? r->remedy : "");
	l->code = r->exit_code;
	l->denied = true;
	l->servers.refused += !waits;
	if ((l->ever_up || l->servers.refused < l->servers.n) && !l->s->exit_on_refusal)
		link_fail(l, r->cause);
	else
		l->ops.refused(l->ops.arg, r);
	l->state = DOWN;
}

void link_refuse_for(struct link *l, int exit_code, const char *cause)
{
	const struct link_refusal r = {exit_code, POLICY_NO_KEY, cause, NULL};

	link_refuse(l, &r);
}

/* --stdio is one connection, and never retries: the program that started it may. */
static void schedule_retry(struct link *l)
{
	const char *next = link_chosen(l);
	unsigned pause;

	if (l->s->stdio) {
		log_event(LOG_ERR, "disconnected",
			  LOG_FIELDS({"server", l->server, 0}, {"reason", l->servers.why, 0}), "%s",
			  l->servers.why);
		return;
	}
	pause = backoff_pause(l->backoff, openings_wanted(l->openings), l->denied);
	log_event(LOG_WARNING, "disconnected",
		  LOG_FIELDS({"server", l->server, 0}, {"reason", l->servers.why, 0},
			     {"retry_ms", NULL, pause}),
		  "%s%s; next attempt in %u.%us%s%s", l->servers.why,
		  l->ever_up ? "" : "; --check says what to do", pause / 1000, pause % 1000 / 100,
		  next ? ", at " : "", next ? next : "");
}

/* A local connection has arrived.  The kernel repeats a SYN after ever longer pauses, so a connect
 * that hangs is restarted, once. */
static void wake_up(struct link *l)
{
	backoff_wake(l->backoff);
	if (!l->reach || l->wanted || backoff_age(l->backoff) < STUCK_MS)
		return;
	snprintf(l->why, sizeof(l->why), "%s hangs, and a local connection has come",
		 reach_phase(l->reach));
	link_fail(l, l->why);
}

void link_open(struct link *l, const struct destination *to, int fd, const char *local,
	       const struct opening_watch *watch)
{
	openings_add(l->openings, to, fd, local, watch);
	if (l->state == UP)
		sshloop_kick(l->loop);
	else if (local)
		wake_up(l);
}

/* The server whose turn it is. */
static void aim(struct link *l)
{
	settings_aim(&l->one, l->all, servers_current(&l->servers));
	l->slept = false;
	address_format_port(l->s->host, l->s->port, l->server, sizeof(l->server));
}

/* Frees all resources of the attempt or the session.  Connections whose open was not answered wait
 * again. */
static void tear_down(struct link *l, const char *message)
{
	reach_cancel(l->reach);
	l->reach = NULL;
	via_end(l->via);
	event_del(l->deadline);
	first_stop(l->first);
	identity_reset(l->identity);
	openings_requeue(l->openings);
	if (l->relays) {
		l->before.to_socket += relays_total(l->relays)->to_socket;
		l->before.from_socket += relays_total(l->relays)->from_socket;
	}
	relays_free(l->relays);
	sshloop_free(l->loop, message);
	ssh_key_free(l->host_key);
	l->host_key = NULL;
	l->relays = NULL;
	l->loop = NULL;
	l->ssh = NULL;
	l->state = DOWN;
}

/* The next attempt tries this address last. */
static void note_failed_exchange(struct link *l)
{
	const size_t n = strlen(l->why);
	char at[REACH_AT];

	reach_remember(&l->memory, &l->peer, true);
	snprintf(l->why + n, sizeof(l->why) - n, "%s", reach_at(&l->peer, l->server, at));
}

static void on_reset(evutil_socket_t fd, short what, void *arg)
{
	struct link *l = arg;
	const bool was_up = l->state == UP;
	bool over;

	if (l->state == KEYING && !l->via)
		note_failed_exchange(l);
	if (was_up && loop_seconds() - l->up_since >= HEALTHY_SECONDS)
		backoff_forget(l->backoff);
	servers_explain(&l->servers, l->server, l->why);
	memcpy(l->last_error, l->why, sizeof(l->last_error));
	l->last_code = l->code ? l->code : EX_UNAVAILABLE;
	l->code = 0;
	over = l->slept || servers_failed(&l->servers, was_up);
	tear_down(l, NULL);
	aim(l);
	openings_hold(l->openings, l->why);
	link_tell(l, over ? LINK_DOWN : LINK_NEXT, l->why);
	if (over)
		schedule_retry(l);
	else
		backoff_skip(l->backoff);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct link *l = arg;
	const char *during = l->reach ? reach_phase(l->reach)
			     : l->via && l->state == KEYING
				 ? "key exchange through the --via command"
			     : l->state == KEYING ? "key exchange"
						  : identity_phase(l->identity);

	snprintf(l->why, sizeof(l->why), "%s took more than %d seconds", during,
		 l->s->connect_timeout);
	link_fail(l, l->why);
}

void link_await_login(struct link *l)
{
	loop_after(l->deadline, (uint64_t)l->s->connect_timeout * 1000);
}

/* ---- session ---- */

void link_broke(void *arg, const char *why)
{
	struct link *l = arg;
	char ended[VIA_TEXT];

	if (l->via && via_ended(l->via, ended)) {
		snprintf(l->why, sizeof(l->why), "%s%s", ended,
			 l->state == KEYING ? " before the server answered" : "");
		why = l->why;
	}
	link_fail(l, why);
}

static void on_pass(void *arg)
{
	struct link *l = arg;

	if (l->state == KEYING && sshloop_keyed(l->loop))
		link_check_host_key(l);
	if (l->state == AUTHENTICATING)
		link_authenticate(l);
	if (l->state == UP) {
		openings_serve(l->openings, l->ssh, l->relays, l->sshipc);
		relays_pass(l->relays);
	}
}

static void on_full(void *arg, size_t held)
{
	log_msg(LOG_WARNING,
		"slow local connections hold %zu bytes, the limit: the server is not read", held);
}

static void start_session(struct link *l, int fd)
{
	const struct sshloop_config config = {.keepalive = l->s->keepalive, .client = true};
	const struct sshloop_ops ops = {.pass = on_pass, .dead = link_broke, .arg = l};

	l->ssh = session_new(l->s, l->gcm, fd);
	if (!l->ssh) {
		close(fd);
		link_fail(l, "the session could not be set up");
		return;
	}
	l->loop = sshloop_new(l->base, l->ssh, fd, &config, &ops);
	l->relays = relays_new(l->base, l->loop, HELD_MAX, on_full, NULL);
	l->state = KEYING;
	sshloop_start(l->loop);
}

static void on_reached(void *arg, int fd, const struct address *at, const char *why)
{
	struct link *l = arg;
	char text[ADDRESS_TEXT];

	l->reach = NULL;
	if (fd < 0) {
		link_fail(l, why);
		return;
	}
	l->peer = *at;
	link_tell(l, LINK_REACHED, address_format(at, text, sizeof(text)));
	start_session(l, fd);
}

static void start_via(struct link *l)
{
	int fd;

	l->via = via_start(l->base, l->s, &fd);
	if (!l->via) {
		snprintf(l->why, sizeof(l->why), "the --via command cannot be started: %s",
			 strerror(errno));
		link_fail(l, l->why);
		return;
	}
	link_tell(l, LINK_REACHED, l->s->via);
	start_session(l, fd);
}

static void begin_attempt(struct link *l)
{
	l->state = REACHING;
	backoff_begin(l->backoff);
	l->wanted = openings_wanted(l->openings);
	l->denied = l->denied && l->servers.tried > 0;
	l->peer.sa.ss_family = AF_UNSPEC;
	link_await_login(l);
}

static void start_attempt(void *arg)
{
	struct link *l = arg;

	begin_attempt(l);
	via_free(l->via); /* of the previous attempt */
	l->via = NULL;
	if (l->s->via)
		start_via(l);
	else
		l->reach = reach_start(l->base, l->s->host, l->s->port, l->s->connect_timeout,
				       &l->memory, on_reached, l);
}

/* The first server has answered, and the session at another one carries nothing. */
static void on_first_back(void *arg, int fd, const struct address *at, const char *why)
{
	static const char back[] = "going back to the first server";
	struct link *l = arg;

	tear_down(l, back);
	log_msg(LOG_NOTICE, "%s carries nothing, and the first server answers: %s", l->server,
		back);
	link_tell(l, LINK_NEXT, back);
	servers_begin(&l->servers, 0);
	aim(l);
	begin_attempt(l);
	on_reached(l, fd, at, why);
}

/* Timers stand still while the machine is suspended.  Afterwards the peer has most likely closed
 * the session, so neither its keepalives nor the pause before the next attempt are waited for. */
static void on_look(evutil_socket_t fd, short what, void *arg)
{
	struct link *l = arg;
	const time_t before = l->suspended;
	char why[sizeof(l->server) + 80];

	if (l->state == UP && !session_shows(l->ssh, l->host_key)) {
		snprintf(why, sizeof(why),
			 "%s has shown another host key in a later key exchange of the session",
			 l->server);
		link_refuse_for(l, EX_PROTOCOL, why);
	}
	l->suspended = loop_suspended();
	if (l->suspended - before < l->s->keepalive)
		return;
	if (l->state == UP) {
		snprintf(why, sizeof(why), "this machine slept for %lld s",
			 (long long)(l->suspended - before));
		l->slept = true;
		link_fail(l, why);
	} else if (backoff_stop(l->backoff)) {
		backoff_forget(l->backoff);
		start_attempt(l);
	}
}

/* ---- life ---- */

struct link *link_new(struct event_base *base, const struct settings *s, struct identity *identity,
		      const struct link_ops *ops)
{
	struct selftest test;
	struct link *l = xcalloc(1, sizeof(*l));
	const struct openings_ops openings_ops = {on_answered, on_idle, on_stuck, l};
	struct first_ops first = {NULL, &l->memory, on_first_back, l};

	l->identity = identity;
	selftest_run(NULL, &test);
	l->gcm = test.gcm;
	l->base = base;
	l->all = s;
	l->s = &l->one;
	l->ops = *ops;
	l->openings = openings_new(base, s->stdio ? 0 : s->hold, s->connect_timeout, &openings_ops);
	first.openings = l->openings;
	servers_start(&l->servers, s->n_servers, s->order == SETTINGS_RANDOM);
	aim(l);
	l->deadline = loop_timer(base, on_deadline, l);
	l->backoff = backoff_new(base, s->reconnect_max, start_attempt, l);
	l->reset = loop_timer(base, on_reset, l);
	l->look = loop_event(base, -1, EV_PERSIST, on_look, l);
	l->first = first_new(base, s, &first);
	l->suspended = loop_suspended();
	loop_after(l->look, LOOK_MS);
	return l;
}

void link_free(struct link *l)
{
	if (!l)
		return;
	tear_down(l, "the client is shutting down");
	via_free(l->via);
	openings_free(l->openings);
	event_free(l->deadline);
	backoff_free(l->backoff);
	event_free(l->reset);
	event_free(l->look);
	first_free(l->first);
	identity_free(l->identity);
	free(l);
}
