// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the session process, forked by the spawner for one connection: libssh's callbacks for
 * channels, the monitor's messages, start and end of the session.  It is confined before the peer's
 * first byte; it decides nothing, opens no file and connects to nothing.
 */
#include "session_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "algorithms.h"
#include "alloc.h"
#include "confine.h"
#include "log.h"
#include "loop.h"
#include "sigcalls.h"
#include "streamlocal.h"
#include "unanswered.h"
#include "watchdog.h"

enum {
	MIN_MAX_PACKET = 1024, /* libssh 0.10 hangs for ever at 10 */
	STATS_SECONDS = 2,     /* at least, between two STATS */
	ASKED_MAX = 16,	       /* opens that the monitor is asked for at once */
	SPARE_MEMORY = 64,     /* MiB beside the data held; a new process uses 13 */
	HELD_TIMES = 4,	       /* held data uses up to two and a half times its size; buffers of
				  enlarged windows keep as much as is held */
};

/* ---- the monitor ---- */

static struct session *the_session; /* for log lines only */

static void log_to_monitor(int priority, const char *text)
{
	broker_note(&the_session->broker, priority, text);
}

struct chan *session_chan(const struct session *s, uint32_t id)
{
	const uint32_t slot = id & 0xffff;
	struct chan *c = slot <= s->max && s->slots ? s->slots[slot] : NULL;

	return c && c->id == id ? c : NULL;
}

/* The answer to an open.  Trap: libssh may be in the middle of a packet, as where it has the
 * monitor sign, so nothing is sent here: the next pass tells the client. */
static void note_answer(struct session *s, struct chan *c, struct message *m)
{
	if (!c->answer) {
		TAILQ_INSERT_TAIL(&s->answered, c, entry);
		s->broker.asked--;
		s->heard = loop_ms();
	}
	c->answer = m->head.type;
	c->pending |= c->answer == MESSAGE_PENDING;
	c->fd = message_take_fd(m, 0); /* none but with OPENED */
	c->one_way = c->answer == MESSAGE_OPENED && m->opened.one_way;
	sshloop_kick(s->loop);
}

void session_on_late(void *arg, struct message *m)
{
	struct session *s = arg;
	const uint32_t type = m->head.type;
	struct chan *c;

	if (type == MESSAGE_END) {
		snprintf(s->end_reason, sizeof(s->end_reason), "%s", m->end.reason);
		s->broker.ended = true;
		sshloop_fail(s->loop, "ended by the monitor");
		return;
	}
	if (type == MESSAGE_CHECK) {
		s->alive = TO_ASK;
		return;
	}
	if (type == MESSAGE_IDLE) {
		session_limit_idle(s, &m->idle);
		return;
	}
	c = session_chan(s, m->head.id);
	if (c && c->open)
		note_answer(s, c, m);
	else if (type == MESSAGE_OPENED && c)
		relay_attach(c->relay, message_take_fd(m, 0), m->opened.one_way);
	else if (type == MESSAGE_REFUSED && c)
		relay_abort(c->relay);
}

static void on_lost(void *arg)
{
	struct session *s = arg;

	if (s->loop && !s->closing)
		sshloop_fail(s->loop, "the monitor is gone");
}

static void on_broker(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;

	broker_poll(&s->broker);
	sshloop_kick(s->loop);
}

static void on_silence(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;
	const uint64_t since = loop_ms() - s->heard;

	if (s->broker.asked > 0 && since >= BROKER_MS)
		broker_lose(&s->broker);
	else if (s->broker.asked > 0)
		loop_after(s->silence, BROKER_MS - since);
}

/* ---- channels ---- */

static void tell_closed(struct chan *c, const struct relay_stats *stats)
{
	const struct message_closed m = {{MESSAGE_CLOSED, c->id},
					 stats->to_socket,
					 stats->from_socket,
					 c->idle ? RELAY_END_IDLE : stats->end};

	broker_tell(&c->s->broker, &m);
}

static void release(struct chan *c)
{
	struct session *s = c->s;

	s->slots[c->id & 0xffff] = NULL;
	if ((c->id & 0xffff) != s->max)
		s->free_slots[s->n_free++] = c->id & 0xffff;
	free(c);
}

static void on_relay_done(void *arg, const struct relay_stats *stats)
{
	struct chan *c = arg;

	if (memcmp(stats->first_from, "REJECTED", sizeof(stats->first_from)) == 0)
		broker_note(&c->s->broker, LOG_WARNING,
			    "the D-Bus endpoint answered REJECTED: the program names another uid "
			    "than the one that connects there");
	tell_closed(c, stats);
	release(c);
}

static void tell_limit(struct session *s, enum session_limit which)
{
	const struct message_limit m = {{MESSAGE_LIMIT, 0}, which};

	broker_tell(&s->broker, &m);
}

static void on_full(void *arg, size_t held)
{
	tell_limit(arg, SESSION_LIMIT_HELD);
}

/* .status has a reserved slot, so that it can report why an open was refused.  False: no slot is
 * free. */
static bool pick_slot(const struct session *s, const char *host, uint32_t *slot)
{
	if (strcmp(host, POLICY_STATUS_HOST) == 0 && !s->slots[s->max])
		*slot = s->max;
	else if (s->n_free > 0)
		*slot = s->free_slots[s->n_free - 1];
	else
		return false;
	return true;
}

/* Answers the client as the monitor has answered. */
static void answer(struct session *s, struct chan *c)
{
	static const struct relay_stats none = {.end = RELAY_END_NO_SOCKET};
	ssh_message message = c->open;
	ssh_channel channel;

	TAILQ_REMOVE(&s->answered, c, entry);
	c->open = NULL;
	if (c->answer == MESSAGE_REFUSED) {
		ssh_message_reply_default(message);
		if (c->pending) /* REFUSED came before the client was told of PENDING */
			tell_closed(c, &none);
		release(c);
		return;
	}
	channel = alloc_or_abort(ssh_message_channel_request_open_reply_accept(message));
	c->relay = relay_new(s->relays, channel, on_relay_done, c);
	if (c->fd >= 0)
		relay_attach(c->relay, c->fd, c->one_way);
}

void session_answer_opens(struct session *s)
{
	struct chan *c;

	while ((c = TAILQ_FIRST(&s->answered))) {
		ssh_message message = c->open;

		answer(s, c);
		unanswered_claim();
		ssh_message_free(message);
	}
}

static void ask(struct session *s, struct chan *c, const struct message_open *m)
{
	if (s->broker.asked++ == 0)
		s->heard = loop_ms();
	if (!event_pending(s->silence, EV_TIMEOUT, NULL))
		loop_after(s->silence, BROKER_MS);
	s->slots[c->id & 0xffff] = c;
	s->n_free -= (c->id & 0xffff) != s->max;
	broker_tell(&s->broker, m);
}

/* 0 when the channel was, or will be answered; 1 makes libssh refuse it.  Trap: libssh frees the
 * message when the callback returns, unless it can be kept. */
static int open_channel(struct session *s, ssh_message message, struct message_open *m,
			uint32_t max_packet)
{
	struct chan *c;
	uint32_t slot;

	if (!s->authorized || s->broker.ended || s->closing)
		return 1;
	/* Trap: 0.10 hangs for ever at a maximum packet size of 10.  If streamlocal.h works, an
	 * open whose size was not seen is refused, too. */
	if (s->setup->streamlocal && m->action != POLICY_OTHER_CHANNEL &&
	    max_packet < MIN_MAX_PACKET) {
		broker_note(&s->broker, LOG_WARNING,
			    "channel refused: its maximum packet size is below 1024 bytes");
		return 1;
	}
	if (!pick_slot(s, m->host, &slot)) {
		tell_limit(s, SESSION_LIMIT_CHANNELS);
		return 1;
	}
	s->generation = s->generation % 0xffff + 1; /* an id is never 0 */
	m->head.id = s->generation << 16 | slot;
	c = xcalloc(1, sizeof(*c));
	*c = (struct chan){.s = s, .id = m->head.id, .open = message, .fd = -1};
	ask(s, c, m);
	if (s->setup->keeps)
		unanswered_keep(message);
	while ((s->broker.asked > ASKED_MAX || (!s->setup->keeps && !c->answer)) &&
	       broker_wait(&s->broker))
		;
	if (!s->setup->keeps && c->answer)
		answer(s, c);
	return 0;
}

static int on_open(struct session *s, ssh_message message)
{
	static const char *const refused[] = {
	    [SSH_CHANNEL_SESSION] = "session (shell, exec, sftp)",
	    [SSH_CHANNEL_X11] = "x11",
	    [SSH_CHANNEL_FORWARDED_TCPIP] = "forwarded-tcpip",
	    [SSH_CHANNEL_AUTH_AGENT] = "auth-agent",
	};
	const unsigned type = (unsigned)ssh_message_subtype(message);
	struct message_open m = {.head = {MESSAGE_OPEN, 0}, .action = POLICY_OTHER_CHANNEL};
	const char *host = "unknown type", *origin = NULL;
	struct channel_open_fields f;
	const bool seen = streamlocal_take(&f);

	if (type == SSH_CHANNEL_DIRECT_TCPIP) {
		m.action = POLICY_DIRECT_TCPIP;
		host = ssh_message_channel_request_open_destination(message);
		m.port = (uint32_t)ssh_message_channel_request_open_destination_port(message);
		origin = ssh_message_channel_request_open_originator(message);
	} else if (type < sizeof(refused) / sizeof(*refused) && refused[type]) {
		host = refused[type];
	} else if (seen && f.streamlocal && s->setup->streamlocal) {
		m.action = POLICY_DIRECT_STREAMLOCAL;
		host = f.path;
	} else if (seen && f.streamlocal) {
		host = "direct-streamlocal (this libssh does not let its path be read)";
	}
	snprintf(m.host, sizeof(m.host), "%s", host ? host : "");
	snprintf(m.origin, sizeof(m.origin), "%s", origin ? origin : "");
	return open_channel(s, message, &m, seen ? f.max_packet : 0);
}

static void refuse(struct session *s, enum policy_action action, const char *what)
{
	struct message_refuse m = {{MESSAGE_REFUSE, 0}, action, ""};

	snprintf(m.what, sizeof(m.what), "%s", what);
	broker_tell(&s->broker, &m);
}

/* Trap: libssh queues messages that no callback handles without bound, and never answers them.  1
 * refuses. */
static int on_message(ssh_session ssh, ssh_message message, void *arg)
{
	const int type = ssh_message_type(message), method = ssh_message_subtype(message);
	struct session *s = arg;

	unanswered_claim();
	if (type == SSH_REQUEST_CHANNEL_OPEN)
		return on_open(s, message);
	/* Trap: libssh answers also what came for a channel after our CLOSE (RFC 4254 section 5.3);
	 * PuTTY ends its session for that. */
	if (type == SSH_REQUEST_CHANNEL &&
	    ssh_channel_is_closed(ssh_message_channel_request_channel(message)))
		return 0;
	if (type == SSH_REQUEST_GLOBAL)
		refuse(s, POLICY_GLOBAL_REQUEST, "tcpip-forward (-R)");
	else if (type == SSH_REQUEST_AUTH)
		refuse(s, POLICY_LOGIN,
		       method == SSH_AUTH_METHOD_NONE	    ? "none"
		       : method == SSH_AUTH_METHOD_PASSWORD ? "password"
							    : "another method");
	return 1;
}

/* ---- life ---- */

/* Any byte after our keepalive request is a sign of life.  A peer whose reading is suspended counts
 * as alive. */
static void check_alive(struct session *s)
{
	static const struct message_head alive = {MESSAGE_ALIVE, 0};

	if (s->alive == TO_ASK) {
		s->alive = ASKED;
		s->bytes_then = sshloop_bytes_in(s->loop);
		sshloop_probe(s->loop);
	}
	if (s->alive == ASKED &&
	    (sshloop_is_suspended(s->loop) || sshloop_bytes_in(s->loop) != s->bytes_then)) {
		s->alive = NOT_ASKED;
		broker_tell(&s->broker, &alive);
	}
}

/* Reports byte counts to the monitor for "ctl who", at most every STATS_SECONDS; last: at once. */
static void say_stats(struct session *s, bool last)
{
	const struct relay_stats *total = relays_total(s->relays);
	const struct message_stats m = {{MESSAGE_STATS, 0}, total->to_socket, total->from_socket};
	const time_t now = loop_seconds();

	if (total->to_socket == s->said.to_socket && total->from_socket == s->said.from_socket)
		return;
	if (s->said_at != 0 && now - s->said_at < STATS_SECONDS && !last)
		return;
	s->said = *total;
	s->said_at = now;
	broker_tell(&s->broker, &m);
}

static void on_pass(void *arg)
{
	struct session *s = arg;

	if (!s->authorized && sshloop_bytes_in(s->loop) > SESSION_LOGIN_BYTES)
		sshloop_fail(s->loop, "too much data before login");
	session_answer_opens(s);
	relays_pass(s->relays);
	check_alive(s);
	say_stats(s, false);
}

static void on_dead(void *arg, const char *why)
{
	struct session *s = arg;

	snprintf(s->dead_why, sizeof(s->dead_why), "%s", why);
	event_base_loopbreak(s->base);
}

static ssh_session new_ssh(struct session *s, int ssh_fd)
{
	const int copy = dup(ssh_fd);
	ssh_session ssh = ssh_new();

	if (!ssh || copy < 0)
		return NULL;
	ssh_set_blocking(ssh, 0);
	if (algorithms_set_session(ssh, s->setup->settings.rekey_data,
				   s->setup->settings.rekey_time) != 0 ||
	    ssh_bind_accept_fd(s->setup->bind, ssh, copy) != SSH_OK)
		return NULL;
	ssh_callbacks_init(&s->callbacks);
	s->callbacks.userdata = s;
	s->callbacks.auth_pubkey_function = session_on_pubkey;
	s->callbacks.gssapi_select_oid_function = session_on_gssapi;
	ssh_set_server_callbacks(ssh, &s->callbacks);
	ssh_set_auth_methods(ssh, SSH_AUTH_METHOD_PUBLICKEY);
	ssh_set_message_callback(ssh, on_message, s);
	return ssh;
}

static int start(struct session *s, int ssh_fd)
{
	const struct sshloop_config config = {.keepalive = s->setup->settings.keepalive};
	const struct sshloop_ops ops = {
	    .pass = on_pass, .dead = on_dead, .look = session_look, .arg = s};
	ssh_session ssh;

	s->base = loop_new();
	ssh = new_ssh(s, ssh_fd);
	if (!ssh)
		return -1;
	s->loop = sshloop_new(s->base, ssh, ssh_fd, &config, &ops);
	s->relays =
	    relays_new(s->base, s->loop, (size_t)s->setup->settings.max_held << 20, on_full, s);
	loop_watch(s->base, s->broker.fd, EV_READ | EV_PERSIST, on_broker, s);
	s->silence = loop_timer(s->base, on_silence, s);
	TAILQ_INIT(&s->answered);
	sshloop_start(s->loop);
	return 0;
}

/* The memory limit in MiB.  A channel whose reader was slow once keeps libssh's buffer, the next
 * power of two above its window, until it is closed. */
static size_t most_mib(const struct session_setup *setup)
{
	const size_t channel = ssh_version(SSH_VERSION_INT(0, 11, 0)) ? 4 : 2;

	return SPARE_MEMORY + HELD_TIMES * setup->settings.max_held +
	       channel * setup->settings.max_channels;
}

void session_run(const struct session_setup *setup, int ssh_fd, int broker)
{
	struct session *s = xcalloc(1, sizeof(*s));

	s->setup = setup;
	s->broker = (struct broker){.fd = broker,
				    .state = MESSAGE_LOGIN,
				    .late = session_on_late,
				    .lost = on_lost,
				    .arg = s};
	the_session = s;
	log_redirect(log_to_monitor);
	if (setup->proof)
		sigcalls_sign_with(session_sign, s);
	sigcalls_limit(SESSION_SIGNATURES);
	unanswered_set_hook(session_on_unanswered, s);
	if (start(s, ssh_fd) != 0) {
		broker_note(&s->broker, LOG_ERR, "the session could not be set up");
		_exit(1);
	}
	watchdog_start("");
	watchdog_limit(true); /* limits CPU time until the login */
	if (confine_process(setup->parent) != 0 ||
	    (setup->settings.sandbox &&
	     (confine_files(setup->settings.max_channels + SESSION_SPARE_FILES) != 0 ||
	      confine_memory(most_mib(setup)) != 0 || confine_syscalls() != 0))) {
		broker_note(&s->broker, LOG_ERR, "the session could not be confined");
		_exit(1);
	}
	if (!setup->settings.sandbox)
		broker_note(&s->broker, LOG_WARNING, "NOT confined (--unsafe-no-sandbox)");
	event_base_dispatch(s->base);
	if (!s->authorized)
		session_tell_left(s);
	else if (!s->broker.ended)
		broker_note(&s->broker, LOG_INFO, s->dead_why);
	say_stats(s, true);
	s->closing = true; /* the last packets may still run callbacks */
	unanswered_set_hook(NULL, NULL);
	relays_free(s->relays);
	sshloop_free(s->loop, s->broker.ended ? s->end_reason : s->authorized ? s->dead_why : NULL);
	_exit(0);
}
