// SPDX-License-Identifier: BSD-2-Clause
/*
 * The process of --check, called by main.c in place of the client: one attempt of a link, whose
 * events are the steps.  It listens on nothing, and writes to stdout only, by report.c.
 */
#include "check.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "findings.h"
#include "link.h"
#include "local.h"
#include "loop.h"
#include "resolve.h"
#include "sockets.h"
#include "states.h"
#include "watchdog.h"

enum {
	ASK_MS = 200,	   /* while a dial is under way */
	END_MS = 1000,	   /* for the endpoint to see the end of our connections and to close */
	DIAL_SECONDS = 10, /* until a server gives one up that does not say */
};

struct doctor {
	struct event_base *base;
	const struct settings *s;
	struct report *report;
	struct identity *identity; /* the link's */
	struct link *link;
	struct states *states;
	enum report_step step; /* which the link is at */
	struct address server; /* that was reached, by TCP */
	bool knows_kind;
	enum endpoint_kind kind;
	/* With SETTINGS_CHECK_CONNECT. */
	size_t opened;		 /* of the listeners' destinations */
	int fds[SETTINGS_SPECS]; /* our ends */
	bool granted, ending;	 /* the last one; they only have to end */
	time_t since, dial_seconds;
	struct event *pause;
};

static void stop(struct doctor *d)
{
	event_base_loopbreak(d->base);
}

static void on_refused(void *arg, const struct link_refusal *refusal)
{
	struct doctor *d = arg;
	char own[SOCKETS_TEXT];

	if (refusal->exit_code == EX_NOPERM) {
		const bool connected =
		    d->server.len > 0 && sockets_own_connection(&d->server, link_fd(d->link), own);

		findings_denied(d->report, d->identity, refusal, connected ? own : NULL);
	} else if (refusal->exit_code == EX_USAGE) {
		report_pass(d->report, REPORT_LOGIN, "the server knows %s",
			    identity_name(d->identity));
		report_fail(d->report, REPORT_PERMITTED, "name the destination, as there", "%s",
			    refusal->cause);
	} else {
		report_fail(d->report, d->step, NULL, "%s", refusal->cause);
	}
	stop(d);
}

/* ---- --check=connect ---- */

/* The listeners', or the one of --stdio and of a command. */
static const struct destination *destination(const struct doctor *d, size_t i)
{
	if (d->s->n_specs == 0)
		return i == 0 ? &d->s->stdio_to : NULL;
	for (size_t at = 0; at < d->s->n_specs; at++) {
		/* A twin asks for the same again. */
		if (!d->s->specs[at].is_twin && i-- == 0)
			return &d->s->specs[at].to;
	}
	return NULL;
}

/* Our ends stay open: closing one with unread data would reach the endpoint as an abort. */
static void end_in_order(struct doctor *d)
{
	d->ending = true;
	for (size_t i = 0; i < d->opened; i++)
		shutdown(d->fds[i], SHUT_WR);
	loop_after(d->pause, END_MS);
}

static void open_next(struct doctor *d)
{
	const struct destination *to = destination(d, d->opened);
	const struct timeval patience = {.tv_sec = d->s->connect_timeout +
						   d->dial_seconds * (time_t)(d->s->n_specs + 1)};
	int pair[2];

	d->granted = false;
	if (d->opened == 0) /* a silent peer was noticed by other timeouts up to here */
		event_base_loopexit(d->base, &patience);
	if (report_failed(d->report)) {
		report_close(d->report, REPORT_LISTENER);
	} else if (!to) {
		report_pass(d->report, REPORT_PERMITTED, "the server opens what is asked for");
		report_pass(d->report, REPORT_PRESENT, "it takes connections");
	}
	if (!to || report_failed(d->report)) {
		end_in_order(d);
		return;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	d->fds[d->opened++] = pair[0];
	d->since = time(NULL);
	link_open(d->link, to, pair[1], "--check", NULL);
}

/* Of the last one: refused for its destination, or a dial that failed, or one that goes on: a dial
 * that takes its time is granted before its end is known. */
static void look_at_dial(struct doctor *d, const struct status *st)
{
	const time_t elapsed = time(NULL) - d->since;
	char to[DESTINATION_HOST + 16];

	if (!d->granted && st->refused_for != POLICY_DIAL_FAILED) {
		report_fail(d->report, REPORT_PERMITTED,
			    policy_texts[st->refused_for ? st->refused_for : POLICY_OTHER].remedy,
			    "%s: %s",
			    destination_format(destination(d, d->opened - 1), to, sizeof(to)),
			    st->refusal[0] ? st->refusal : "the server refused the channel");
		stop(d);
	} else if (d->granted && (st->dial_age < 0 || st->dial_age > elapsed) &&
		   elapsed <= d->dial_seconds) {
		loop_after(d->pause, ASK_MS);
	} else if (d->granted && st->connected) {
		open_next(d);
	} else {
		findings_dial_failed(d->report, st);
		stop(d);
	}
}

static void on_paused(evutil_socket_t fd, short what, void *arg)
{
	struct doctor *d = arg;

	if (d->ending)
		stop(d);
	else
		states_ask(d->states, d->link);
}

/* ---- the way of a session ---- */

static void on_foreign(struct doctor *d)
{
	static const char only[] = "not an sshipc-server: only --check=connect tells";
	char to[DESTINATION_HOST + 16];

	if (d->s->check == SETTINGS_CHECK_CONNECT && d->opened > 0 && !d->granted)
		report_fail(d->report, REPORT_PERMITTED,
			    "the log of that server names the reason: a rule of it, or nobody "
			    "listens at the destination",
			    "%s: the server refused the channel",
			    destination_format(destination(d, d->opened - 1), to, sizeof(to)));
	if (d->s->check == SETTINGS_CHECK_CONNECT) {
		open_next(d);
		return;
	}
	report_skip(d->report, REPORT_PERMITTED, only);
	report_skip(d->report, REPORT_PRESENT, only);
	stop(d);
}

static void on_status(void *arg, const struct status *status, const char *fault)
{
	struct doctor *d = arg;

	if (!status) {
		report_pass(d->report, REPORT_SOURCE, "the server let us in");
		report_pass(d->report, REPORT_VALIDITY, "the server let us in");
	}
	if (fault) {
		report_fail(
		    d->report, d->step,
		    "is that the server, and a version of it that still works? sshipc-server "
		    "ctl status there, and its log, tell more",
		    "%s", fault);
		stop(d);
	} else if (!status) {
		on_foreign(d);
	} else if (d->opened > 0) {
		look_at_dial(d, status);
	} else {
		if (status->dial_timeout >= 0)
			d->dial_seconds = 1 + status->dial_timeout;
		d->knows_kind = status->knows_kind;
		d->kind = status->kind;
		findings_status(d->report, d->s, status);
		if (d->s->check == SETTINGS_CHECK_CONNECT)
			open_next(d);
		else
			stop(d);
	}
}

static void on_event(void *arg, enum link_event event, const char *text)
{
	static const struct {
		enum report_step passed, next;
	} steps[] = {
	    [LINK_REACHED] = {REPORT_TCP, REPORT_SSH},
	    [LINK_KEYED] = {REPORT_SSH, REPORT_HOST_KEY},
	    [LINK_TRANSPORT] = {REPORT_HOST_KEY, REPORT_LOGIN},
	    [LINK_UP] = {REPORT_LOGIN, REPORT_PERMITTED},
	};
	struct doctor *d = arg;

	if (event == LINK_REACHED && !d->s->via)
		address_parse(text, 0, &d->server);
	if (event == LINK_AGENT_FAILED)
		report_fail(d->report, d->step, NULL, "%s", text);
	if (event == LINK_DOWN) {
		findings_down(d->report, d->s, d->step, text);
		stop(d);
		return;
	}
	if (event <= LINK_UP) {
		report_pass(d->report, steps[event].passed, "%s%s",
			    event == LINK_UP ? "logged in at " : "", text);
		d->step = steps[event].next;
	}
	if (event == LINK_IDLE && d->ending)
		stop(d);
	if (event == LINK_OPEN_GRANTED) {
		d->granted = true;
		states_ask(d->states, d->link);
	}
	states_event(d->states, d->link, event);
}

static void go(struct doctor *d)
{
	const struct link_ops ops = {on_event, on_refused, d};
	const struct states_ops states_ops = {NULL, on_status, d};

	d->step = d->s->via ? REPORT_SSH : REPORT_TCP;
	d->dial_seconds = DIAL_SECONDS + 1;
	d->pause = loop_timer(d->base, on_paused, d);
	d->states = states_new(d->base, &states_ops);
	d->link = link_new(d->base, d->s, d->identity, &ops);
	event_base_dispatch(d->base);
	report_fail(d->report, d->step, "the server's log may tell why",
		    "the server did not answer in time");
	states_free(d->states);
	link_free(d->link);
	event_free(d->pause);
	while (d->opened)
		close(d->fds[--d->opened]);
}

/* ---- before it ---- */

static void on_agent(void *arg)
{
	stop(arg);
}

static void on_silent(evutil_socket_t fd, short what, void *arg)
{
	stop(arg);
}

/* The link asks the agent late: here it is asked first. */
static void ask_agent(struct doctor *d)
{
	struct agent *a = agent_new(d->base, d->s->agent_key);
	struct event *silent = loop_timer(d->base, on_silent, d);
	int rc = SSH_AUTH_AGAIN;

	loop_after(silent, (uint64_t)d->s->connect_timeout * 1000);
	while ((rc = agent_prepare(a, on_agent, d)) == SSH_AUTH_AGAIN &&
	       event_pending(silent, EV_TIMEOUT, NULL))
		event_base_dispatch(d->base);
	if (agent_error(a))
		report_fail(d->report, REPORT_KEY, NULL, "%s", agent_error(a));
	else if (rc != SSH_AUTH_SUCCESS)
		report_fail(d->report, REPORT_KEY, "is the agent of SSH_AUTH_SOCK still running?",
			    "ssh-agent: no answer in %d s", d->s->connect_timeout);
	event_free(silent);
	agent_free(a);
}

static void check_key(struct doctor *d)
{
	const char *why;

	if (d->s->agent_key)
		ask_agent(d);
	d->identity = identity_new(d->base, d->s->identity, d->s->agent_key, &why);
	if (d->identity)
		report_pass(d->report, REPORT_KEY, "%s", identity_name(d->identity));
	else
		report_fail(d->report, REPORT_KEY, NULL, "%s", why);
}

static void on_resolved(void *arg, struct address *addresses, size_t n, const char *error)
{
	struct doctor *d = arg;
	char first[ADDRESS_TEXT], remedy[512];

	if (n > 0)
		report_pass(d->report, REPORT_NAME,
			    n > 1 ? "%s is %s, and has %zu more" : "%s is %s", d->s->host,
			    address_format_host(&addresses[0], first, sizeof(first)), n - 1);
	snprintf(remedy, sizeof(remedy), "correct the name, or the resolver: getent hosts %s",
		 d->s->host);
	if (n == 0)
		report_fail(d->report, REPORT_NAME, remedy, "%s: %s", d->s->host, error);
	stop(d);
}

static void find_server(struct doctor *d)
{
	static const char not_ours[] = "that is for the --via command";

	if (d->s->via) {
		report_skip(d->report, REPORT_NAME, not_ours);
		report_skip(d->report, REPORT_TCP, not_ours);
		return;
	}
	resolve_start(d->base, d->s->host, d->s->port, d->s->connect_timeout, on_resolved, d);
	event_base_dispatch(d->base);
}

static int check_server(const struct settings *s, const char *name)
{
	struct doctor d = {.base = loop_new(), .s = s, .report = report_new(s->json, name)};

	check_key(&d);
	find_server(&d);
	if (report_failed(d.report))
		identity_free(d.identity);
	else
		go(&d);
	report_close(d.report, REPORT_LISTENER);
	local_listeners(d.report, s);
	local_environment(d.report, s, d.knows_kind ? &d.kind : NULL);
	event_base_free(d.base);
	return report_end(d.report);
}

int check_run(const struct settings *s)
{
	struct settings one;
	char name[ADDRESS_TEXT];
	int failed = 0, of_one;

	signal(SIGPIPE, SIG_IGN);
	watchdog_start("sshipc-client: the SSH library hangs; giving up\n");
	for (size_t i = 0; i < s->n_servers; i++) {
		settings_aim(&one, s, i);
		address_format_port(one.host, one.port, name, sizeof(name));
		of_one = check_server(&one, s->n_servers > 1 ? name : NULL);
		failed = failed ? failed : of_one;
	}
	if (s->n_servers > 1)
		report_all(s->json, s->n_servers, failed);
	return failed;
}
