// SPDX-License-Identifier: BSD-2-Clause
#include "states.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alloc.h"
#include "json.h"
#include "log.h"
#include "loop.h"

struct states {
	struct event_base *base;
	struct states_ops ops;
	const char *transport, *authorised;
	char name[80], endpoint[128]; /* its name with a blank, or nothing; what is known of it */
	char text[STATES_TEXT];	      /* as last told */
	bool refused;		      /* the last open */
	struct event *answering;      /* a question is under way */
	size_t n;
	char answer[4096];
};

static void update(struct states *s)
{
	char text[STATES_TEXT];

	snprintf(text, sizeof(text), "transport %s, authorised %s, endpoint %s%s", s->transport,
		 s->authorised, s->name, s->endpoint);
	if (strcmp(text, s->text) == 0)
		return;
	memcpy(s->text, text, sizeof(text));
	log_msg(LOG_INFO, "state: %s", text);
	s->ops.changed(s->ops.arg, text);
}

static void set_endpoint(struct states *s, const char *text)
{
	snprintf(s->endpoint, sizeof(s->endpoint), "%s", text);
}

/* A socket file that stands there says less than the last dial. */
static void read_answer(struct states *s)
{
	char name[64], present[8], dial[96], refusal[96];
	const bool dialled =
	    strcmp(json_value(s->answer, "endpoint.last_dial.result", dial, sizeof(dial)), "-") !=
	    0;

	json_value(s->answer, "last_refusal", refusal, sizeof(refusal));
	json_value(s->answer, "endpoint.present", present, sizeof(present));
	snprintf(s->name, sizeof(s->name),
		 "%s: ", json_value(s->answer, "endpoint.name", name, sizeof(name)));
	if (strcmp(present, "false") == 0)
		set_endpoint(s, "absent");
	else if (dialled && strcmp(dial, "connected") != 0)
		set_endpoint(s, dial);
	else if (s->refused && strcmp(refusal, "-") != 0)
		set_endpoint(s, refusal);
	else if (s->refused)
		set_endpoint(s, "refuses");
	else
		set_endpoint(s, dialled		    ? "answers"
				: present[0] == 't' ? "present"
						    : "not dialled yet");
}

static void stop_asking(struct states *s)
{
	if (!s->answering)
		return;
	close(event_get_fd(s->answering));
	event_free(s->answering);
	s->answering = NULL;
}

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
	struct states *s = arg;
	const ssize_t n = recv(fd, s->answer + s->n, sizeof(s->answer) - 1 - s->n, MSG_DONTWAIT);

	if (n > 0) {
		s->n += (size_t)n;
		return;
	}
	stop_asking(s);
	s->answer[s->n] = '\0';
	if (s->n)
		read_answer(s);
	update(s);
	s->ops.told(s->ops.arg, s->n ? s->answer : NULL);
}

void states_ask(struct states *s, struct link *l)
{
	const struct destination to = {.kind = DESTINATION_NAME, .host = ".status"};
	int pair[2];

	stop_asking(s);
	s->n = 0;
	if (!link_is_sshipc(l) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) {
		s->ops.told(s->ops.arg, NULL);
		return;
	}
	s->answering = loop_watch(s->base, pair[0], EV_READ | EV_PERSIST, on_answer, s);
	link_open(l, &to, pair[1], NULL, NULL);
}

void states_event(struct states *s, struct link *l, enum link_event event, const char *text)
{
	switch (event) {
	case LINK_TRANSPORT:
		s->transport = "up";
		break;
	case LINK_UP:
		s->authorised = "yes";
		s->refused = false;
		set_endpoint(s, "unknown");
		states_ask(s, l);
		break;
	case LINK_DENIED:
		s->authorised = "no";
		break;
	case LINK_DOWN:
		stop_asking(s);
		s->transport = "down";
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
	case LINK_IDLE:
		return;
	}
	/* Else the answer is there in a moment. */
	if (!s->answering)
		update(s);
}

struct states *states_new(struct event_base *base, const struct states_ops *ops)
{
	struct states *s = xcalloc(1, sizeof(*s));

	*s = (struct states){.base = base,
			     .ops = *ops,
			     .transport = "down",
			     .authorised = "unknown",
			     .endpoint = "unknown"};
	return s;
}

void states_free(struct states *s)
{
	stop_asking(s);
	free(s);
}
