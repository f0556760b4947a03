// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by main.c: its children, the allow list in force, start and stop of
 * the server.  Parses nothing that a peer sent.
 */
#include "monitor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "alloc.h"
#include "confine.h"
#include "landlock_rules.h"
#include "loop.h"
#include "monitor_internal.h"

enum {
	RESPAWN_SECONDS = 5,
	STUCK_MS = 4000, /* after which a spawner that has not read an order to kill is killed */
};

/* Leaves the loop. */
static void quit(struct monitor *m, int exit_code)
{
	m->exit_code = exit_code;
	event_base_loopbreak(m->view.base);
}

/* ---- children ---- */

static void start_spawner(struct monitor *m);

static void on_ready(void *arg, struct spawner *s, bool proof, const char *libssh, const char *why)
{
	int listeners[MONITOR_LISTENERS];
	struct monitor *m = arg;

	if (s != m->spawner)
		return;
	m->ready = true;
	m->view.proof = proof;
	snprintf(m->view.libssh, sizeof(m->view.libssh), "%s", libssh);
	accept_watch(m, true);
	accept_hand_over(m);
	/* Logged for each spawner: libssh may have been replaced since the last one was started. */
	log_msg(LOG_DEBUG, "libssh %s", libssh);
	if (why[0])
		log_msg(LOG_NOTICE, "%s", why);
	if (m->announced)
		return;
	m->announced = true;
	for (size_t i = 0; i < m->view.n_at; i++)
		listeners[i] = m->listeners[i].l.fd;
	m->view.ops.ready(m->view.ops.arg, listeners, m->view.n_at);
}

static void on_spawned(void *arg, uint32_t id, int pid)
{
	struct conn *c = accept_find(arg, id);

	if (c)
		conn_spawned(c, pid);
	accept_hand_over(arg);
}

/* A spawner that reads nothing is stopped or hangs: when it dies the kernel kills its sessions. */
static bool on_kill(void *owner, const struct conn *c)
{
	if (c->peer.waited == STUCK_MS)
		log_msg(LOG_ERR,
			"session %u: its process %d has not ended %d s after the order to kill it",
			(unsigned)c->id, c->peer.pid, STUCK_MS / 1000);
	if (c->peer.waited >= STUCK_MS)
		spawner_kill_stuck(c->handover.spawner);
	return c->peer.ordered || spawner_kill_session(c->handover.spawner, c->id) == 0;
}

static void on_exited(void *arg, uint32_t id, int status, uint64_t cpu_us)
{
	struct monitor *m = arg;
	struct conn *c = accept_find(m, id);

	if (c)
		conn_exited(c, status, cpu_us);
	/* An attacker that crashed a session may have learned its address layout: the next ones get
	 * a fresh one. */
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL && !m->view.stopping && m->ready) {
		spawner_retire(m->spawner);
		start_spawner(m);
	}
}

/* Running sessions need no spawner; new connections wait in the backlog meanwhile. */
static void try_later(struct monitor *m, bool explained)
{
	static const char remedy[] = "; look at TasksMax= (systemd), ulimit -u and memory";

	log_msg(LOG_ERR, "no new sessions until a spawner runs: the next attempt is in %d s%s",
		RESPAWN_SECONDS, explained ? "" : remedy);
	loop_after(m->respawn_timer, RESPAWN_SECONDS * 1000);
}

static void on_lost(void *arg, struct spawner *s, int code, const char *text)
{
	struct monitor *m = arg;
	struct conn *c, *next;
	const bool explained = text[0] != '\0';

	log_msg(LOG_ERR, "the spawner is gone%s%s%s", text[0] ? ": " : "", text,
		m->ready ? "; its sessions end" : "");
	for (c = LIST_FIRST(&m->view.conns); c; c = next) {
		next = LIST_NEXT(c, of_view);
		if (c->handover.spawner == s)
			peer_orphaned(&c->peer, s->pid);
	}
	spawner_free(s);
	if (s != m->spawner)
		return;
	m->spawner = NULL;
	if (!m->announced)
		quit(m, explained ? code : EX_SOFTWARE);
	else if (m->ready && !m->view.stopping)
		start_spawner(m);
	else if (!m->view.stopping)
		try_later(m, explained);
}

static void on_respawn(evutil_socket_t fd, short what, void *arg)
{
	struct monitor *m = arg;

	if (!m->view.stopping)
		start_spawner(m);
}

static void start_spawner(struct monitor *m)
{
	const struct spawner_ops ops = {on_ready, on_spawned, on_exited, on_lost, m};

	m->ready = false;
	accept_watch(m, false);
	m->spawner = spawner_start(m->view.base, m->setup, &ops);
	if (m->spawner)
		return;
	log_msg(LOG_ERR, "cannot start the spawner: %s", strerror(errno));
	if (m->announced)
		try_later(m, false);
	else
		quit(m, EX_OSERR);
}

/* ---- the list in force ---- */

static void on_logged_in(void *arg, time_t next)
{
	struct monitor *m = arg;

	reload_add(m->view.reload, next);
	accept_turn(m); /* another connection of its source may have its turn now */
}

static void on_list(void *arg, const struct allowlist *list, const char *event, char *summary,
		    size_t size)
{
	struct monitor *m = arg;

	revoke_refused(&m->view, list, event, summary, size);
	if (m->in_charge && strcmp(event, "reload") == 0)
		m->view.ops.loaded(m->view.ops.arg, allowlist_file(list));
}

static time_t on_next_change(void *arg, time_t now)
{
	return revoke_next_change(&((struct monitor *)arg)->view, now);
}

void monitor_judge(struct monitor *m, int file)
{
	reload_follow(m->view.reload, file);
}

void monitor_reload(struct monitor *m)
{
	char summary[1024];

	reload_now(m->view.reload, summary, sizeof(summary));
}

/* ---- life ---- */

static void end_in_order(struct conn *c)
{
	revoke_end(c, policy_texts[POLICY_STOPPING].reason);
}

/* Ends all sessions, or those without a channel.  Returns the channels that the others have. */
static size_t end_sessions(struct monitor *m, bool all)
{
	struct conn *c, *next;
	size_t channels = 0;

	m->view.stopping = true;
	accept_close(m);
	for (c = LIST_FIRST(&m->view.conns); c; c = next) {
		next = LIST_NEXT(c, of_view);
		if (c->state == CONN_QUEUED)
			conn_kill(c);
		else if (all || c->state != CONN_UP || c->opens.count == 0)
			end_in_order(c);
		else
			channels += c->opens.count;
	}
	return channels;
}

static void stop(struct monitor *m, int exit_code)
{
	m->exit_code = m->exit_code ? m->exit_code : exit_code;
	if (m->ending)
		return;
	m->ending = true;
	end_sessions(m, true);
	if (m->view.n_sessions == 0)
		quit(m, m->exit_code);
	else
		loop_after(m->stop_timer, MONITOR_STOP * 1000);
}

static void on_stop_timer(evutil_socket_t fd, short what, void *arg)
{
	struct monitor *m = arg;

	if (m->ending) {
		quit(m, EX_SOFTWARE);
		return;
	}
	if (m->view.retired && !m->view.stopping)
		log_msg(LOG_NOTICE,
			"%d s are over (upgrade_drain): the sessions of generation %u that are "
			"left are ended",
			m->view.settings->upgrade_drain, m->view.ops.generation);
	else
		log_msg(LOG_NOTICE, "%d s are over (drain): the channels that are left are reset",
			m->view.settings->drain);
	stop(m, 0);
}

static bool on_dialler_lost(void *arg, const struct launch_user *user, int code, const char *text)
{
	struct monitor *m = arg;

	log_msg(LOG_ERR, "the dialler of user %s is gone%s%s", user->name, text[0] ? ": " : "",
		text);
	/* Without that of our own user nothing can be opened, and only a bug or root ends it. */
	if (user == m->view.users)
		stop(m, text[0] ? code : EX_SOFTWARE);
	return !m->view.stopping;
}

void monitor_stop(struct monitor *m)
{
	const int drain = m->view.settings->drain;
	const size_t channels = drain > 0 && !m->view.stopping ? end_sessions(m, false) : 0;

	if (channels == 0) {
		stop(m, 0);
		return;
	}
	log_msg(LOG_NOTICE,
		"%zu channel%s may end within %d s (drain); the same signal again ends all at once",
		channels, channels == 1 ? "" : "s", drain);
	loop_after(m->stop_timer, (uint64_t)drain * 1000);
}

void monitor_take_over(struct monitor *m, uint32_t first)
{
	char text[ADDRESS_TEXT], summary[1024];

	m->last_id = first ? first - 1 : m->last_id;
	m->in_charge = true;
	m->view.retired = false;
	/* The one before may have loaded a newer list than ours, and revoked a key. */
	if (m->view.ops.generation == 1 ||
	    reload_now(m->view.reload, summary, sizeof(summary)) != 0)
		m->view.ops.loaded(m->view.ops.arg, allowlist_file(m->view.allowlist));
	accept_watch(m, true);
	for (size_t i = 0; i < m->view.n_at; i++)
		log_msg(LOG_NOTICE, "listening on %s",
			address_format(&m->view.at[i], text, sizeof(text)));
}

const char *monitor_describe(const struct monitor *m, char *text, size_t size)
{
	const size_t sessions = m->view.n_sessions, channels = m->view.n_channels;

	snprintf(text, size, "%zu session%s, %zu channel%s", sessions, sessions == 1 ? "" : "s",
		 channels, channels == 1 ? "" : "s");
	return text;
}

uint32_t monitor_pause(struct monitor *m)
{
	m->in_charge = false;
	m->view.retired = true;
	accept_watch(m, false);
	return m->last_id + (uint32_t)proxywait_count(m->arrivals);
}

void monitor_retire(struct monitor *m)
{
	const int drain = m->view.settings->upgrade_drain;

	accept_close(m);
	reload_retire(m->view.reload);
	if (drain > 0 && !m->view.stopping)
		loop_after(m->stop_timer, (uint64_t)drain * 1000);
	accept_retire(m);
}

void monitor_answer(struct monitor *m, unsigned uid, const char *line, struct evbuffer *out)
{
	answers_give(&m->view, uid, line, out);
}

struct monitor_view *monitor_view(struct monitor *m)
{
	return &m->view;
}

struct monitor *monitor_new(struct event_base *base, const struct spawner_setup *setup,
			    struct allowlist *list, const struct monitor_ops *ops, int *exit_code)
{
	const struct settings *s = setup->settings;
	struct monitor *m = xcalloc(1, sizeof(*m));
	const struct reload_ops reload_ops = {on_list, on_next_change,
					      &m->view.counts[COUNT_NOT_LOADED], m};
	struct dialler_setup dialler = {.endpoints = s->endpoints,
					.n = s->n_endpoints,
					.timeout = s->dial_timeout,
					.lost = on_dialler_lost,
					.arg = m};

	m->view = (struct monitor_view){.base = base,
					.settings = s,
					.allowlist = list,
					.hostkeys = setup->hostkeys,
					.n_hostkeys = setup->n_hostkeys,
					.logged_in = on_logged_in,
					.kill = on_kill,
					.closed = accept_on_closed,
					.last_closed = end_in_order,
					.ops = *ops,
					.owner = m};
	m->view.since = loop_seconds();
	m->view.started = loop_wall();
	m->view.users = setup->users;
	m->setup = setup;
	m->stop_timer = loop_timer(base, on_stop_timer, m);
	m->respawn_timer = loop_timer(base, on_respawn, m);
	accept_init(m);
	m->view.pending = pending_new(s);
	m->view.ratelimit = ratelimit_new(base, &m->view.limit_hits[LIMIT_LOG_LINES]);
	m->view.dials = xcalloc(s->n_endpoints, sizeof(*m->view.dials));
	m->view.reload = reload_new(base, s, list, &reload_ops);
	*exit_code = EX_UNAVAILABLE;
	if (!accept_listen(m))
		goto fail;
	*exit_code = EX_OSERR;
	confine_oom_first(false); /* before Landlock denies /proc */
	if (landlock_rules_apply(s, setup->program->report.files) != 0)
		goto fail;
	for (size_t i = 0; i <= s->connect_as.n; i++) {
		dialler.user = &setup->users[i];
		m->view.diallers[i] = dialler_new(base, &dialler);
		if (!m->view.diallers[i])
			goto fail;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); /* see peer_orphaned */
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
	struct conn *c, *next;

	for (c = LIST_FIRST(&m->view.conns); c; c = next) {
		next = LIST_NEXT(c, of_view);
		conn_kill(c);
	}
	while ((c = LIST_FIRST(&m->view.conns)))
		conn_abandon(c);
	spawner_free_all();
	for (size_t i = 0; i <= SETTINGS_USERS; i++)
		dialler_free(m->view.diallers[i]);
	accept_free(m);
	reload_free(m->view.reload);
	event_free(m->stop_timer);
	event_free(m->respawn_timer);
	elsewhere_free(&m->view.elsewhere);
	free(m->view.dials);
	pending_free(m->view.pending);
	ratelimit_free(m->view.ratelimit);
	free(m);
}
