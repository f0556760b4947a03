// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by monitor.c and by libevent: accepts connections, applies admission,
 * and hands each to the spawner in its turn.  Reads from no connection but those of the balancers
 * that accept_proxy names, and there the PROXY header only (proxywait.h): until it is complete such
 * a connection has no session, and admission does not know of it.
 *
 * An admitted connection waits here until the spawner has forked the sessions before it; its login
 * deadline runs meanwhile, and another connection can evict it (admission.h).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "confine.h"
#include "loop.h"
#include "monitor_internal.h"

enum {
	BACKLOG = 1024,	     /* if it is full, a client's kernel retries after a second */
	ACCEPTS_A_TURN = 64, /* refusing costs little: a flood must not fill the backlog */
	STARTS_AT_ONCE = 16, /* sessions that the spawner is forking; the others wait here */
	SPARE_FILES = 64,    /* descriptors for all else */
	TURN_MS = 250,	     /* between two checks of the waiting connections */
	IDLE_SECONDS = 2,    /* see admission.h; a second less, by the clock's grain */
};

struct conn *accept_find(struct monitor *m, uint32_t id)
{
	struct conn *c;

	LIST_FOREACH(c, &m->by_id[id % BUCKETS], handover.of_id)
		if (c->id == id)
			return c;
	return NULL;
}

static void leave_queue(struct monitor *m, struct conn *c)
{
	TAILQ_REMOVE(&m->queue, c, handover.in_queue);
	close(c->handover.fd);
	close(c->handover.end);
}

static void leave_if_last(struct monitor *m)
{
	if (m->view.n_sessions == 0 &&
	    (m->view.stopping || (m->leaves && proxywait_count(m->arrivals) == 0)))
		event_base_loopbreak(m->view.base);
}

void accept_retire(struct monitor *m)
{
	m->leaves = true;
	leave_if_last(m);
}

void accept_on_closed(void *arg, struct conn *c)
{
	struct monitor *m = arg;

	LIST_REMOVE(c, handover.of_id);
	if (!c->handover.spawner)
		leave_queue(m, c);
	leave_if_last(m);
	accept_turn(m);
}

/* A line about a connection that has no session. */
static bool may_log(struct monitor_view *view, const struct address *peer, const char *event,
		    const char *text)
{
	char net[ADDRESS_TEXT], host[ADDRESS_TEXT], subject[ADDRESS_TEXT + 256];

	address_format_host(peer, host, sizeof(host));
	snprintf(subject, sizeof(subject), "%s: %s", host, text);
	return ratelimit_may(view->ratelimit, RATELIMIT_ARRIVAL,
			     admission_name(view->admission, peer, net, sizeof(net)), event,
			     subject);
}

/* Whether peer's connection is admitted; this may evict another one. */
static bool admit(struct monitor *m, const struct address *peer)
{
	static const enum limit by_verdict[] = {
	    [ADMISSION_FULL] = LIMIT_MAX_UNAUTHENTICATED,
	    [ADMISSION_TOO_MANY] = LIMIT_MAX_PER_SOURCE,
	};
	struct monitor_view *view = &m->view;
	const bool all =
	    view->n_sessions >= view->max_sessions ||
	    view->n_sessions + view->elsewhere.sessions >= (size_t)view->settings->max_sessions;
	const bool full =
	    all || admission_unauth(view->admission) >= (size_t)view->settings->max_unauthenticated;
	struct unauth *instead;
	const enum admission_verdict verdict =
	    admission_ask(view->admission, peer, full, loop_seconds(), &instead);
	const enum limit which =
	    all && verdict == ADMISSION_FULL ? LIMIT_MAX_SESSIONS : by_verdict[verdict];
	char source[ADDRESS_TEXT];

	if (instead)
		conn_give_way(instead->owner, which);
	if (instead || verdict == ADMISSION_FREE)
		return true;
	view->limit_hits[which]++;
	if (may_log(view, peer, "limit", limit_names[which]))
		log_event(LOG_WARNING, "limit",
			  LOG_FIELDS({"source", address_format(peer, source, sizeof(source)), 0},
				     {"limit", limit_names[which], 0}),
			  "connection from %s refused (%s)", source, limit_names[which]);
	return false;
}

/* A source with a penalty has few connections served at a time; its others wait, and are not
 * refused. */
static bool is_its_turn(struct monitor *m, struct conn *c)
{
	struct admission *s = m->view.admission;
	struct unauth *instead;

	if (admission_start(s, &c->unauth, loop_seconds(), &instead))
		return true;
	if (instead) {
		conn_give_way(instead->owner, LIMIT_PENALTY);
		return admission_start(s, &c->unauth, loop_seconds(), &instead);
	}
	if (!c->handover.wait_logged)
		audit_limit(
		    c, LIMIT_PENALTY,
		    "waits until fewer connections of its source are served: others of it failed");
	c->handover.wait_logged = true;
	return false;
}

/* False: the spawner died (on_lost follows), and all connections wait for the next one. */
static bool hand_over(struct monitor *m, struct conn *c)
{
	if (spawner_spawn(m->spawner, c->id, c->handover.fd, c->handover.end) == 0) {
		leave_queue(m, c);
		c->handover.spawner = m->spawner;
		conn_handed_over(c);
		return true;
	}
	if (errno == EPIPE || errno == ECONNRESET)
		return false;
	log_msg(LOG_ERR, "no session: spawner: %s", strerror(errno));
	conn_kill(c);
	return true;
}

void accept_hand_over(struct monitor *m)
{
	struct conn *c = TAILQ_FIRST(&m->queue), *next;

	while (c && m->ready && m->spawner->starting < STARTS_AT_ONCE) {
		const bool turn = is_its_turn(m, c);

		next = TAILQ_NEXT(c, handover.in_queue);
		if (turn && !hand_over(m, c))
			return;
		if (!turn)
			loop_after(m->turn_timer, TURN_MS);
		c = next;
	}
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	accept_hand_over(arg);
}

void accept_turn(struct monitor *m)
{
	if (!TAILQ_EMPTY(&m->queue))
		event_active(m->turn_timer, EV_TIMEOUT, 0);
}

/* origin: the connection's, by itself or by its PROXY header. */
static void take(struct monitor *m, int fd, const struct proxyproto *origin)
{
	const struct timeval patience = {.tv_sec = 5};
	struct conn *c;
	int pair[2];

	if (!admit(m, &origin->source)) {
		close(fd);
		return;
	}
	address_tune_ssh(fd, m->view.settings->keepalive);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		log_msg(LOG_ERR, "no socket pair for a session: %s", strerror(errno));
		close(fd);
		return;
	}
	evutil_make_socket_nonblocking(pair[0]);
	setsockopt(pair[1], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (++m->last_id == 0)
		m->last_id = 1;
	c = conn_new(&m->view, m->last_id, &origin->source, pair[0]);
	c->to = origin->destination;
	c->via = origin->via;
	audit_name(c);
	c->handover.fd = fd;
	c->handover.end = pair[1];
	LIST_INSERT_HEAD(&m->by_id[c->id % BUCKETS], c, handover.of_id);
	TAILQ_INSERT_TAIL(&m->queue, c, handover.in_queue);
	accept_hand_over(m);
}

/* ---- balancers ---- */

static void on_header(void *arg, int fd, enum proxyproto_verdict verdict,
		      const struct proxyproto *p)
{
	static const char banner[] = "SSH-2.0-sshipc_" SSHIPC_VERSION "\r\n";
	struct monitor *m = arg;
	char via[ADDRESS_TEXT];

	if (verdict == PROXYPROTO_CLIENT && !m->view.stopping) {
		take(m, fd, p);
		return;
	}
	if (verdict == PROXYPROTO_LOCAL) /* a health check may look for it */
		send(fd, banner, sizeof(banner) - 1, MSG_NOSIGNAL);
	address_format(&p->via, via, sizeof(via));
	if (!p->why)
		log_msg(LOG_DEBUG, "health check of %s", via);
	else if (may_log(&m->view, &p->via, "proxy-header", p->why))
		log_event(LOG_WARNING, "proxy-header",
			  LOG_FIELDS({"via", via, 0}, {"reason", p->why, 0}),
			  "connection from %s ended for its PROXY header: %s; accept_proxy names "
			  "this address, so a header comes first: set send-proxy-v2 there (nginx: "
			  "proxy_protocol on), or take it off accept_proxy",
			  via, p->why);
	close(fd);
	leave_if_last(m);
}

/* ---- listeners ---- */

void accept_watch(struct monitor *m, bool on)
{
	for (size_t i = 0; i < m->view.n_at; i++) {
		if (on && m->ready && m->in_charge && !m->view.stopping)
			event_add(m->listeners[i].event, NULL);
		else
			event_del(m->listeners[i].event);
	}
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
	accept_watch(arg, true);
}

static void on_accept(evutil_socket_t sock, short what, void *arg)
{
	struct listener *l = arg;

	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		struct proxyproto origin = {.len = 0};
		bool starved;
		const int fd = address_accept(sock, &origin.source, &starved);

		if (starved) {
			log_msg(LOG_ERR, "cannot accept: %s; pausing", strerror(errno));
			accept_watch(l->m, false);
			loop_after(l->m->pause_timer, ADDRESS_STARVED_MS);
		}
		if (fd < 0)
			return;
		if (cidr_matches(&l->m->view.settings->accept_proxy.list, &origin.source)) {
			proxywait_add(l->m->arrivals, fd, &origin.source);
			continue;
		}
		address_local(fd, &origin.destination);
		take(l->m, fd, &origin);
	}
}

/* One of those that we were started with. */
static bool adopt(struct monitor *m, const struct address *a, struct listening *out)
{
	for (size_t i = 0; i < m->view.ops.n_inherited; i++) {
		int *fd = &m->view.ops.inherited[i];

		if (*fd < 0 || !address_adopt(a, *fd, out))
			continue;
		*fd = -1;
		return true;
	}
	return false;
}

bool accept_listen(struct monitor *m)
{
	const struct settings *s = m->view.settings;
	char err[512];

	for (size_t i = 0; i < s->n_listen; i++) {
		struct listener *l = &m->listeners[i];

		l->m = m;
		if (!adopt(m, &s->listen[i], &l->l) &&
		    address_listen(&s->listen[i], BACKLOG, NULL, &l->l, err, sizeof(err)) != 0) {
			log_msg(LOG_ERR, "%s", err);
			return false;
		}
		m->view.at[m->view.n_at++] = l->l.at;
		l->event = loop_event(m->view.base, l->l.fd, EV_READ | EV_PERSIST, on_accept, l);
	}
	return true;
}

/* A session needs one descriptor here, two more while it waits for the spawner, and those of its
 * dials. */
static size_t affordable(size_t files, int wanted, const char *name)
{
	const size_t n = files > 2 * SPARE_FILES ? (files - SPARE_FILES) / 3 : SPARE_FILES / 3;

	if (n >= (size_t)wanted)
		return (size_t)wanted;
	log_msg(LOG_WARNING,
		"the limit of %zu descriptors allows %s = %zu, not %d; raise it (ulimit -Hn, "
		"LimitNOFILE=)",
		files, name, n, wanted);
	return n;
}

void accept_init(struct monitor *m)
{
	const struct settings *s = m->view.settings;
	const size_t files = confine_raise_nofile();
	const size_t room = affordable(files, s->max_unauthenticated, "max_unauthenticated");
	const struct admission_config config = {.prefix_v4 = s->source_prefix_v4,
						.prefix_v6 = s->source_prefix_v6,
						.most = s->max_unauthenticated_per_source,
						.patience = (s->login_grace + 9) / 10,
						.idle_patience = IDLE_SECONDS,
						.max_penalty = s->max_penalty,
						.unpunished = &s->unpunished.list,
						.room = (int)room};

	TAILQ_INIT(&m->queue);
	m->arrivals = proxywait_new(m->view.base, room, on_header, m);
	m->view.admission = admission_new(&config);
	m->pause_timer = loop_timer(m->view.base, on_pause_over, m);
	m->turn_timer = loop_timer(m->view.base, on_turn, m);
	m->view.max_sessions = affordable(files, s->max_sessions, "max_sessions");
	m->view.max_dials = affordable(files, s->max_dials, "max_dials");
}

void accept_close(struct monitor *m)
{
	while (m->view.n_at > 0) {
		struct listener *l = &m->listeners[--m->view.n_at];

		event_free(l->event);
		listening_close(&l->l);
	}
}

void accept_free(struct monitor *m)
{
	proxywait_free(m->arrivals);
	accept_close(m);
	event_free(m->pause_timer);
	event_free(m->turn_timer);
	admission_free(m->view.admission);
}
