// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by libevent; control_parse and control_check also run in ctl and at
 * the start.  Serves only root, the monitor's own user and, where it only tells, a group, for
 * CONTROL_SECONDS each, and carries out no request: answers.c does.
 */
#include "control.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "caller.h"
#include "folders.h"
#include "json.h"
#include "loop.h"
#include "settings.h"

struct client {
	LIST_ENTRY(client) entry;
	struct control *control;
	struct bufferevent *stream;
	struct event *deadline;
	unsigned uid;
	bool guest;
};

struct control {
	struct event_base *base;
	struct listening listening;
	struct event *event, *pause;
	LIST_HEAD(, client) clients;
	size_t n_clients, n_guests;
	struct caller_rules guests;
	struct control_setup setup;
};

/* ---- requests ---- */

int control_parse(const char *line, size_t len, struct control_request *r, const char **errstr)
{
	static const char *const commands[] = {[CONTROL_WHO] = "who",
					       [CONTROL_KILL] = "kill",
					       [CONTROL_RELOAD] = "reload",
					       [CONTROL_STATUS] = "status",
					       [CONTROL_PENDING] = "pending"};
	const char *blank = memchr(line, ' ', len);
	const size_t word = blank ? (size_t)(blank - line) : len, rest = len - word;

	for (size_t i = 0; i < len; i++) {
		*errstr = "the request is not printable ASCII";
		if (line[i] < ' ' || line[i] > '~')
			return -1;
	}
	*errstr = "the request is too long";
	if (len >= CONTROL_REQUEST)
		return -1;
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (strlen(commands[i]) != word || memcmp(commands[i], line, word) != 0)
			continue;
		r->command = (enum control_command)i;
		r->whom[0] = '\0';
		*errstr = "this request takes no argument";
		if (r->command != CONTROL_KILL)
			return rest == 0 ? 0 : -1;
		*errstr = "kill takes one session id, key name or fingerprint";
		if (rest < 2 || memchr(blank + 1, ' ', rest - 1))
			return -1;
		memcpy(r->whom, blank + 1, rest - 1);
		r->whom[rest - 1] = '\0';
		return 0;
	}
	*errstr = "unknown request; known are: who, kill, reload, status, pending";
	return -1;
}

bool control_is_for_guests(enum control_command c)
{
	return c == CONTROL_WHO || c == CONTROL_STATUS;
}

/* ---- clients ---- */

static void drop(struct client *k)
{
	struct control *c = k->control;

	LIST_REMOVE(k, entry);
	c->n_clients--;
	c->n_guests -= k->guest;
	bufferevent_free(k->stream);
	event_free(k->deadline);
	free(k);
	event_add(c->event, NULL); /* a client has left: accept the next one */
}

static void on_end(struct bufferevent *stream, short what, void *arg)
{
	drop(arg);
}

/* The whole answer is written. */
static void on_written(struct bufferevent *stream, void *arg)
{
	drop(arg);
}

static void answer(struct client *k, const char *line, size_t len)
{
	struct evbuffer *out = evbuffer_new();
	struct control_request r = {.uid = k->uid};
	const char *why = NULL;

	bufferevent_disable(k->stream, EV_READ); /* one request for each connection */
	if (control_parse(line, len, &r, &why) != 0)
		control_refuse(out, why);
	else if (k->guest && !control_is_for_guests(r.command))
		control_refuse(out, "only root and the server's own user may ask this; members of "
				    "control_group may ask who, status and metrics");
	else
		k->control->setup.give(k->control->setup.arg, &r, out);
	if (evbuffer_get_length(out) > CONTROL_ANSWER) {
		evbuffer_drain(out, evbuffer_get_length(out));
		control_refuse(out, "the answer is too long");
	}
	bufferevent_write_buffer(k->stream, out);
	evbuffer_free(out);
}

static void on_read(struct bufferevent *stream, void *arg)
{
	char line[CONTROL_REQUEST];
	const ssize_t n = evbuffer_copyout(bufferevent_get_input(stream), line, sizeof(line));
	const char *end = n > 0 ? memchr(line, '\n', (size_t)n) : NULL;

	if (end || n == sizeof(line))
		answer(arg, line, end ? (size_t)(end - line) : sizeof(line));
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct client *k = arg;

	log_msg(LOG_NOTICE,
		"control socket: the connection of uid %u was cut: not done within %d s", k->uid,
		CONTROL_SECONDS);
	drop(k);
}

static void take(struct control *c, int fd, unsigned uid, bool guest)
{
	struct client *k = xcalloc(1, sizeof(*k));

	k->control = c;
	k->uid = uid;
	k->guest = guest;
	c->n_guests += guest;
	k->stream = bufferevent_socket_new(c->base, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(k->stream, on_read, on_written, on_end, k);
	bufferevent_setwatermark(k->stream, EV_READ, 0, CONTROL_REQUEST);
	bufferevent_enable(k->stream, EV_READ);
	k->deadline = loop_timer(c->base, on_deadline, k);
	loop_after(k->deadline, CONTROL_SECONDS * 1000);
	LIST_INSERT_HEAD(&c->clients, k, entry);
	if (++c->n_clients == CONTROL_CLIENTS)
		event_del(c->event);
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;

	if (c->n_clients < CONTROL_CLIENTS)
		event_add(c->event, NULL);
}

static void on_accept(evutil_socket_t sock, short what, void *arg)
{
	struct control *c = arg;
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t len = sizeof(peer);
	struct address from;
	bool starved, admin, guest;
	const int fd = address_accept(sock, &from, &starved);

	if (starved) {
		event_del(c->event);
		loop_after(c->pause, ADDRESS_STARVED_MS);
	}
	if (fd < 0)
		return;
	admin = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
		(peer.uid == 0 || peer.uid == geteuid());
	guest = !admin && c->guests.n_gids > 0 && caller_allowed(&c->guests, fd);
	if (admin || (guest && c->n_guests < CONTROL_GUESTS)) {
		take(c, fd, peer.uid, guest);
		return;
	}
	log_msg(guest ? LOG_DEBUG : LOG_WARNING,
		"control socket: uid %u (process %d) was refused%s", (unsigned)peer.uid,
		(int)peer.pid, guest ? ": too many of control_group ask at a time" : "");
	close(fd);
}

/* ---- life ---- */

/* A user who can write the folder could put another socket there, and administrators would talk to
 * it. */
int control_check(const char *path, char err[CONTROL_ERROR])
{
	char why[FOLDERS_ERROR];

	if (folders_check(path, FOLDERS_NO_STICKY, why) == 0 ||
	    (errno == ENOENT && strcmp(path, SETTINGS_CONTROL) == 0))
		return 0;
	snprintf(err, CONTROL_ERROR, "%s: %s", path, why);
	return -1;
}

struct control *control_new(struct event_base *base, const struct control_setup *setup,
			    char err[CONTROL_ERROR])
{
	const char *path = setup->path, *group = setup->group;
	const struct listen_perm perm = {
	    .mode = group ? 0660 : 0600, .uid = -1, .gid = group ? caller_group(group) : -1};
	struct address at;
	const char *why = settings_parse_control(path, &at);
	struct control *c;

	errno = 0;
	if (!why && perm.mode == 0660 && perm.gid < 0)
		why = "its control_group does not exist";
	if (why) {
		snprintf(err, CONTROL_ERROR, "%s: %s", path, why);
		return NULL;
	}
	if (strcmp(path, SETTINGS_CONTROL) == 0)
		mkdir(SETTINGS_RUN, 0755);
	if (control_check(path, err) != 0)
		return NULL;
	c = xcalloc(1, sizeof(*c));
	*c = (struct control){.base = base, .setup = *setup};
	c->guests.n_gids = group != NULL;
	c->guests.gids[0] = (uint32_t)perm.gid;
	if (address_listen(&at, CONTROL_CLIENTS, &perm, &c->listening, err, CONTROL_ERROR) != 0) {
		free(c);
		errno = 0;
		return NULL;
	}
	c->event = loop_watch(base, c->listening.fd, EV_READ | EV_PERSIST, on_accept, c);
	c->pause = loop_timer(base, on_pause_over, c);
	return c;
}

void control_free(struct control *c)
{
	struct client *k;

	if (!c)
		return;
	while ((k = LIST_FIRST(&c->clients)))
		drop(k);
	event_free(c->event);
	event_free(c->pause);
	listening_close(&c->listening);
	free(c);
}

void control_refuse(struct evbuffer *out, const char *error)
{
	char text[6 * CONTROL_ERROR + 64];
	struct json_out o = {text, sizeof(text), 0};

	json_put(&o, NULL, "{");
	json_put(&o, "ok", "false");
	json_text(&o, "error", error);
	json_close(&o, '}');
	evbuffer_add_printf(out, "%s\n", text);
}
