// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the client's process, for client.c and the doctor, which pass the link's events to it.
 * It opens a channel of its own for .status, with a deadline and a limit of size, and decides
 * nothing.
 */
#include "states.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alloc.h"
#include "log.h"
#include "loop.h"
#include "reason.h"

enum {
	ANSWER_SECONDS = 10, /* for the whole answer */
	ANSWER_MAX = 64 * 1024,
};

struct states {
	struct event_base *base;
	struct states_ops ops;
	char transport[320];
	const char *authorised;
	char name[ENDPOINT_NAME + 2]; /* the endpoint's, with a blank; or nothing */
	char endpoint[256];	      /* the endpoint's state */
	char text[STATES_TEXT];	      /* as it was logged last */
	bool refused;		      /* the last open was refused */
	struct event *answering;      /* .status is being read */
	struct event *deadline;
	char fault[512]; /* the fault of this session's answer; "": none */
	size_t n;
	char answer[ANSWER_MAX + 1];
};

static void update(struct states *s)
{
	char text[STATES_TEXT], endpoint[sizeof(s->name) + sizeof(s->endpoint)];

	snprintf(endpoint, sizeof(endpoint), "%s%s", s->name, s->endpoint);
	snprintf(text, sizeof(text), "transport %s, authorised %s, endpoint %s", s->transport,
		 s->authorised, endpoint);
	if (strcmp(text, s->text) == 0)
		return;
	memcpy(s->text, text, sizeof(text));
	log_event(LOG_INFO, "state",
		  LOG_FIELDS({"transport", s->transport, 0}, {"authorised", s->authorised, 0},
			     {"endpoint", endpoint, 0}),
		  "state: %s", text);
	if (s->ops.changed)
		s->ops.changed(s->ops.arg, text);
}

static void set_endpoint(struct states *s, const char *text)
{
	snprintf(s->endpoint, sizeof(s->endpoint), "%s", text);
}

/* The endpoint's state in words.  The result of the last dial is better evidence than a socket
 * file. */
static const char *describe(const struct status *st, bool refused)
{
	if (refused && st->max_channels > 0 && st->channels >= st->max_channels)
		return reasonf("all %ld connections of this session are in use (server: "
			       "max_channels)",
			       st->max_channels);
	if (refused && status_refused_by_server(st))
		return st->refusal;
	if (st->present == STATUS_NO)
		return "absent";
	if (st->accessible == STATUS_NO)
		return "Permission denied";
	if (st->dial[0] && !st->connected)
		return st->dial;
	if (refused)
		return st->refusal[0] ? st->refusal : "refuses";
	return st->connected		   ? "answers"
	       : st->present == STATUS_YES ? "present"
					   : "not dialled yet";
}

static void stop_asking(struct states *s)
{
	if (!s->answering)
		return;
	event_del(s->deadline);
	close(event_get_fd(s->answering));
	event_free(s->answering);
	s->answering = NULL;
}

/* Ends the reading of .status.  why NULL: the answer is complete. */
static void conclude(struct states *s, const char *why)
{
	enum { SHOWN = 100 };
	struct status status;
	struct log_text text;

	stop_asking(s);
	s->answer[s->n] = '\0';
	if (!why && s->n == 0)
		why = "it gave none";
	else if (!why && (strlen(s->answer) != s->n || !status_read(&status, s->answer)))
		why = "it is not what an sshipc-server says";
	if (why) {
		snprintf(s->fault, sizeof(s->fault),
			 "the server calls itself an sshipc-server, but of its .status answer: %s; "
			 "%zu bytes came, beginning with \"%s\"",
			 why, s->n, log_escape(&text, s->answer, s->n < SHOWN ? s->n : SHOWN));
		log_msg(LOG_WARNING, "%s", s->fault);
	} else {
		snprintf(s->name, sizeof(s->name), "%s: ", status.endpoint);
		set_endpoint(s, describe(&status, s->refused));
	}
	update(s);
	s->ops.answered(s->ops.arg, why ? NULL : &status, why ? s->fault : NULL);
}

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
	struct states *s = arg;
	const ssize_t n = recv(fd, s->answer + s->n, ANSWER_MAX - s->n, MSG_DONTWAIT);

	if (n > 0 && (s->n += (size_t)n) == ANSWER_MAX)
		conclude(s, "it is too long");
	else if (n <= 0)
		conclude(s, NULL);
}

static void on_late(evutil_socket_t fd, short what, void *arg)
{
	conclude(arg, "it was not there in 10 s");
}

void states_ask(struct states *s, struct link *l)
{
	const struct destination to = {.kind = DESTINATION_NAME, .host = ".status"};
	const char *fault = s->fault[0] ? s->fault : NULL;
	const bool ours = link_is_sshipc(l);
	int pair[2] = {-1, -1};

	stop_asking(s);
	s->n = 0;
	if (ours && !fault &&
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
		fault = strerror(errno);
	if (!ours || fault) {
		s->ops.answered(s->ops.arg, NULL, fault);
		return;
	}
	s->answering = loop_watch(s->base, pair[0], EV_READ | EV_PERSIST, on_answer, s);
	loop_after(s->deadline, ANSWER_SECONDS * 1000);
	link_open(l, &to, pair[1], NULL, NULL);
}

void states_event(struct states *s, struct link *l, enum link_event event)
{
	const char *server = link_chosen(l);

	switch (event) {
	case LINK_TRANSPORT:
		snprintf(s->transport, sizeof(s->transport), "up%s%s", server ? " at " : "",
			 server ? server : "");
		break;
	case LINK_UP:
		s->authorised = "yes";
		s->refused = false;
		s->fault[0] = '\0';
		set_endpoint(s, "unknown");
		states_ask(s, l);
		break;
	case LINK_DENIED:
		s->authorised = "no";
		break;
	case LINK_NEXT:
	case LINK_DOWN:
		stop_asking(s);
		snprintf(s->transport, sizeof(s->transport), "down");
		s->authorised = "unknown";
		set_endpoint(s, "unknown");
		break;
	case LINK_OPEN_GRANTED:
		s->refused = false;
		set_endpoint(s, "answers");
		break;
	case LINK_OPEN_REFUSED:
		if (s->refused)
			return;
		s->refused = true;
		set_endpoint(s, "refuses");
		states_ask(s, l);
		break;
	case LINK_REACHED:
	case LINK_KEYED:
	case LINK_AGENT_FAILED:
	case LINK_IDLE:
		return;
	}
	/* While .status is being read, its answer will be the next update. */
	if (!s->answering)
		update(s);
}

void states_put(const struct states *s, struct json_out *o)
{
	char name[sizeof(s->name)];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(s->name, ":"), s->name);
	json_text(o, "transport", strncmp(s->transport, "up", 2) == 0 ? "up" : "down");
	json_text(o, "authorised", s->authorised);
	json_text(o, "endpoint", name[0] ? name : NULL);
	json_text(o, "endpoint_state", s->endpoint);
}

struct states *states_new(struct event_base *base, const struct states_ops *ops)
{
	struct states *s = xcalloc(1, sizeof(*s));

	*s = (struct states){.base = base,
			     .ops = *ops,
			     .transport = "down",
			     .authorised = "unknown",
			     .endpoint = "unknown"};
	s->deadline = loop_timer(base, on_late, s);
	return s;
}

void states_free(struct states *s)
{
	stop_asking(s);
	event_free(s->deadline);
	free(s);
}
