// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the client's process, the tunnel's own in run mode; main.c calls it once.  It decides
 * when the program is ready and when it ends.  It may not speak SSH: the link does.
 */
#include "client.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "confine.h"
#include "loop.h"
#include "states.h"
#include "status_socket.h"
#include "stdio_relay.h"
#include "tty.h"
#include "watchdog.h"

enum { LINGER_SECONDS = 10 }; /* for the bytes that are still on their way when COMMAND ends */

static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};

#define N_SIGNALS (sizeof(signals) / sizeof(*signals))

struct client {
	const struct settings *s;
	struct event_base *base;
	struct event *signals[N_SIGNALS];
	struct listeners *listeners;
	struct link *link;
	struct states *states;
	struct notify *notify;
	struct status_socket *status;
	struct stdio *stdio;
	struct run *run;
	FILE *ready_out; /* --ready-fd */
	/* In this order, each at most once.  RUNNING: run mode only; REFUSED: --stdio only. */
	enum {
		CONNECTING, /* not logged in yet */
		READY,	    /* logged in, announced; COMMAND or --stdio is being started */
		RUNNING,    /* COMMAND was started */
		REFUSED,    /* the server refused the open: .status will say for which reason */
		LEAVING,    /* COMMAND has ended, or a signal has come: what is left may end */
	} state;
	bool up; /* there is a session */
	struct {
		bool seen;    /* the endpoint; or it is not to be */
		int fd;	      /* our end of a connection there; -1: none */
		time_t since; /* of that */
		struct event *again;
		char server[ADDRESS_TEXT + 256]; /* of the session that waits for it */
	} seek;
	int exit_code;
};

static void stop(struct client *c, int exit_code)
{
	c->exit_code = exit_code;
	event_base_loopbreak(c->base);
}

/* Accepts nothing more, and gives the connections so many seconds to end.  False: there is none. */
static bool leave(struct client *c, int seconds)
{
	const struct timeval linger = {.tv_sec = seconds};

	listeners_stop(c->listeners);
	if (link_idle(c->link))
		return false;
	c->state = LEAVING;
	event_base_loopexit(c->base, &linger);
	return true;
}

/* ---- listeners ---- */

static void announce(struct client *c, FILE *out, const char *server)
{
	char text[2 * ADDRESS_TEXT];

	for (size_t i = 0; listeners_describe(c->listeners, i, text, sizeof(text)); i++)
		fprintf(out, "ready: %s via %s\n", text, server);
}

/* The reader sees end of file.  The number stays taken: a client that executes itself anew finds
 * --ready-fd in its arguments again. */
static void end_ready_out(FILE *out)
{
	if (fflush(out) != 0)
		log_msg(LOG_WARNING, "--ready-fd: %m");
	if (confine_null(fileno(out)) < 0)
		log_msg(LOG_WARNING, "/dev/null: %m");
}

/* On a terminal the lines on stdout are enough. */
static void log_ready(struct client *c, const char *server)
{
	const bool beside = c->s->log.sink == LOG_SINK_STDERR && !c->s->log.path;
	char text[2 * ADDRESS_TEXT];

	for (size_t i = 0; !beside && listeners_describe(c->listeners, i, text, sizeof(text)); i++)
		log_event(LOG_INFO, "ready", LOG_FIELDS({"local", text, 0}, {"server", server, 0}),
			  "ready: %s via %s", text, server);
}

static void tell_ready(struct client *c, const char *server)
{
	announce(c, stdout, server);
	log_ready(c, server);
	fflush(stdout);
	if (c->ready_out) {
		announce(c, c->ready_out, server);
		end_ready_out(c->ready_out);
	}
	notify_send(c->notify, "READY=1");
}

/* ---- stdio ---- */

/* Whether the key or the endpoint is the reason for a refused open, the answer of .status says. */
static void on_stdio_ended(void *arg, enum opening_end end)
{
	struct client *c = arg;

	if (end == OPENING_REFUSED && link_is_sshipc(c->link))
		c->state = REFUSED;
	else
		stop(c, end == OPENING_ORDERLY ? EX_OK : EX_UNAVAILABLE);
}

static void start_stdio(struct client *c)
{
	const struct opening_watch watch = {on_stdio_ended, c};

	c->stdio = stdio_start(c->base, c->link, &c->s->stdio_to, &watch);
	if (!c->stdio) {
		log_msg(LOG_ERR, "cannot carry stdin and stdout: %m");
		stop(c, EX_OSERR);
	}
}

/* ---- run mode ---- */

static void start_command(struct client *c, const struct status *status)
{
	const int code = run_command(c->run, c->base, c->link, &c->listeners, status);

	if (code != 0) {
		stop(c, code);
		return;
	}
	listeners_start(c->listeners, c->link);
	/* A signal to the whole process group ends COMMAND, and its end ends this process. */
	for (size_t i = 0; i < N_SIGNALS && signals[i] != SIGUSR1; i++) {
		event_del(c->signals[i]);
		signal(signals[i], SIG_IGN);
	}
}

/* What COMMAND sent before its end still reaches the endpoint, as without a tunnel. */
static void on_command_ended(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;

	if (c->state != RUNNING || !leave(c, LINGER_SECONDS))
		stop(c, EX_OK);
}

/* ---- the endpoint, which --ready=endpoint waits for ---- */

enum { SOON_MS = 100, AGAIN_MS = 1000 };

static void ready(struct client *c, const struct status *status)
{
	if (c->run) {
		c->state = RUNNING;
		start_command(c, status);
	} else if (!c->s->stdio) {
		tell_ready(c, c->seek.server);
	}
}

static void seek_end(struct client *c)
{
	if (c->seek.fd >= 0)
		close(c->seek.fd);
	c->seek.fd = -1;
}

static void on_seek_again(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;

	if (c->up && !c->seek.seen)
		states_ask(c->states, c->link);
}

static void on_seek_ended(void *arg, enum opening_end end)
{
	struct client *c = arg;

	seek_end(c);
	loop_after(c->seek.again, AGAIN_MS);
}

/* One connection, which is cut once it is known to have reached the endpoint.  An unread byte makes
 * our close a reset, which the endpoint sees as one. */
static void seek_connect(struct client *c)
{
	static const struct destination own = {.kind = DESTINATION_DEFAULT};
	const struct opening_watch watch = {on_seek_ended, c};
	const bool ours = link_is_sshipc(c->link);
	int pair[2];

	loop_after(c->seek.again, AGAIN_MS);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
		return;
	if (send(pair[1], "", 1, MSG_NOSIGNAL) != 1)
		log_msg(LOG_WARNING, "--ready=endpoint: %m");
	c->seek.fd = pair[0];
	c->seek.since = loop_seconds();
	loop_after(c->seek.again, SOON_MS);
	link_open(c->link, c->s->n_specs ? &c->s->specs[0].to : &own, pair[1],
		  ours ? NULL : "--ready=endpoint", &watch);
}

/* Of a socket with a path the server says whether it is there, and nothing connects to it.  Of any
 * other endpoint only a connect shows it: the server's last dial, if that is ours or a later one.
 */
static void seek(struct client *c, const struct status *status)
{
	const bool dialled = status && c->seek.fd >= 0 && status->connected &&
			     status->dial_age >= 0 &&
			     status->dial_age <= loop_seconds() - c->seek.since;

	if (dialled || (status && status->present == STATUS_YES && status->accessible != STATUS_NO))
		c->seek.seen = true;
	else if (c->seek.fd < 0 && (!status || status->present == STATUS_UNKNOWN))
		seek_connect(c);
	else
		loop_after(c->seek.again, AGAIN_MS);
	if (c->seek.seen) {
		seek_end(c);
		ready(c, status);
	}
}

/* ---- events ---- */

static void on_state(void *arg, const char *text)
{
	notify_send(((struct client *)arg)->notify, "STATUS=%s", text);
}

static void on_status(void *arg, const struct status *status, const char *fault)
{
	struct client *c = arg;

	if (c->state == REFUSED)
		stop(c, status && status_refused_by_server(status) ? EX_NOPERM : EX_UNAVAILABLE);
	if (c->run && c->state < RUNNING && fault)
		stop(c, EX_UNAVAILABLE);
	else if (c->state < RUNNING && !c->seek.seen)
		seek(c, status);
	else if (c->run && c->state < RUNNING)
		ready(c, status);
}

static void on_event(void *arg, enum link_event event, const char *text)
{
	struct client *c = arg;

	status_socket_event(c->status, event, text);
	if (event == LINK_UP)
		snprintf(c->seek.server, sizeof(c->seek.server), "%s", text);
	states_event(c->states, c->link, event);
	if (event == LINK_UP || event == LINK_NEXT || event == LINK_DOWN)
		c->up = event == LINK_UP;
	if (event == LINK_UP && c->state == CONNECTING) {
		c->state = READY;
		if (c->s->stdio)
			start_stdio(c);
		else if (!c->run && c->seek.seen)
			ready(c, NULL);
	}
	/* A server that is not sshipc has no .status. */
	if (event == LINK_OPEN_GRANTED && c->state == READY && !c->seek.seen &&
	    !link_is_sshipc(c->link)) {
		c->seek.seen = true;
		seek_end(c);
		ready(c, NULL);
	}
	/* --stdio is for one connection, which a reconnect would not bring back. */
	if (event == LINK_DOWN && c->s->stdio && c->state != READY)
		stop(c, EX_UNAVAILABLE);
	if (c->state == LEAVING && (event == LINK_IDLE || (!c->up && !c->run)))
		stop(c, EX_OK);
}

static void on_refused(void *arg, const struct link_refusal *r)
{
	stop(arg, r->exit_code);
}

/* Faulty settings change nothing.  Whatever else may fail at a start, the re-executed client
 * reports. */
static void reload(struct client *c)
{
	static struct settings fresh;
	bool sound;

	notify_send(c->notify, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)loop_us());
	sound = settings_read(c->s->argc, c->s->argv, &fresh) < 0;
	settings_free(&fresh);
	if (sound) {
		log_msg(LOG_NOTICE, "SIGHUP: starting anew with the settings as they are now");
		stop(c, CLIENT_AGAIN);
		return;
	}
	log_msg(LOG_ERR, "SIGHUP: the settings as they are now are faulty; going on with the old "
			 "ones");
	if (c->state != CONNECTING)
		notify_send(c->notify, "READY=1");
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct client *c = arg;

	if (sig == SIGHUP && c->notify && c->state != LEAVING) {
		reload(c);
		return;
	}
	if (sig == SIGUSR1) {
		logfile_reopen();
		return;
	}
	log_event(LOG_NOTICE, "stopping", LOG_FIELDS({"reason", strsignal((int)sig), 0}),
		  "%s: shutting down", strsignal((int)sig));
	/* Whoever ends --stdio or run mode means its one connection, or COMMAND. */
	if (c->up && c->state == READY && c->listeners && !c->run && c->s->drain > 0 &&
	    leave(c, c->s->drain)) {
		log_msg(LOG_NOTICE,
			"the connections that are open may end within %d s (drain); the same "
			"signal again ends all at once",
			c->s->drain);
		notify_send(c->notify, "STOPPING=1");
		return;
	}
	/* Where COMMAND was not started, a connection was cut off or a prompt was interrupted, the
	 * exit code must not be that of a success. */
	stop(c, c->run || c->s->stdio || tty_interrupted() ? 128 + (int)sig : EX_OK);
}

/* ---- life ---- */

static void put_status(void *arg, struct json_out *o)
{
	struct client *c = arg;
	char text[2 * ADDRESS_TEXT];

	states_put(c->states, o);
	link_put(c->link, o);
	json_put(o, "listeners", "[");
	for (size_t i = 0; c->listeners && listeners_describe(c->listeners, i, text, sizeof(text));
	     i++)
		json_text(o, NULL, text);
	json_close(o, ']');
}

/* nohup(1) starts a program with SIGHUP ignored; under a service manager it means a reload even so.
 */
static bool is_handled(int sig, const struct notify *n)
{
	struct sigaction now;

	return sig != SIGHUP || n || sigaction(sig, NULL, &now) < 0 || now.sa_handler != SIG_IGN;
}

static int start(struct client *c)
{
	const struct link_ops ops = {on_event, on_refused, c};
	const struct states_ops states = {on_state, on_status, c};
	struct identity *identity;
	const char *why;

	if (!c->run && !c->s->stdio)
		c->notify = notify_new(c->base, NULL, NULL);
	for (size_t i = 0; i < N_SIGNALS; i++) {
		c->signals[i] =
		    loop_event(c->base, signals[i], EV_SIGNAL | EV_PERSIST, on_signal, c);
		if (is_handled(signals[i], c->notify))
			event_add(c->signals[i], NULL);
	}
	if (c->run)
		run_watch(c->run, c->base, on_command_ended, c);
	c->states = states_new(c->base, &states);
	c->seek.again = loop_timer(c->base, on_seek_again, c);
	if (c->s->status && !(c->status = status_socket_new(c->base, c->s->status, put_status, c)))
		return EX_UNAVAILABLE;
	if (c->s->n_specs) {
		c->listeners = listeners_open(c->base, c->s->specs, c->s->n_specs);
		if (!c->listeners)
			return EX_UNAVAILABLE;
	}
	tty_block_signals(true);
	identity = identity_new(c->base, c->s->identity, c->s->agent_key, &why);
	tty_block_signals(false);
	if (!identity) {
		log_msg(LOG_ERR, "%s", why);
		return EX_CONFIG;
	}
	c->link = link_new(c->base, c->s, identity, &ops);
	if (c->listeners && !c->run)
		listeners_start(c->listeners, c->link);
	return EX_OK;
}

int client_run(const struct settings *s, struct run *run)
{
	struct client c = {.s = s,
			   .run = run,
			   .seek = {.seen = s->ready == SETTINGS_LISTENING || s->stdio, .fd = -1}};
	int code;

	if (s->ready_fd && !(c.ready_out = fdopen(s->ready_fd, "w"))) {
		log_msg(LOG_ERR, "--ready-fd %d: %m", s->ready_fd);
		return EX_USAGE;
	}
	c.base = loop_new();
	signal(SIGPIPE, SIG_IGN);
	c.exit_code = start(&c);
	if (c.exit_code == EX_OK) {
		watchdog_start("sshipc-client: the SSH library hangs; giving up\n");
		loop_run(c.base);
	}
	/* A signal ended the wait for an answer: the exit code is its handler's, which has to run.
	 */
	if (tty_interrupted())
		event_base_loop(c.base, EVLOOP_NONBLOCK);
	code = c.exit_code; /* errors of the shutdown do not change it */
	if (code != CLIENT_AGAIN && c.state != LEAVING)
		notify_send(c.notify, "STOPPING=1");
	listeners_free(c.listeners);
	link_free(c.link);
	if (c.states)
		states_free(c.states);
	status_socket_free(c.status);
	loop_drop(c.seek.again);
	stdio_free(c.stdio);
	run_free(c.run, code);
	notify_free(c.notify);
	for (size_t i = 0; i < N_SIGNALS; i++)
		event_free(c.signals[i]);
	event_base_free(c.base);
	return code;
}
