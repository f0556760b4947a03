// SPDX-License-Identifier: BSD-2-Clause
#include "control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "folders.h"
#include "loop.h"
#include "settings.h"

enum { PAUSE_MS = 1000 }; /* of accepting, when descriptors run out */

struct client {
	LIST_ENTRY(client) entry;
	struct control *control;
	int fd;
	unsigned uid;
	struct event *readable, *writable, *timer;
	char line[CONTROL_REQUEST];
	size_t len;
	struct evbuffer *out;
};

struct control {
	struct event_base *base;
	struct listening listening;
	struct event *event, *pause;
	LIST_HEAD(, client) clients;
	size_t n_clients;
	void (*give)(void *arg, const struct control_request *r, struct evbuffer *out);
	void *arg;
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

/* ---- clients ---- */

static void drop(struct client *k)
{
	struct control *c = k->control;

	LIST_REMOVE(k, entry);
	c->n_clients--;
	event_free(k->readable);
	event_free(k->writable);
	event_free(k->timer);
	evbuffer_free(k->out);
	close(k->fd);
	free(k);
	event_add(c->event, NULL); /* there is room again */
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct client *k = arg;

	if (evbuffer_write(k->out, fd) < 0 ? errno != EAGAIN && errno != EINTR
					   : evbuffer_get_length(k->out) == 0)
		drop(k);
}

static void answer(struct client *k, size_t len)
{
	struct control_request r = {.uid = k->uid};
	const char *why = NULL;

	event_del(k->readable); /* one request is all */
	if (control_parse(k->line, len, &r, &why) != 0)
		control_refuse(k->out, why);
	else
		k->control->give(k->control->arg, &r, k->out);
	if (evbuffer_get_length(k->out) > CONTROL_ANSWER) {
		evbuffer_drain(k->out, evbuffer_get_length(k->out));
		control_refuse(k->out, "the answer is too long");
	}
	event_add(k->writable, NULL);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct client *k = arg;
	const ssize_t n = recv(fd, k->line + k->len, sizeof(k->line) - k->len, 0);
	const char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(k);
		return;
	}
	k->len += (size_t)n;
	end = memchr(k->line, '\n', k->len);
	if (end || k->len == sizeof(k->line))
		answer(k, end ? (size_t)(end - k->line) : k->len);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct client *k = arg;

	log_msg(LOG_NOTICE, "control socket: uid %u was cut: not done within %d s", k->uid,
		CONTROL_SECONDS);
	drop(k);
}

static void take(struct control *c, int fd, unsigned uid)
{
	struct client *k = xcalloc(1, sizeof(*k));

	k->control = c;
	k->fd = fd;
	k->uid = uid;
	k->out = evbuffer_new();
	k->readable = loop_watch(c->base, fd, EV_READ | EV_PERSIST, on_readable, k);
	k->writable = loop_event(c->base, fd, EV_WRITE | EV_PERSIST, on_writable, k);
	k->timer = loop_timer(c->base, on_deadline, k);
	loop_after(k->timer, CONTROL_SECONDS * 1000);
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
	const int fd = accept4(sock, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0 && errno != EAGAIN) { /* descriptors run out */
		event_del(c->event);
		loop_after(c->pause, PAUSE_MS);
	}
	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	    (peer.uid == 0 || peer.uid == geteuid())) {
		take(c, fd, peer.uid);
		return;
	}
	log_msg(LOG_WARNING, "control socket: uid %u (process %d) was refused", (unsigned)peer.uid,
		(int)peer.pid);
	close(fd);
}

/* ---- life ---- */

/* Who may write the folder may put another socket there for administrators to talk to. */
int control_check(const char *path, char err[CONTROL_ERROR])
{
	char why[FOLDERS_ERROR];

	if (folders_check(path, FOLDERS_NO_STICKY, why) == 0 ||
	    (errno == ENOENT && strcmp(path, SETTINGS_CONTROL) == 0))
		return 0;
	snprintf(err, CONTROL_ERROR, "%s: %s", path, why);
	return -1;
}

struct control *control_new(struct event_base *base, const char *path,
			    void (*give)(void *arg, const struct control_request *r,
					 struct evbuffer *out),
			    void *arg, char err[CONTROL_ERROR])
{
	const struct listen_perm perm = {.mode = 0600, .uid = -1, .gid = -1};
	struct address at;
	const char *why = NULL;
	struct control *c;

	errno = 0;
	if (settings_check_control(path, &why) != 0 || address_parse(path, 0, &at, &why) != 0) {
		snprintf(err, CONTROL_ERROR, "%s: %s", path, why);
		return NULL;
	}
	if (strcmp(path, SETTINGS_CONTROL) == 0)
		mkdir(SETTINGS_RUN, 0755);
	if (control_check(path, err) != 0)
		return NULL;
	c = xcalloc(1, sizeof(*c));
	c->base = base;
	c->give = give;
	c->arg = arg;
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
	char text[6 * CONTROL_ERROR];

	log_json_escape(text, sizeof(text), error, strlen(error));
	evbuffer_add_printf(out, "{\"ok\":false,\"error\":\"%s\"}\n", text);
}
