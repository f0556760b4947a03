// SPDX-License-Identifier: BSD-2-Clause
/* Listeners, and who is taken. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "confine.h"
#include "monitor_internal.h"
#include "sshloop.h"

enum {
	BACKLOG = 128,
	ACCEPTS_A_TURN = 16,
	PAUSE_SECONDS = 1, /* of accepting, when descriptors run out */
	SPARE_FILES = 64,  /* descriptors for all else */
};

struct node *arrivals_find(struct monitor *m, uint32_t id)
{
	struct node *n;

	LIST_FOREACH(n, &m->nodes[id % BUCKETS], entry)
	if (conn_id(n->conn) == id)
		return n;
	return NULL;
}

static void on_conn_closed(void *arg, struct conn *c)
{
	struct monitor *m = arg;
	struct node *n = arrivals_find(m, conn_id(c));

	LIST_REMOVE(n, entry);
	free(n);
	if (m->stopping && m->view.n_sessions == 0)
		monitor_quit(m, 0);
}

/* Why a new connection cannot be taken; NULL when it can. */
static const char *full(const struct monitor *m)
{
	const struct settings *s = m->view.settings;

	if (m->view.n_sessions >= m->max_sessions)
		return "max_sessions";
	if (m->view.n_unauthenticated >= (size_t)s->max_unauthenticated)
		return "max_unauthenticated";
	return NULL;
}

static void take(struct monitor *m, int fd, const struct address *peer)
{
	const struct timeval patience = {.tv_sec = 5};
	const char *why = full(m);
	char text[ADDRESS_TEXT];
	struct node *n;
	int pair[2];

	if (why) {
		if (!m->full_logged)
			log_msg(LOG_WARNING,
				"connection from %s refused: as many as %s allows (further ones "
				"are not logged until there is room)",
				address_format(peer, text, sizeof(text)), why);
		m->full_logged = true;
		return;
	}
	m->full_logged = false;
	sshloop_tune(fd, m->view.settings->keepalive);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		log_msg(LOG_ERR, "no socket pair for a session: %s", strerror(errno));
		return;
	}
	evutil_make_socket_nonblocking(pair[0]);
	setsockopt(pair[1], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (++m->last_id == 0)
		m->last_id = 1;
	if (spawner_spawn(m->spawner, m->last_id, fd, pair[1]) != 0) {
		log_msg(LOG_ERR, "no session for %s: spawner: %s",
			address_format(peer, text, sizeof(text)), strerror(errno));
		close(pair[0]);
	} else {
		n = calloc(1, sizeof(*n));
		if (!n)
			abort();
		n->spawner = m->spawner;
		n->conn = conn_new(&m->view, m->last_id, peer, pair[0], on_conn_closed, m);
		LIST_INSERT_HEAD(&m->nodes[m->last_id % BUCKETS], n, entry);
	}
	close(pair[1]);
}

void arrivals_watch(struct monitor *m, bool on)
{
	for (size_t i = 0; i < m->n_listeners; i++) {
		if (on && m->ready && !m->stopping)
			event_add(m->listeners[i].event, NULL);
		else
			event_del(m->listeners[i].event);
	}
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	arrivals_watch(arg, true);
}

static void on_accept(evutil_socket_t sock, short what, void *arg)
{
	struct listener *l = arg;
	const struct timeval pause = {.tv_sec = PAUSE_SECONDS};

	(void)what;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		struct sockaddr_storage sa;
		struct address peer;
		socklen_t len = sizeof(sa);
		const int fd =
		    accept4(sock, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 &&
		    (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
			log_msg(LOG_ERR, "cannot accept: %s; pausing", strerror(errno));
			arrivals_watch(l->m, false);
			event_add(l->m->pause_timer, &pause);
		}
		if (fd < 0)
			return;
		address_from_sockaddr(&peer, (struct sockaddr *)&sa, len);
		take(l->m, fd, &peer);
		close(fd);
	}
}

bool arrivals_listen(struct monitor *m)
{
	const struct settings *s = m->view.settings;
	char err[512];

	for (size_t i = 0; i < s->n_listen; i++) {
		struct listener *l = &m->listeners[m->n_listeners];

		l->m = m;
		if (address_listen(&s->listen[i], BACKLOG, NULL, &l->l, err, sizeof(err)) != 0) {
			log_msg(LOG_ERR, "%s", err);
			return false;
		}
		m->n_listeners++;
		m->view.at[m->view.n_at++] = l->l.at;
		l->event = event_new(m->view.base, l->l.fd, EV_READ | EV_PERSIST, on_accept, l);
		if (!l->event)
			abort();
	}
	return true;
}

/* Each session takes its socket and a pidfd here, and dials take some for a moment. */
static size_t affordable_sessions(const struct settings *s)
{
	const size_t files = confine_raise_nofile();
	const size_t n = files > 2 * SPARE_FILES ? (files - SPARE_FILES) / 3 : SPARE_FILES / 3;

	if (n >= (size_t)s->max_sessions)
		return (size_t)s->max_sessions;
	log_msg(LOG_WARNING,
		"the limit of %zu descriptors allows %zu sessions, not max_sessions = %d; raise it "
		"(ulimit -Hn, LimitNOFILE=)",
		files, n, s->max_sessions);
	return n;
}

void arrivals_init(struct monitor *m)
{
	m->pause_timer = event_new(m->view.base, -1, 0, on_pause_over, m);
	if (!m->pause_timer)
		abort();
	m->max_sessions = affordable_sessions(m->view.settings);
}

void arrivals_free(struct monitor *m)
{
	for (size_t i = 0; i < m->n_listeners; i++) {
		event_free(m->listeners[i].event);
		listening_close(&m->listeners[i].l);
	}
	event_free(m->pause_timer);
}
