// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the keeper, called by start.c, and in a child of it until that is a generation.  It may
 * not wait for any of them: what it says to one that is stopped is lost, and the others go on.
 */
#include "keeper.h"

#include <errno.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "alloc.h"
#include "callers.h"
#include "confine.h"
#include "link.h"
#include "log.h"
#include "loop.h"
#include "notify.h"

/* They follow each other in this order. */
enum state {
	CHECKING,
	READY, /* waits until the one in charge has retired */
	IN_CHARGE,
	RETIRING,
};

struct generation {
	TAILQ_ENTRY(generation) entry;
	struct keeper *k;
	unsigned number;
	enum state state;
	pid_t pid;
	int sock;
	struct event *event;
	int fds[LINK_FDS]; /* listeners that it uses */
	size_t n_fds;
};

struct keeper {
	struct event_base *base;
	TAILQ_HEAD(, generation) all; /* the newest first */
	struct callers *callers;
	struct notify *notify; /* NULL: no service manager waits for news */
	bool stopping, reloading;
	int status; /* of the generation in charge, as of waitpid(2), when it has ended */
};

static const int passed_on[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
enum { PASSED_ON = sizeof(passed_on) / sizeof(*passed_on) };

/* NULL: none has taken over. */
static struct generation *in_charge(struct keeper *k)
{
	struct generation *g;

	TAILQ_FOREACH(g, &k->all, entry)
		if (g->state == IN_CHARGE)
			return g;
	return NULL;
}

/* Where a line of the keeper goes: the log is that of the generation in charge. */
static struct keeper *logs;

static void write_line(int priority, const char *text)
{
	const struct generation *g = in_charge(logs);

	if (!g || link_send(g->sock, LINK_LOG, (uint32_t)priority, text, NULL, 0) != 0)
		fprintf(stderr, "sshipc-server: %s\n", text);
}

/* ---- the service manager ---- */

/* Whether the generation in charge answers is what the watchdog is about. */
static void on_beat(void *arg)
{
	const struct generation *g = in_charge(arg);

	if (g)
		link_send(g->sock, LINK_PING, 0, NULL, NULL, 0);
}

/* The generation in charge is alive, and has carried out what it was told before it was asked. */
static void on_status(struct generation *g, const struct link_message *m)
{
	struct keeper *k = g->k;

	notify_send(k->notify, "%sWATCHDOG=1\nSTATUS=%s", k->reloading ? "READY=1\n" : "", m->text);
	k->reloading = false;
}

/* Ends with the next STATUS. */
static void begin_reload(struct keeper *k)
{
	k->reloading = true;
	notify_send(k->notify, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)loop_us());
}

/* ---- requests ---- */

/* Asks the generation that follows g (NULL: the one in charge); after the last one the answer is
 * complete. */
static void ask_next(struct keeper *k, struct caller *c, struct generation *g)
{
	char text[CONTROL_REQUEST + 16];

	snprintf(text, sizeof(text), "%u %s", c->uid, c->line);
	for (g = g ? TAILQ_NEXT(g, entry) : in_charge(k); g; g = TAILQ_NEXT(g, entry)) {
		c->asked = g->number;
		if (link_send(g->sock, LINK_ASK, c->id, text, NULL, 0) == 0)
			return;
	}
	if (c->verdict)
		evbuffer_add_printf(c->out, "%s\n", c->verdict);
	else
		control_refuse(c->out, "the server does not answer");
	callers_answer(c, c->out);
}

static void on_ask(void *arg, struct caller *c)
{
	ask_next(arg, c, NULL);
}

/* The rows of each generation, and the last line of the one in charge. */
static void on_answer(struct generation *g, struct link_message *m)
{
	struct caller *c = callers_find(g->k->callers, m->number);
	struct evbuffer *part = evbuffer_new();
	char *line, *last = NULL;

	if (c && c->asked == g->number && m->n_fds == 1 && link_read_file(m->fds[0], part) == 0) {
		m->fds[0] = -1;
		while ((line = evbuffer_readln(part, NULL, EVBUFFER_EOL_LF))) {
			if (last)
				evbuffer_add_printf(c->out, "%s\n", last);
			free(last);
			last = line;
		}
		if (!c->verdict)
			c->verdict = last;
		else
			free(last);
		ask_next(g->k, c, g);
	}
	evbuffer_free(part);
}

/* ---- generations ---- */

/* The control socket is the only one among its listeners that has a path.  One that is in use
 * already stays. */
static void take_control_socket(struct keeper *k, const struct generation *g)
{
	struct sockaddr_storage ss;
	struct listening l = {.fd = -1};

	for (size_t i = 0; i < g->n_fds; i++) {
		socklen_t len = sizeof(ss);

		if (getsockname(g->fds[i], (struct sockaddr *)&ss, &len) != 0 ||
		    ss.ss_family != AF_UNIX)
			continue;
		address_from_sockaddr(&l.at, (struct sockaddr *)&ss, len);
		l.fd = fcntl(g->fds[i], F_DUPFD_CLOEXEC, LINK_SOCKET);
	}
	if (l.fd >= 0 && address_equal(&l.at, callers_at(k->callers)))
		close(l.fd);
	else
		callers_listen(k->callers, l.fd >= 0 ? &l : NULL);
}

static void close_listeners(struct generation *g)
{
	while (g->n_fds > 0)
		close(g->fds[--g->n_fds]);
}

static void take_over(struct generation *g, uint32_t first)
{
	g->state = IN_CHARGE;
	take_control_socket(g->k, g);
	link_send(g->sock, LINK_TAKE_OVER, first, NULL, NULL, 0);
	notify_send(g->k->notify, "READY=1");
	on_beat(g->k);
}

static void on_ready(struct generation *g, struct link_message *m)
{
	if (g->state != CHECKING)
		return;
	memcpy(g->fds, m->fds, sizeof(g->fds));
	g->n_fds = m->n_fds;
	m->n_fds = 0;
	g->state = READY;
	if (g->k->stopping) /* the signal came when it was no longer to be killed by it */
		link_send(g->sock, LINK_SIGNAL, SIGTERM, NULL, NULL, 0);
	take_over(g, 1);
}

/* False when there is nothing more to read now. */
static bool read_message(struct generation *g)
{
	struct link_message m;
	const int rc = link_recv(g->sock, &m);

	if (rc <= 0) {
		if (rc == 0)
			event_del(g->event); /* its end is seen by SIGCHLD */
		return rc < 0 && errno == EPROTO;
	}
	if (m.type == LINK_READY)
		on_ready(g, &m);
	else if (m.type == LINK_ANSWER)
		on_answer(g, &m);
	else if (m.type == LINK_STATUS && g->state == IN_CHARGE)
		on_status(g, &m);
	link_close(&m);
	return true;
}

static void on_link(evutil_socket_t fd, short what, void *arg)
{
	read_message(arg);
}

static void free_generation(struct generation *g)
{
	TAILQ_REMOVE(&g->k->all, g, entry);
	event_free(g->event);
	close(g->sock);
	close_listeners(g);
	free(g);
}

/* Its process has exited, and what it said last is read. */
static void on_gone(struct generation *g, int status)
{
	struct keeper *k = g->k;

	while (read_message(g))
		;
	k->status = status;
	free_generation(g);
	event_base_loopbreak(k->base);
}

static void on_child(evutil_socket_t sig, short what, void *arg)
{
	struct keeper *k = arg;
	struct generation *g, *next;
	int status;

	for (g = TAILQ_FIRST(&k->all); g; g = next) {
		next = TAILQ_NEXT(g, entry);
		if (waitpid(g->pid, &status, WNOHANG) == g->pid)
			on_gone(g, status);
	}
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct keeper *k = arg;
	const bool stops = sig == SIGTERM || sig == SIGINT;
	struct generation *g;

	k->stopping |= stops;
	if (stops)
		notify_send(k->notify, "STOPPING=1");
	if (sig == SIGHUP)
		begin_reload(k);
	TAILQ_FOREACH(g, &k->all, entry) {
		if (stops)
			close_listeners(g); /* the next server's, from now on */
		if (g->state == CHECKING && stops)
			kill(g->pid, (int)sig);
		else
			link_send(g->sock, LINK_SIGNAL, (uint32_t)sig, NULL, NULL, 0);
	}
}

/* ---- life ---- */

/* Makes the link of a generation and forks it; the child returns with its end in *child.  NULL in
 * the child, and on failure with errno. */
static struct generation *fork_generation(struct keeper *k, unsigned number, int *child)
{
	struct generation *g = xcalloc(1, sizeof(*g));
	const pid_t keeper = getpid();
	int pair[2];

	g->k = k;
	g->number = number;
	*child = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		goto fail;
	link_send(pair[0], LINK_HELLO, number, NULL, NULL, 0);
	g->pid = fork();
	g->sock = pair[g->pid == 0 ? 1 : 0];
	close(pair[g->pid == 0 ? 0 : 1]);
	if (g->pid > 0)
		return g;
	if (g->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != keeper)
			_exit(EX_SOFTWARE);
		*child = g->sock;
	} else {
		close(g->sock);
	}
fail:
	free(g);
	return NULL;
}

static void watch(struct keeper *k, struct generation *g)
{
	TAILQ_INSERT_HEAD(&k->all, g, entry);
	g->event = loop_watch(k->base, g->sock, EV_READ | EV_PERSIST, on_link, g);
}

static int serve(struct keeper *k, struct generation *first, const sigset_t *mask)
{
	struct event *events[PASSED_ON + 1];
	size_t n = 0;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
	logs = k;
	log_redirect(write_line);
	k->base = loop_new();
	k->callers = callers_new(k->base, on_ask, k);
	k->notify = notify_new(k->base, on_beat, k);
	watch(k, first);
	for (; n < PASSED_ON; n++)
		events[n] = loop_watch(k->base, passed_on[n], EV_SIGNAL | EV_PERSIST, on_signal, k);
	events[n++] = loop_watch(k->base, SIGCHLD, EV_SIGNAL | EV_PERSIST, on_child, k);
	sigprocmask(SIG_SETMASK, mask, NULL);
	event_base_dispatch(k->base);
	while (n > 0)
		event_free(events[--n]);
	callers_free(k->callers);
	notify_free(k->notify);
	event_base_free(k->base);
	if (WIFEXITED(k->status))
		return WEXITSTATUS(k->status);
	signal(WTERMSIG(k->status), SIG_DFL);
	raise(WTERMSIG(k->status));
	return EX_SOFTWARE;
}

int keeper_run(char **argv, int *sock)
{
	static struct keeper k = {.all = TAILQ_HEAD_INITIALIZER(k.all)};
	struct generation *first;
	sigset_t caught, mask;

	/* None is lost that comes before the keeper can pass it on. */
	sigemptyset(&caught);
	sigaddset(&caught, SIGCHLD);
	for (size_t i = 0; i < PASSED_ON; i++)
		sigaddset(&caught, passed_on[i]);
	signal(SIGCHLD, SIG_DFL); /* a parent may have had it ignored: then none could be awaited */
	sigprocmask(SIG_BLOCK, &caught, &mask);
	first = fork_generation(&k, 1, sock);
	if (first)
		return serve(&k, first, &mask);
	if (*sock < 0) {
		log_msg(LOG_ERR, "no process for the server: %s", strerror(errno));
		return EX_OSERR;
	}
	sigprocmask(SIG_SETMASK, &mask, NULL);
	return -1;
}
