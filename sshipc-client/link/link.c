// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the process of the tunnel; client.c and the doctor make one.  It connects, logs in, keeps
 * the session up and reconnects.  It may not listen, read .status or print: it reports by its
 * events.
 */
#include "link.h"

#include <errno.h>
#include <libssh/libssh.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "alloc.h"
#include "backoff.h"
#include "denial.h"
#include "identity.h"
#include "log.h"
#include "loop.h"
#include "reach.h"
#include "relay.h"
#include "selftest.h"
#include "session.h"
#include "sshloop.h"
#include "trust.h"
#include "via.h"

enum {
	STUCK_MS = 3000,      /* age at which a connect is restarted for a local connection */
	LOOK_MS = 1000,	      /* between two checks for a suspend, or another host key */
	HEALTHY_SECONDS = 60, /* a session that was up for this long resets the pauses */
	HELD_MAX = 128 << 20, /* bytes for slow local readers */
};

struct link {
	struct event_base *base;
	const struct settings *s;
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
	struct event *deadline, *reset, *look;
	ssh_session ssh;
	ssh_key host_key; /* the checked host key; NULL: none yet */
	struct sshloop *loop;
	struct relays *relays;
	struct openings *openings;
	bool sshipc, ever_up;
	bool denied;		    /* the last attempt */
	bool wanted;		    /* the attempt was begun for a local connection */
	time_t up_since, suspended; /* suspended: seconds in all, since the machine booted */
	char why[512];		    /* the attempt or the session ended */
};

bool link_is_sshipc(const struct link *l)
{
	return l->sshipc;
}

bool link_idle(const struct link *l)
{
	return openings_idle(l->openings);
}

int link_fd(const struct link *l)
{
	return ssh_get_fd(l->ssh);
}

static void tell(struct link *l, enum link_event event, const char *text)
{
	l->ops.event(l->ops.arg, event, text);
}

static void on_answered(void *arg, bool granted)
{
	tell(arg, granted ? LINK_OPEN_GRANTED : LINK_OPEN_REFUSED, NULL);
}

static void on_idle(void *arg)
{
	tell(arg, LINK_IDLE, NULL);
}

/* ---- one attempt ---- */

/* Ends the attempt or the session, from the loop: libssh may be on the stack of the caller. */
static void fail(struct link *l, const char *why)
{
	if (why != l->why)
		snprintf(l->why, sizeof(l->why), "%s", why);
	event_active(l->reset, 0, 0);
}

static void on_stuck(void *arg)
{
	fail(arg, "the server leaves all opens unanswered");
}

/* A tunnel waits for a temporary refusal to pass; run mode, --stdio and the doctor do not. */
static void refuse_link(struct link *l, const struct link_refusal *r)
{
	const bool passing =
	    r->verdict == POLICY_MAX_SESSIONS || r->verdict == POLICY_OUTSIDE_WINDOW;
	const bool waits = passing && !l->s->stdio && !l->s->command && !l->s->check;

	log_msg(LOG_ERR, "%s%s%s", r->cause, r->remedy ? "; " : "", r->remedy ? r->remedy : "");
	l->denied = true;
	if ((l->ever_up || waits) && !l->s->exit_on_refusal)
		fail(l, r->cause);
	else
		l->ops.refused(l->ops.arg, r);
	l->state = DOWN;
}

static void refuse_for(struct link *l, int exit_code, const char *cause)
{
	const struct link_refusal r = {exit_code, POLICY_NO_KEY, cause, NULL};

	refuse_link(l, &r);
}

/* --stdio is one connection, and never retries: the program that started it may. */
static void schedule_retry(struct link *l)
{
	/* Some reasons name the server already. */
	const bool named = strncmp(l->why, l->server, strlen(l->server)) == 0;
	const char *server = named ? "" : l->server, *colon = named ? "" : ": ";
	unsigned pause;

	if (l->s->stdio) {
		log_msg(LOG_ERR, "%s%s%s", server, colon, l->why);
		return;
	}
	pause = backoff_pause(l->backoff, openings_wanted(l->openings), l->denied);
	log_msg(LOG_WARNING, "%s%s%s; next attempt in %u.%us", server, colon, l->why, pause / 1000,
		pause % 1000 / 100);
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
	fail(l, l->why);
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

/* Frees all resources of the attempt or the session.  Connections whose open was not answered wait
 * again. */
static void tear_down(struct link *l, const char *message)
{
	reach_cancel(l->reach);
	l->reach = NULL;
	via_end(l->via);
	event_del(l->deadline);
	identity_reset(l->identity);
	openings_requeue(l->openings);
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

	if (l->state == KEYING && !l->via)
		note_failed_exchange(l);
	if (l->state == UP && loop_seconds() - l->up_since >= HEALTHY_SECONDS)
		backoff_forget(l->backoff);
	tear_down(l, NULL);
	openings_hold(l->openings, l->why);
	tell(l, LINK_DOWN, l->why);
	schedule_retry(l);
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
	fail(l, l->why);
}

static void await_login(struct link *l)
{
	loop_after(l->deadline, (uint64_t)l->s->connect_timeout * 1000);
}

/* ---- session ---- */

static void check_host_key(struct link *l)
{
	const bool may_ask = !l->ever_up && l->s->check == SETTINGS_NO_CHECK;
	char text[TRUST_TEXT], print[KEYLINE_FINGERPRINT] = "", at[REACH_AT];
	enum trust_verdict verdict;

	l->sshipc = session_is_sshipc(l->ssh);
	tell(l, LINK_KEYED, session_describe(l->ssh, text));
	verdict = session_check_key(l->s, l->ssh, may_ask, &l->host_key, text);
	if (verdict == TRUST_OK) {
		trust_fingerprint(l->host_key, print);
		if (text[0])
			log_msg(LOG_NOTICE, "%s", text);
		await_login(l); /* the user may have been asked meanwhile */
		l->state = AUTHENTICATING;
		tell(l, LINK_TRANSPORT, print);
		return;
	}
	if (reach_at(&l->peer, l->server, at)[0])
		log_msg(LOG_NOTICE, "%s was reached%s", l->server, at);
	if (!l->via)
		reach_remember(&l->memory, &l->peer, true);
	refuse_for(l, verdict == TRUST_ERROR ? EX_CONFIG : EX_PROTOCOL, text);
}

static void announce(struct link *l)
{
	char text[SESSION_TEXT], at[REACH_AT];

	reach_remember(&l->memory, &l->peer, false);
	l->state = UP;
	l->ever_up = true;
	l->up_since = loop_seconds();
	event_del(l->deadline);
	sshloop_logged_in(l->loop);
	l->why[0] = '\0';
	log_msg(LOG_INFO, "connected to %s%s (%s)", l->server, reach_at(&l->peer, l->server, at),
		session_describe(l->ssh, text));
	tell(l, LINK_UP, l->server);
}

static void wake(void *arg)
{
	struct link *l = arg;

	sshloop_kick(l->loop);
}

/* Trap: libssh 0.10 chooses the signature algorithm before it asks for the service, so perhaps
 * before the server's EXT_INFO (RFC 8308) is there, and then refuses an RSA key itself. */
static int log_in(struct link *l)
{
	const int rc = ssh_service_request(l->ssh, "ssh-userauth");

	if (rc == SSH_OK)
		return identity_log_in(l->identity, l->ssh, wake, l);
	return rc == SSH_AGAIN ? SSH_AUTH_AGAIN : SSH_AUTH_ERROR;
}

static void on_denied(struct link *l, bool partial)
{
	const struct denial d = {l->server, l->s->user, identity_name(l->identity), partial,
				 l->sshipc};
	char cause[DENIAL_TEXT];
	struct link_refusal r = {.exit_code = EX_NOPERM, .cause = cause};

	r.verdict = denial_describe(&d, l->ssh, cause, &r.remedy);
	tell(l, LINK_DENIED, NULL);
	refuse_link(l, &r);
}

/* If the --via command has ended, that is the cause of libssh's error. */
static void on_dead(void *arg, const char *why)
{
	struct link *l = arg;
	char ended[VIA_TEXT];

	if (l->via && via_ended(l->via, ended)) {
		snprintf(l->why, sizeof(l->why), "%s%s", ended,
			 l->state == KEYING ? " before the server answered" : "");
		why = l->why;
	}
	fail(l, why);
}

static void authenticate(struct link *l)
{
	const int rc = log_in(l);
	char why[SESSION_TEXT];

	switch (rc) {
	case SSH_AUTH_AGAIN:
		return;
	case SSH_AUTH_SUCCESS:
		if (!l->sshipc && session_lacks_destination(l->s, l->server, why))
			refuse_for(l, EX_USAGE, why);
		else
			announce(l);
		return;
	case SSH_AUTH_DENIED:
	case SSH_AUTH_PARTIAL:
		on_denied(l, rc == SSH_AUTH_PARTIAL);
		return;
	default:
		if (identity_error(l->identity))
			tell(l, LINK_AGENT_FAILED, identity_error(l->identity));
		on_dead(l, identity_error(l->identity) ? identity_error(l->identity)
						       : ssh_get_error(l->ssh));
	}
}

static void on_pass(void *arg)
{
	struct link *l = arg;

	if (l->state == KEYING && sshloop_keyed(l->loop))
		check_host_key(l);
	if (l->state == AUTHENTICATING)
		authenticate(l);
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
	const struct sshloop_ops ops = {.pass = on_pass, .dead = on_dead, .arg = l};

	l->ssh = session_new(l->s, l->gcm, fd);
	if (!l->ssh) {
		close(fd);
		fail(l, "the session could not be set up");
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
		fail(l, why);
		return;
	}
	l->peer = *at;
	tell(l, LINK_REACHED, address_format(at, text, sizeof(text)));
	start_session(l, fd);
}

static void start_via(struct link *l)
{
	int fd;

	l->via = via_start(l->base, l->s, &fd);
	if (!l->via) {
		snprintf(l->why, sizeof(l->why), "the --via command cannot be started: %s",
			 strerror(errno));
		fail(l, l->why);
		return;
	}
	tell(l, LINK_REACHED, l->s->via);
	start_session(l, fd);
}

static void start_attempt(void *arg)
{
	struct link *l = arg;

	l->state = REACHING;
	backoff_begin(l->backoff);
	l->wanted = openings_wanted(l->openings);
	l->denied = false;
	l->peer.sa.ss_family = AF_UNSPEC;
	await_login(l);
	via_free(l->via); /* of the previous attempt */
	l->via = NULL;
	if (l->s->via)
		start_via(l);
	else
		l->reach = reach_start(l->base, l->s->host, l->s->port, l->s->connect_timeout,
				       &l->memory, on_reached, l);
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
		refuse_for(l, EX_PROTOCOL, why);
	}
	l->suspended = loop_suspended();
	if (l->suspended - before < l->s->keepalive)
		return;
	if (l->state == UP) {
		snprintf(why, sizeof(why), "this machine slept for %lld s",
			 (long long)(l->suspended - before));
		fail(l, why);
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

	l->identity = identity;
	selftest_run(NULL, &test);
	l->gcm = test.gcm;
	l->base = base;
	l->s = s;
	l->ops = *ops;
	l->openings = openings_new(base, s->stdio ? 0 : s->hold, s->connect_timeout, &openings_ops);
	address_format_port(s->host, s->port, l->server, sizeof(l->server));
	l->deadline = loop_timer(base, on_deadline, l);
	l->backoff = backoff_new(base, s->reconnect_max, start_attempt, l);
	l->reset = loop_timer(base, on_reset, l);
	l->look = loop_event(base, -1, EV_PERSIST, on_look, l);
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
	identity_free(l->identity);
	free(l);
}
