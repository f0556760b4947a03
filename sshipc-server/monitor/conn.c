// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by accept.c and monitor.c, and by libevent for the session's
 * messages: the life of a connection.  Nothing below it (conn.h) calls it.
 */
#include "conn.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "alloc.h"
#include "loop.h"

enum {
	MESSAGES_A_TURN = 64,
	SIGNS_A_SECOND = 10, /* a key exchange costs the monitor most */
	AHEAD_US = 5000,     /* by which a session may exceed its rate before it waits */
};

static void log_violation(struct conn *c, const char *what)
{
	audit_log(c, LOG_ERR, "violation", NULL, "session process broke the protocol (%s): killed",
		  what);
	c->fault = ADMISSION_CRASH;
	c->ended = true;
}

static void dispose(struct conn *c)
{
	keyuse_leave(c);
	c->view->n_sessions--;
	peer_free(&c->peer);
	LIST_REMOVE(c, of_view);
	c->view->closed(c->view->owner, c);
	free(c);
}

/* The session process has exited: the connection has ended. */
static void on_gone(void *arg)
{
	struct conn *c = arg;

	opens_release_all(c);
	if (c->use) {
		admission_welcome(c->view->admission, &c->from, loop_seconds());
		audit_log(
		    c, LOG_INFO, "logout",
		    LOG_FIELDS({"channels", NULL, c->opens.granted},
			       {"refused", NULL, c->opens.refused},
			       {"claimed_bytes_to_endpoint", NULL, c->activity.to_endpoint},
			       {"claimed_bytes_from_endpoint", NULL, c->activity.from_endpoint}),
		    "ended after %zu channels; %zu opens and requests were refused",
		    c->opens.granted, c->opens.refused);
	} else {
		attempts_log_end(c);
	}
	dispose(c);
}

void conn_kill(struct conn *c)
{
	if (c->state == CONN_GONE)
		return;
	c->state = CONN_GONE;
	opens_stop(c);
	login_stop(c);
	admission_leave(c->view->admission, &c->unauth);
	/* A source that sent nothing, or only a banner, gets no penalty: a load balancer checks
	 * like that. */
	if (c->fault == ADMISSION_NO_LOGIN && !c->unauth.begun)
		c->fault = ADMISSION_BLAMELESS;
	if (!c->use || c->fault == ADMISSION_CRASH)
		admission_punish(c->view->admission, &c->from, c->fault, loop_seconds());
	event_free(c->login.grace);
	peer_cut(&c->peer);
}

void conn_abandon(struct conn *c)
{
	log_msg(LOG_ERR,
		"%s: its process %d has not ended: the spawner %s; look at both (ps -o "
		"pid,stat,wchan), and end them with kill -9",
		c->audit.who, c->peer.pid,
		c->peer.ordered ? "was told to kill it" : "takes no orders");
	opens_release_all(c);
	dispose(c);
}

void conn_give_way(struct conn *c, enum limit which)
{
	audit_limit(c, which, "ended before its login for another connection");
	/* An evicted connection is blameless, or a flood from elsewhere would have its victims
	 * punished. */
	if (c->fault == ADMISSION_NO_LOGIN &&
	    (which == LIMIT_MAX_UNAUTHENTICATED || which == LIMIT_MAX_SESSIONS))
		c->fault = ADMISSION_BLAMELESS;
	c->ended = true;
	conn_kill(c);
}

/* A session whose requests come too fast is not read until its pace allows: they are answered late,
 * none is lost. */
static bool too_fast(struct conn *c, uint32_t type)
{
	const unsigned rate =
	    type == MESSAGE_SIGN ? SIGNS_A_SECOND : (unsigned)c->view->settings->max_opens;
	const uint64_t us = pace_take(&c->peer.pace, rate, loop_us());

	if (us < AHEAD_US)
		return false;
	audit_limit(c, LIMIT_MAX_OPENS, "%s rate over %u/s: throttled",
		    type == MESSAGE_SIGN ? "key exchange" : "request", rate);
	peer_pause(&c->peer, us / 1000);
	return true;
}

static void on_readable(evutil_socket_t sock, short what, void *arg)
{
	struct conn *c = arg;
	struct message m;
	/* Where there was one message only, there was a call for nothing, too: not the next time.
	 */
	const int most = c->peer.single ? 1 : MESSAGES_A_TURN;

	c->peer.single = false;
	for (int i = 0; i < most; i++) {
		const int rc = message_recv(sock, &m, MESSAGE_OF_SESSION);
		const bool whole = rc > 0 || (rc < 0 && errno == EPROTO);
		const char *wrong = NULL;

		if (rc < 0 && errno == EAGAIN) {
			c->peer.single = i == 1;
			return;
		}
		if (whole)
			wrong = dispatch(c, &m, rc > 0);
		else if (rc < 0 && errno == EBADMSG)
			wrong = "a descriptor or an oversized message";
		if (wrong)
			log_violation(c, wrong);
		if (wrong || !whole) {
			conn_kill(c);
			return;
		}
		/* CLOSED is not limited: each follows an OPEN, which was. */
		if (m.head.type != MESSAGE_CLOSED && too_fast(c, m.head.type))
			return;
	}
}

static void on_grace(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	c->fault = c->unauth.begun ? ADMISSION_TOO_SLOW : ADMISSION_BLAMELESS;
	audit_limit(c, LIMIT_LOGIN_GRACE, "no login within %d seconds",
		    c->view->settings->login_grace);
	revoke_end(c, "login took too long");
}

static void on_overdue(void *arg)
{
	struct conn *c = arg;

	if (c->peer.overflowed)
		log_violation(c, "does not read");
	conn_kill(c);
}

static bool on_kill(void *arg)
{
	struct conn *c = arg;

	return c->view->kill(c->view->owner, c);
}

struct conn *conn_new(struct monitor_view *view, uint32_t id, const struct address *from, int sock)
{
	static const struct peer_ops ops = {on_readable, on_overdue, on_kill, on_gone};
	struct conn *c = xcalloc(1, sizeof(*c));

	c->view = view;
	c->login.proof = view->proof;
	c->id = id;
	c->from = *from;
	c->activity.since = c->activity.last = loop_seconds();
	c->fault = ADMISSION_NO_LOGIN;
	c->unauth.owner = c;
	admission_enter(view->admission, &c->unauth, from, c->activity.since);
	audit_name(c);
	peer_init(&c->peer, view->base, sock, &ops, c);
	c->login.grace = loop_timer(view->base, on_grace, c);
	loop_after(c->login.grace, (uint64_t)view->settings->login_grace * 1000);
	LIST_INSERT_HEAD(&view->conns, c, of_view);
	view->n_sessions++;
	view->counts[COUNT_CONNECTIONS]++;
	return c;
}

void conn_handed_over(struct conn *c)
{
	if (c->state == CONN_QUEUED)
		c->state = CONN_STARTING;
	c->peer.process = true;
	c->login.proof = c->view->proof; /* whether this spawner's sessions pass on signatures */
}

void conn_spawned(struct conn *c, int pid)
{
	const char *reason = strerror(pid > 0 ? 0 : -pid);

	if (c->state == CONN_STARTING)
		c->state = CONN_LOGIN;
	if (pid > 0) {
		c->peer.pid = pid;
		audit_log(c, LOG_DEBUG, "process", NULL, "process %d", pid);
		return;
	}
	c->fault = ADMISSION_BLAMELESS;
	if (audit_may_log(c, "no-process", reason))
		audit_log(c, LOG_ERR, "no-process", LOG_FIELDS({"reason", reason, 0}),
			  "no process for this session: %s; look at TasksMax= (systemd), ulimit -u "
			  "and memory",
			  reason);
}

void conn_exited(struct conn *c, int status, uint64_t cpu_us)
{
	const bool crashed = WIFSIGNALED(status) && !(c->ended && WTERMSIG(status) == SIGKILL);

	/* The watchdog exits with EX_SOFTWARE. */
	if (crashed || (WIFEXITED(status) && WEXITSTATUS(status) == EX_SOFTWARE))
		admission_punish(c->view->admission, &c->from, ADMISSION_CRASH, loop_seconds());
	if (crashed)
		audit_log(c, LOG_ERR, "crash", NULL, "session process died of signal %d (%s)",
			  WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		audit_log(c, LOG_ERR, "crash", NULL, "session process exited with %d%s",
			  WEXITSTATUS(status),
			  WEXITSTATUS(status) == EX_SOFTWARE && !c->use
			      ? ": it took 2 s of CPU before a login, which no honest client needs"
			      : "");
	/* The CPU time of a connection that sent nothing but a banner is not charged to its
	 * source. */
	if (!c->use && (c->unauth.begun || !c->login.proof))
		admission_spend(c->view->admission, &c->from, (unsigned)(cpu_us / 1000),
				loop_seconds());
	peer_exited(&c->peer);
}
