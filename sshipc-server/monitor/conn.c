// SPDX-License-Identifier: BSD-2-Clause
#include "conn_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "alloc.h"
#include "keyblob.h"
#include "loop.h"

enum {
	KILL_MS = 500,	 /* from END to SIGKILL */
	LOOK_MS = 10,	 /* between two looks at one whose spawner died */
	UNSENT_MAX = 64, /* messages that wait for a session to read */
	MESSAGES_A_TURN = 64,
	SIGNS_A_SECOND = 10, /* new keys cost us most */
	AHEAD_US = 5000,     /* that a session may be of its pace before it waits */
};

static void log_violation(struct conn *c, const char *what)
{
	audit_log(c, LOG_ERR, "violation", NULL, "session process broke the protocol (%s): killed",
		  what);
	c->fault = ADMISSION_CRASH;
	c->ended = true;
}

void conn_send(struct conn *c, const struct wire *w)
{
	struct unsent *u;

	if (c->state >= CONN_ENDING)
		return;
	if (STAILQ_EMPTY(&c->messages) && (wire_send(c->sock, w) == 0 || errno != EAGAIN))
		return; /* when it is gone its socket will say so */
	if (c->n_messages == UNSENT_MAX) {
		log_violation(c, "does not read");
		c->state = CONN_ENDING;
		event_active(c->timer, EV_TIMEOUT, 0);
		return;
	}
	u = xmalloc(sizeof(*u));
	u->w = *w;
	STAILQ_INSERT_TAIL(&c->messages, u, entry);
	c->n_messages++;
	event_add(c->writable, NULL);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	struct unsent *u;

	while ((u = STAILQ_FIRST(&c->messages))) {
		if (wire_send(c->sock, &u->w) != 0 && errno == EAGAIN)
			return;
		STAILQ_REMOVE_HEAD(&c->messages, entry);
		c->n_messages--;
		free(u);
	}
	if (opens_flush(c))
		event_del(c->writable);
}

/* ---- what else a session says ---- */

static enum heard on_note(struct conn *c, struct wire *w)
{
	const uint32_t priority = wire_get_u32(w);
	struct log_text text;
	size_t n;
	const void *p = wire_get_bytes(w, &n, 512);

	if (!wire_done(w))
		return HEARD_WRONG;
	if (audit_may_log(c, "note", log_escape(&text, p, n)))
		audit_log(c, priority < LOG_ERR || priority > LOG_DEBUG ? LOG_DEBUG : (int)priority,
			  "note", NULL, "session says: %s", text.s);
	return HEARD;
}

static enum heard on_refuse(struct conn *c, struct wire *w)
{
	struct policy_request r = {.action = (enum policy_action)wire_get_u32(w)};
	enum policy_verdict verdict;
	struct log_text what;
	size_t used = strlen(c->methods);

	r.host = wire_get_bytes(w, &r.host_len, 63);
	if (!wire_done(w))
		return HEARD_WRONG;
	if (r.action == POLICY_GLOBAL_REQUEST && c->use) {
		verdict = policy_decide(c->entry ? &c->entry->key : NULL, c->endpoint, &r);
		opens_refuse(c, w, 0, &r, policy_reason(verdict), policy_remedy(verdict));
		return HEARD;
	}
	log_escape(&what, r.host, r.host_len);
	/* Every client asks for "none" first, to hear which methods there are. */
	if (strcmp(what.s, "none") != 0)
		c->fault = ADMISSION_REFUSED;
	if (!strstr(c->methods, what.s))
		snprintf(c->methods + used, sizeof(c->methods) - used, "%s%s", used ? ", " : "",
			 what.s);
	return HEARD;
}

static enum heard on_stats(struct conn *c, struct wire *w)
{
	const uint64_t to = wire_get_u64(w), from = wire_get_u64(w);

	if (!wire_done(w))
		return HEARD_WRONG;
	if (to != c->to_endpoint || from != c->from_endpoint)
		c->active = loop_seconds();
	c->to_endpoint = to;
	c->from_endpoint = from;
	return HEARD;
}

static enum heard on_limit(struct conn *c, struct wire *w)
{
	const uint32_t which = wire_get_u32(w);

	if (!wire_done(w) || which > SESSION_LIMIT_HELD)
		return HEARD_WRONG;
	if (which == SESSION_LIMIT_CHANNELS)
		audit_limit(c, LIMIT_MAX_CHANNELS, "it has as many channels as it may");
	else
		audit_limit(c, LIMIT_MAX_HELD,
			    "slow readers hold as many bytes as it may: it waits for them");
	return HEARD;
}

/* ---- life ---- */

/* DESIGN.md, section 3.  What it was told to end asks for, it does not get. */
enum {
	LOGIN = 1 << CONN_LOGIN,
	WAITING = 1 << CONN_WAITING,
	UP = 1 << CONN_UP,
	ENDING = 1 << CONN_ENDING,
	ALWAYS = LOGIN | WAITING | UP,
};

static const struct {
	const char *name;
	enum heard (*heard)(struct conn *c, struct wire *w);
	int when; /* states */
} messages[] = {
    [WIRE_PROBE] = {"PROBE", login_on_probe, LOGIN},
    [WIRE_AUTHORIZE] = {"AUTHORIZE", login_on_authorize, LOGIN},
    [WIRE_OPEN] = {"OPEN", opens_on_open, UP},
    [WIRE_CLOSED] = {"CLOSED", opens_on_closed, UP | ENDING},
    [WIRE_NOTE] = {"NOTE", on_note, ALWAYS | ENDING},
    [WIRE_REFUSE] = {"REFUSE", on_refuse, ALWAYS},
    [WIRE_ALIVE] = {"ALIVE", login_on_alive, UP},
    [WIRE_LIMIT] = {"LIMIT", on_limit, UP},
    [WIRE_STATS] = {"STATS", on_stats, UP | ENDING},
    [WIRE_ATTEMPT] = {"ATTEMPT", attempts_on_attempt, LOGIN},
    [WIRE_LEFT] = {"LEFT", attempts_on_left, LOGIN | WAITING | ENDING},
    [WIRE_SIGN] = {"SIGN", signing_on_sign, ALWAYS},
};

/* What is wrong with it, or NULL. */
static const char *on_message(struct conn *c, struct wire *w)
{
	const unsigned type = wire_type(w);
	const bool known = type < sizeof(messages) / sizeof(*messages) && messages[type].heard;
	const int when = known ? messages[type].when : 0;

	if (c->state < CONN_LOGIN)
		c->state = CONN_LOGIN; /* the spawner says that it forked when it gets to it */
	if (c->state == CONN_ENDING && !(when & ENDING))
		return NULL;
	c->guest.begun |= known && !(when & ENDING) && type != WIRE_REFUSE;
	if (!known)
		return "unknown message";
	if (!(when & (c->state != CONN_ENDING ? 1 << c->state : c->use ? UP : LOGIN)))
		return messages[type].name;
	switch (messages[type].heard(c, w)) {
	case HEARD:
		return NULL;
	case HEARD_UNPROVED:
		return "a login without the key's signature";
	default:
		return messages[type].name;
	}
}

static void log_end(struct conn *c)
{
	if (c->use)
		audit_log(c, LOG_INFO, "logout",
			  (const struct log_field[]){
			      {"channels", NULL, c->n_opened},
			      {"refused", NULL, c->n_refused},
			      {"claimed_bytes_to_endpoint", NULL, c->to_endpoint},
			      {"claimed_bytes_from_endpoint", NULL, c->from_endpoint},
			      {NULL, NULL, 0}},
			  "ended after %zu channels; %zu opens and requests were refused",
			  c->n_opened, c->n_refused);
	else
		attempts_log_end(c);
}

static void dispose(struct conn *c)
{
	login_release(c);
	c->view->n_sessions--;
	event_free(c->timer);
	LIST_REMOVE(c, of_view);
	c->closed(c->arg, c);
	free(c);
}

/* Nothing of it is left. */
static void finish(struct conn *c)
{
	opens_release_all(c);
	log_end(c);
	if (c->use)
		admission_welcome(c->view->admission, &c->peer, loop_seconds());
	dispose(c);
}

/* Children of ours are reaped by the kernel (SIGCHLD is ignored). */
static bool is_child(int pid)
{
	return pid > 0 && waitpid(pid, NULL, WNOHANG) == 0;
}

/* When its spawner is gone the kernel has given it to us (monitor.c), and a SIGKILL to it. */
static void look_for_orphan(struct conn *c)
{
	if (is_child(c->parent) || is_child(c->pid))
		loop_after(c->timer, LOOK_MS);
	else
		conn_exited(c, 0, 0);
}

/* The spawner, whose child it is, may always kill it, and does not reap it before. */
static void order_kill(struct conn *c)
{
	if (c->parent) {
		look_for_orphan(c);
		return;
	}
	c->ordered |= c->view->kill(c->view->owner, c);
	loop_after(c->timer, KILL_MS);
	c->waited += KILL_MS;
}

void conn_kill(struct conn *c)
{
	struct unsent *u;

	if (c->state == CONN_GONE)
		return;
	c->state = CONN_GONE;
	opens_stop(c);
	login_stop(c);
	while ((u = STAILQ_FIRST(&c->messages))) {
		STAILQ_REMOVE_HEAD(&c->messages, entry);
		free(u);
	}
	admission_leave(c->view->admission, &c->guest, loop_seconds());
	/* Who sent nothing, or a banner, is blameless: a balancer looks whether we are there. */
	if (c->fault == ADMISSION_NO_LOGIN && !c->guest.begun)
		c->fault = ADMISSION_BLAMELESS;
	if (!c->use || c->fault == ADMISSION_CRASH)
		admission_punish(c->view->admission, &c->peer, c->fault, loop_seconds());
	event_free(c->readable);
	event_free(c->writable);
	event_free(c->resume);
	close(c->sock);
	/* A process that closed its socket must not live on with the endpoint's. */
	if (c->process)
		order_kill(c);
	else
		finish(c);
}

void conn_abandon(struct conn *c)
{
	log_msg(LOG_ERR,
		"%s: its process %d has not ended: the spawner %s; look at both (ps -o "
		"pid,stat,wchan), and end them with kill -9",
		c->who, c->pid, c->ordered ? "was told to kill it" : "takes no orders");
	opens_release_all(c);
	dispose(c);
}

void conn_give_way(struct conn *c, enum limit which)
{
	audit_limit(c, which, "ended before its login for another connection");
	/* Or a flood from elsewhere would have its victims punished. */
	if (c->fault == ADMISSION_NO_LOGIN &&
	    (which == LIMIT_MAX_UNAUTHENTICATED || which == LIMIT_MAX_SESSIONS))
		c->fault = ADMISSION_BLAMELESS;
	c->ended = true;
	conn_kill(c);
}

/* Who asks too fast is read no more until its pace allows; its answer is late, not lost. */
static bool too_fast(struct conn *c, enum wire_type type)
{
	const unsigned rate =
	    type == WIRE_SIGN ? SIGNS_A_SECOND : (unsigned)c->view->settings->max_opens;
	const uint64_t us = pace_take(&c->pace, rate, loop_us());

	if (us < AHEAD_US)
		return false;
	audit_limit(c, LIMIT_MAX_OPENS, "asks for more than %u %s in a second: it waits", rate,
		    type == WIRE_SIGN ? "new keys" : "things");
	event_del(c->readable);
	loop_after(c->resume, us / 1000);
	return true;
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	event_add(c->readable, NULL);
}

static void on_session(evutil_socket_t sock, short what, void *arg)
{
	struct conn *c = arg;
	struct wire w;

	for (int i = 0; i < MESSAGES_A_TURN; i++) {
		const int rc = wire_recv(sock, &w, 0);
		const enum wire_type type = wire_type(&w); /* w may become the answer */
		const char *wrong = NULL;

		if (rc < 0 && errno == EAGAIN)
			return;
		if (rc > 0)
			wrong = on_message(c, &w);
		else if (rc < 0 && errno == EBADMSG)
			wrong = "a descriptor or an oversized message";
		if (wrong)
			log_violation(c, wrong);
		if (wrong || rc == 0 || (rc < 0 && errno != EBADMSG)) {
			conn_kill(c);
			return;
		}
		/* What it closes it was once given. */
		if (type != WIRE_CLOSED && too_fast(c, type))
			return;
	}
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	switch (c->state) {
	case CONN_GONE:
		order_kill(c);
		break;
	case CONN_ENDING:
		conn_kill(c);
		break;
	default:
		c->fault = c->guest.begun ? ADMISSION_TOO_SLOW : ADMISSION_BLAMELESS;
		audit_limit(c, LIMIT_LOGIN_GRACE, "no login within %d seconds",
			    c->view->settings->login_grace);
		conn_end(c, "login took too long");
	}
}

void conn_end(struct conn *c, const char *reason)
{
	struct wire w;

	if (c->state >= CONN_ENDING)
		return;
	c->state = CONN_ENDING;
	c->ended = true;
	opens_stop(c);
	wire_start(&w, WIRE_END);
	wire_put_text(&w, reason);
	wire_send(c->sock, &w); /* when it does not listen, the timer ends it */
	loop_after(c->timer, KILL_MS);
}

struct conn *conn_new(struct monitor_view *view, uint32_t id, const struct address *peer, int sock,
		      void (*closed)(void *arg, struct conn *c), void *arg)
{
	struct conn *c = xcalloc(1, sizeof(*c));

	c->view = view;
	c->proof = view->proof;
	c->id = id;
	c->peer = *peer;
	c->sock = sock;
	c->closed = closed;
	c->arg = arg;
	c->since = c->active = loop_seconds();
	c->fault = ADMISSION_NO_LOGIN;
	c->guest.owner = c;
	admission_enter(view->admission, &c->guest, peer, c->since);
	TAILQ_INIT(&c->unsent);
	STAILQ_INIT(&c->messages);
	audit_name(c);
	c->readable = loop_watch(view->base, sock, EV_READ | EV_PERSIST, on_session, c);
	c->writable = loop_event(view->base, sock, EV_WRITE | EV_PERSIST, on_writable, c);
	c->timer = loop_timer(view->base, on_timer, c);
	c->resume = loop_timer(view->base, on_resume, c);
	loop_after(c->timer, (uint64_t)view->settings->login_grace * 1000);
	LIST_INSERT_HEAD(&view->conns, c, of_view);
	view->n_sessions++;
	return c;
}

static void no_process(struct conn *c, const char *reason)
{
	c->fault = ADMISSION_BLAMELESS;
	if (audit_may_log(c, "no-process", reason))
		audit_log(c, LOG_ERR, "no-process",
			  (const struct log_field[]){{"reason", reason, 0}, {NULL, NULL, 0}},
			  "no process for this session: %s; look at TasksMax= (systemd), ulimit -u "
			  "and memory",
			  reason);
}

void conn_handed_over(struct conn *c, bool proof)
{
	if (c->state == CONN_QUEUED)
		c->state = CONN_STARTING;
	c->process = true;
	c->proof = proof;
}

void conn_spawned(struct conn *c, int pid)
{
	c->pid = pid > 0 ? pid : 0;
	if (c->state == CONN_STARTING)
		c->state = CONN_LOGIN;
	if (pid < 0)
		no_process(c, strerror(-pid));
	else
		audit_log(c, LOG_DEBUG, "process", NULL, "process %d", pid);
}

static void log_exit(const struct conn *c, int status)
{
	const bool early = WEXITSTATUS(status) == EX_SOFTWARE && !c->use;

	audit_log(c, LOG_ERR, "crash", NULL, "session process exited with %d%s",
		  WEXITSTATUS(status),
		  early ? ": it took 2 s of CPU before a login, which no honest client needs" : "");
}

void conn_exited(struct conn *c, int status, uint64_t cpu_us)
{
	const bool crashed = WIFSIGNALED(status) && !(c->ended && WTERMSIG(status) == SIGKILL);

	c->process = false;
	/* EX_SOFTWARE is the watchdog's. */
	if (crashed || (WIFEXITED(status) && WEXITSTATUS(status) == EX_SOFTWARE))
		admission_punish(c->view->admission, &c->peer, ADMISSION_CRASH, loop_seconds());
	if (crashed)
		audit_log(c, LOG_ERR, "crash", NULL, "session process died of signal %d (%s)",
			  WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		log_exit(c, status);
	/* Who began nothing could not have it work. */
	if (!c->use && (c->guest.begun || !c->proof))
		admission_spend(c->view->admission, &c->peer, (unsigned)(cpu_us / 1000),
				loop_seconds());
	if (c->state == CONN_GONE)
		finish(c);
}

void conn_orphaned(struct conn *c, int parent)
{
	c->parent = parent;
	if (c->state == CONN_GONE)
		look_for_orphan(c);
}

uint32_t conn_id(const struct conn *c)
{
	return c->id;
}

bool conn_logged_in(const struct conn *c)
{
	return c->state == CONN_UP;
}

struct conn *conn_next(const struct monitor_view *view, const struct conn *c)
{
	c = c ? LIST_NEXT(c, of_view) : LIST_FIRST(&view->conns);
	while (c && !conn_logged_in(c))
		c = LIST_NEXT(c, of_view);
	return (struct conn *)(uintptr_t)c;
}

void conn_dismiss(struct conn *c, unsigned uid)
{
	static const char reason[] = "ended by the administrator";

	audit_log(c, LOG_NOTICE, "killed",
		  (const struct log_field[]){{"uid", NULL, uid}, {NULL, NULL, 0}},
		  "told to end: %s (uid %u; key %s)", reason, uid, c->use->fingerprint);
	conn_end(c, reason);
}
