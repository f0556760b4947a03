// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the client's process, called by client.c, and, to ask, in a process of its own, called by
 * main.c.  It reads nothing that a caller sends, so none can hold it up.
 */
#include "status_socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "address.h"
#include "alloc.h"
#include "log.h"
#include "loop.h"

enum {
	BACKLOG = 16,
	TEXT = 32768,	      /* fits into the socket's buffer, so that no write waits */
	PATIENCE_SECONDS = 5, /* for an answer */
};

struct status_socket {
	struct listening at;
	struct event *event, *pause;
	void (*put)(void *arg, struct json_out *o);
	void *arg;
	const char *state;
	time_t since, since_wall;
	bool denied; /* in the attempt that is under way, or was the last */
	unsigned long long ups, granted, refused;
	char hostkey[128]; /* of the session that is up, or was the last */
};

static void set_state(struct status_socket *k, const char *state)
{
	if (k->state && strcmp(k->state, state) == 0)
		return;
	k->state = state;
	k->since = loop_seconds();
	k->since_wall = loop_wall();
}

void status_socket_event(struct status_socket *k, enum link_event event, const char *text)
{
	if (!k)
		return;
	switch (event) {
	case LINK_REACHED:
		k->denied = false;
		set_state(k, "connecting");
		break;
	case LINK_TRANSPORT:
		snprintf(k->hostkey, sizeof(k->hostkey), "%s", text);
		break;
	case LINK_UP:
		k->ups++;
		set_state(k, "up");
		break;
	case LINK_DENIED:
		k->denied = true;
		break;
	case LINK_NEXT:
	case LINK_DOWN:
		set_state(k, k->denied ? "refused" : "down");
		break;
	case LINK_OPEN_GRANTED:
		k->granted++;
		break;
	case LINK_OPEN_REFUSED:
		k->refused++;
		break;
	case LINK_KEYED:
	case LINK_AGENT_FAILED:
	case LINK_IDLE:
		break;
	}
}

static void answer(struct status_socket *k, int fd)
{
	char text[TEXT], at[LOG_TIME];
	struct json_out o = {text, sizeof(text) - 1, 0};

	json_put(&o, NULL, "{");
	json_text(&o, "version", SSHIPC_VERSION);
	json_put(&o, "pid", "%d", (int)getpid());
	json_text(&o, "state", k->state);
	json_text(&o, "since", log_time(at, k->since_wall));
	json_put(&o, "since_seconds", "%lld", (long long)(loop_seconds() - k->since));
	json_put(&o, "reconnects", "%llu", k->ups > 0 ? k->ups - 1 : 0);
	json_put(&o, "opened", "%llu", k->granted);
	json_put(&o, "refused", "%llu", k->refused);
	json_text(&o, "hostkey", k->hostkey[0] ? k->hostkey : NULL);
	k->put(k->arg, &o);
	json_close(&o, '}');
	text[o.len++] = '\n';
	send(fd, text, o.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

static void on_accept(evutil_socket_t sock, short what, void *arg)
{
	struct status_socket *k = arg;
	struct address from;
	bool starved;
	const int fd = address_accept(sock, &from, &starved);

	if (starved) {
		event_del(k->event);
		loop_after(k->pause, ADDRESS_STARVED_MS);
	}
	if (fd >= 0)
		answer(k, fd);
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
	event_add(((struct status_socket *)arg)->event, NULL);
}

struct status_socket *status_socket_new(struct event_base *base, const char *path,
					void (*put)(void *arg, struct json_out *o), void *arg)
{
	const struct listen_perm perm = {.mode = 0600, .uid = -1, .gid = -1};
	struct status_socket *k = xcalloc(1, sizeof(*k));
	char err[1024];
	struct address at;

	address_parse(path, 0, &at); /* the settings have seen that it can be */
	if (address_listen(&at, BACKLOG, &perm, &k->at, err, sizeof(err)) != 0) {
		log_msg(LOG_ERR, "--status %s", err);
		free(k);
		return NULL;
	}
	k->put = put;
	k->arg = arg;
	set_state(k, "connecting");
	k->event = loop_watch(base, k->at.fd, EV_READ | EV_PERSIST, on_accept, k);
	k->pause = loop_timer(base, on_pause_over, k);
	return k;
}

void status_socket_free(struct status_socket *k)
{
	if (!k)
		return;
	event_free(k->event);
	event_free(k->pause);
	listening_close(&k->at);
	free(k);
}

int status_socket_ask(const char *path)
{
	const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
	char text[TEXT + 1], state[16];
	struct address at;
	size_t used = 0;
	ssize_t n = -1;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address_parse(path, 0, &at);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (fd < 0 || connect(fd, (const struct sockaddr *)&at.sa, at.len) != 0) {
		fprintf(stderr,
			"sshipc-client: %s: no client is here: %m; one has this socket with "
			"--status and a server, or status in its file\n",
			path);
		goto out;
	}
	while (used < TEXT && (n = recv(fd, text + used, TEXT - used, 0)) > 0)
		used += (size_t)n;
	text[used] = '\0';
	if (n != 0 || strlen(text) != used || !json_is_object(text)) {
		fprintf(stderr,
			"sshipc-client: %s: who listens there does not answer as it should\n",
			path);
		goto out;
	}
	fputs(text, stdout);
	close(fd);
	return strcmp(json_value(text, "state", state, sizeof(state)), "up") == 0 ? EX_OK
										  : EX_UNAVAILABLE;
out:
	if (fd >= 0)
		close(fd);
	return EX_UNAVAILABLE;
}
