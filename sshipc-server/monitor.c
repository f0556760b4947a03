// SPDX-License-Identifier: BSD-2-Clause
#include "monitor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "answers.h"
#include "confine.h"
#include "conn_internal.h"
#include "control.h"
#include "enforce.h"
#include "spawner.h"
#include "sshloop.h"

enum {
	BACKLOG = 128,
	ACCEPTS_A_TURN = 16,
	STOP_SECONDS = 1,
	PAUSE_SECONDS = 1, /* of accepting, when descriptors run out */
	BUCKETS = 256,
	SPARE_FILES = 64, /* descriptors for all else */
};

struct listener {
	struct listening l;
	struct event *event;
	struct monitor *m;
};

struct node {
	LIST_ENTRY(node) entry;
	struct conn *conn;
	const struct spawner *spawner;
};

struct monitor {
	struct monitor_view view;
	struct spawner_setup setup;
	struct helper_user user;
	struct listener listeners[SETTINGS_LISTEN];
	size_t n_listeners;
	struct spawner *spawner;
	LIST_HEAD(, node) nodes[BUCKETS]; /* connections by id */
	struct enforce *enforce;
	struct control *control;
	struct event *stop_timer, *pause_timer;
	size_t max_sessions; /* of the settings, or what descriptors allow */
	uint32_t last_id;
	bool ready, announced, stopping, full_logged;
	int exit_code;
};

static void quit(struct monitor *m, int exit_code)
{
	m->exit_code = exit_code;
	event_base_loopbreak(m->view.base);
}

/* ---- connections ---- */

static struct node *find(struct monitor *m, uint32_t id)
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
	struct node *n = find(m, conn_id(c));

	LIST_REMOVE(n, entry);
	free(n);
	if (m->stopping && m->view.n_sessions == 0)
		quit(m, 0);
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

static void watch_listeners(struct monitor *m, bool on)
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
	watch_listeners(arg, true);
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
			watch_listeners(l->m, false);
			event_add(l->m->pause_timer, &pause);
		}
		if (fd < 0)
			return;
		address_from_sockaddr(&peer, (struct sockaddr *)&sa, len);
		take(l->m, fd, &peer);
		close(fd);
	}
}

static bool bind_all(struct monitor *m)
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

/* ---- children ---- */

static void start_spawner(struct monitor *m);

static void on_ready(void *arg, struct spawner *s, bool proof, const char *libssh, const char *why)
{
	struct monitor *m = arg;
	char text[ADDRESS_TEXT];

	if (s != m->spawner)
		return;
	m->ready = true;
	m->view.proof = proof;
	watch_listeners(m, true);
	/* Each time: libssh may have been replaced since the last one was started. */
	log_msg(LOG_DEBUG, "libssh %s", libssh);
	if (why[0])
		log_msg(LOG_NOTICE, "%s", why);
	if (m->announced)
		return;
	m->announced = true;
	for (size_t i = 0; i < m->n_listeners; i++)
		log_msg(LOG_NOTICE, "listening on %s",
			address_format(&m->listeners[i].l.at, text, sizeof(text)));
}

static void on_spawned(void *arg, uint32_t id, int pid, int pidfd)
{
	struct node *n = find(arg, id);

	if (n)
		conn_spawned(n->conn, pid, pidfd);
	else if (pidfd >= 0) { /* it must not live on without us */
		syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
		close(pidfd);
	}
}

static void on_exited(void *arg, uint32_t id, int status)
{
	struct monitor *m = arg;
	struct node *n = find(m, id);

	if (n)
		conn_exited(n->conn, status);
	/* What crashed one may know its addresses: the next ones get others. */
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL && !m->stopping && m->ready) {
		spawner_retire(m->spawner);
		start_spawner(m);
	}
}

static void on_lost(void *arg, struct spawner *s, const char *text)
{
	struct monitor *m = arg;
	struct node *n, *next;
	const bool explained = text[0] != '\0';

	log_msg(LOG_ERR, "the spawner is gone%s%s%s", text[0] ? ": " : "", text,
		m->ready ? "; its sessions end" : "");
	for (size_t i = 0; i < BUCKETS; i++)
		for (n = LIST_FIRST(&m->nodes[i]); n; n = next) {
			next = LIST_NEXT(n, entry);
			if (n->spawner == s)
				conn_exited(n->conn, 0);
		}
	spawner_free(s);
	if (s != m->spawner)
		return;
	m->spawner = NULL;
	if (!m->ready)
		quit(m, explained ? EX_CONFIG : EX_SOFTWARE);
	else if (!m->stopping)
		start_spawner(m);
}

static void start_spawner(struct monitor *m)
{
	const struct spawner_ops ops = {on_ready, on_spawned, on_exited, on_lost, m};

	m->ready = false;
	watch_listeners(m, false);
	m->spawner = spawner_start(m->view.base, &m->setup, &m->user, &ops);
	if (!m->spawner) {
		log_msg(LOG_ERR, "cannot start the spawner: %s", strerror(errno));
		quit(m, EX_OSERR);
	}
}

static void on_dialler_lost(void *arg)
{
	/* Nothing can be opened without it, and only a fault in it or a kill ends it. */
	log_msg(LOG_ERR, "the dialler is gone");
	quit(arg, EX_SOFTWARE);
}

/* ---- the list in force ---- */

static void judge(void *arg, const struct allowlist *list, const char *why, char *summary,
		  size_t size)
{
	struct monitor *m = arg;

	conns_judge(&m->view, list, why, summary, size);
}

static time_t next_change(void *arg, time_t now)
{
	struct monitor *m = arg;

	return conns_next_change(&m->view, now);
}

static void on_logged_in(void *arg)
{
	struct monitor *m = arg;

	enforce_rearm(m->enforce);
}

void monitor_reload(struct monitor *m)
{
	char summary[1024];

	enforce_reload(m->enforce, summary, sizeof(summary));
}

static void on_request(void *arg, const struct control_request *r, struct evbuffer *out)
{
	struct monitor *m = arg;

	answers_give(&m->view, m->enforce, r, out);
}

static bool start_control(struct monitor *m)
{
	const struct settings *s = m->view.settings;
	char err[CONTROL_ERROR];
	bool fatal;

	if (!s->control)
		return true;
	m->control = control_new(m->view.base, s->control, on_request, m, err);
	if (m->control)
		return true;
	/* Nobody asked for the default one, and this may be the second server here. */
	fatal = !s->control_by_default || errno == EPERM;
	log_msg(fatal ? LOG_ERR : LOG_WARNING, "no control socket: %s", err);
	return !fatal;
}

/* ---- life ---- */

static void on_stop_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	quit(arg, 0);
}

void monitor_stop(struct monitor *m)
{
	const struct timeval soon = {.tv_sec = STOP_SECONDS};
	struct node *n;

	m->stopping = true;
	watch_listeners(m, false);
	if (m->view.n_sessions == 0) {
		quit(m, 0);
		return;
	}
	for (size_t i = 0; i < BUCKETS; i++)
		LIST_FOREACH(n, &m->nodes[i], entry)
	conn_end(n->conn, "the server is shutting down");
	event_add(m->stop_timer, &soon);
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

struct monitor *monitor_new(struct event_base *base, const struct settings *s,
			    struct allowlist *list, struct hostkey *const *hostkeys,
			    size_t n_hostkeys, int *exit_code)
{
	struct monitor *m = calloc(1, sizeof(*m));
	const struct enforce_ops enforce_ops = {judge, next_change, m};
	const char *errstr = NULL;

	if (!m)
		abort();
	m->view = (struct monitor_view){.base = base,
					.settings = s,
					.allowlist = list,
					.hostkeys = hostkeys,
					.n_hostkeys = n_hostkeys,
					.logged_in = on_logged_in,
					.owner = m};
	m->view.since = conn_now();
	m->setup = (struct spawner_setup){s->algorithms, s->keepalive, !s->unsafe_no_sandbox,
					  hostkeys, n_hostkeys};
	m->stop_timer = event_new(base, -1, 0, on_stop_timer, m);
	m->pause_timer = event_new(base, -1, 0, on_pause_over, m);
	m->max_sessions = affordable_sessions(s);
	m->view.pending = pending_new(s);
	m->view.repeats = repeats_new(base);
	m->view.dials = calloc(s->n_endpoints, sizeof(*m->view.dials));
	if (!m->stop_timer || !m->pause_timer || !m->view.dials || !m->view.pending ||
	    !m->view.repeats)
		abort();
	m->enforce = enforce_new(base, s, list, &enforce_ops);
	if (!m->enforce)
		abort();
	*exit_code = EX_CONFIG;
	if (helper_user_find(s->user, &m->user, &errstr) != 0) {
		log_msg(LOG_ERR, "user %s: %s", s->user ? s->user : "sshipc or nobody", errstr);
		goto fail;
	}
	m->user.debug = s->unsafe_no_sandbox;
	*exit_code = EX_UNAVAILABLE;
	if (!bind_all(m) || !start_control(m))
		goto fail;
	*exit_code = EX_OSERR;
	m->view.dialler =
	    dialler_new(base, s->endpoints, s->n_endpoints, &m->user, on_dialler_lost, m);
	if (!m->view.dialler) {
		log_msg(LOG_ERR, "cannot start the dialler: %s", strerror(errno));
		goto fail;
	}
	start_spawner(m);
	if (m->spawner)
		return m;
fail:
	monitor_free(m);
	return NULL;
}

int monitor_exit_code(const struct monitor *m)
{
	return m->exit_code;
}

void monitor_free(struct monitor *m)
{
	struct node *n, *next;

	for (size_t i = 0; i < BUCKETS; i++)
		for (n = LIST_FIRST(&m->nodes[i]); n; n = next) {
			next = LIST_NEXT(n, entry);
			conn_kill(n->conn);
		}
	for (size_t i = 0; i < BUCKETS; i++)
		while ((n = LIST_FIRST(&m->nodes[i])))
			conn_exited(n->conn, 0);
	spawner_free_all();
	dialler_free(m->view.dialler);
	for (size_t i = 0; i < m->n_listeners; i++) {
		event_free(m->listeners[i].event);
		listening_close(&m->listeners[i].l);
	}
	control_free(m->control);
	enforce_free(m->enforce);
	event_free(m->stop_timer);
	event_free(m->pause_timer);
	free(m->view.dials);
	pending_free(m->view.pending);
	repeats_free(m->view.repeats);
	free(m->user.name);
	free(m);
}
