// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the keeper, called by start.c, and in a child of it until that is a generation.  It may
 * not wait for any of them: what it says to one that is stopped is lost, and the others go on.
 */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "alloc.h"
#include "keeper_internal.h"
#include "log.h"
#include "loop.h"
#include "notify.h"

static const int passed_on[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
enum {
	SILENCE_SECONDS = 8, /* at the end; a monitor waits MONITOR_STOP for its last processes */
	PASSED_ON = sizeof(passed_on) / sizeof(*passed_on),
};

struct generation *keeper_in_charge(struct keeper *k)
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
	const struct generation *g = keeper_in_charge(logs);

	if (!g || link_send(g->sock, LINK_LOG, (uint32_t)priority, text, NULL, 0) != 0)
		fprintf(stderr, "sshipc-server: %s\n", text);
}

/* ---- the service manager ---- */

void keeper_beat(void *arg)
{
	const struct generation *g = keeper_in_charge(arg);

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

static void on_ask(void *arg, struct caller *c)
{
	const char *why;

	if (strcmp(c->line, "upgrade") != 0) {
		requests_ask(arg, c, NULL);
		return;
	}
	why = upgrade_start(arg, c);
	if (!why)
		return;
	control_refuse(c->out, why);
	callers_answer(c, c->out);
}

/* ---- generations ---- */

void keeper_close_listeners(struct generation *g)
{
	while (g->n_fds > 0)
		close(g->fds[--g->n_fds]);
}

/* From the generation in charge to those before it. */
static void on_list(struct keeper *k, const struct link_message *m)
{
	struct generation *g;

	TAILQ_FOREACH(g, &k->all, entry) {
		struct evbuffer *bytes = evbuffer_new();
		int fd = -1;

		if (m->n_fds == 1 && link_read_file(fcntl(m->fds[0], F_DUPFD_CLOEXEC, 0),
						    LINK_LIST_BYTES, bytes) == 0)
			fd = link_file(bytes);
		/* EPIPE: it is ending. */
		if (g->state == RETIRING &&
		    (fd < 0 || link_send(g->sock, LINK_LIST, 0, NULL, &fd, 1) != 0) &&
		    errno != EPIPE) {
			log_msg(LOG_ERR,
				"generation %u does not get the allow list (%s): it is killed with "
				"its sessions, which nobody could revoke",
				g->number, strerror(errno));
			kill(g->pid, SIGKILL);
		}
		if (fd >= 0)
			close(fd);
		evbuffer_free(bytes);
	}
}

/* False when there is nothing more to read now. */
static bool read_message(struct generation *g)
{
	struct link_message m;
	const int rc = link_recv(g->sock, &m);

	if (rc <= 0) {
		if (rc == 0)
			event_del(g->event); /* its end is seen by SIGCHLD */
		if (rc == 0 || errno != EPROTO)
			return false;
		log_msg(LOG_ERR,
			"a message (%u) of generation %u cannot be read: is its number of "
			"descriptors too low (LimitNOFILE=)?",
			m.type, g->number);
		if (m.type == LINK_LIST && g->state == IN_CHARGE)
			on_list(g->k, &m); /* without it the older ones end */
		return true;
	}
	g->silent = false;
	if (m.type == LINK_READY)
		upgrade_ready(g, &m);
	else if (m.type == LINK_ANSWER)
		requests_answered(g, &m);
	else if (m.type == LINK_STATUS && g->state == IN_CHARGE)
		on_status(g, &m);
	else if (m.type == LINK_USES)
		share_uses(g, &m);
	else if (m.type == LINK_TELL)
		share_tell(g, &m);
	else if (m.type == LINK_CONTROL)
		upgrade_made(g, &m);
	else if (m.type == LINK_PAUSED)
		upgrade_paused(g, &m);
	else if (m.type == LINK_LIST && g->state == IN_CHARGE)
		on_list(g->k, &m);
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
	keeper_close_listeners(g);
	listening_close(&g->made);
	loop_drop(g->heard);
	if (g->words >= 0)
		close(g->words);
	if (g->uses >= 0)
		close(g->uses);
	if (g->unfinished)
		evbuffer_free(g->unfinished);
	free(g);
}

static void describe(int status, char *text, size_t size)
{
	if (WIFEXITED(status))
		snprintf(text, size, "has ended (exit code %d)", WEXITSTATUS(status));
	else
		snprintf(text, size, "was killed (%s)", strsignal(WTERMSIG(status)));
}

/* Its process has exited. */
static void on_gone(struct generation *g, int status)
{
	struct keeper *k = g->k;
	char how[128];

	while (read_message(g)) /* what it said last */
		;
	if (g->words >= 0)
		upgrade_heard(g->words, EV_READ, g);
	describe(status, how, sizeof(how));
	if (g == k->next)
		upgrade_failed(g, how);
	if (g->state >= PAUSED) {
		log_msg(status ? LOG_ERR : LOG_NOTICE, "generation %u %s", g->number, how);
		callers_each(k->callers, g->number, requests_lost, g);
		upgrade_replace(k, g, 0);
	} else if (g->state == IN_CHARGE || !keeper_in_charge(k)) {
		k->ended = true;
	}
	if (k->ended && !k->status)
		k->status = status;
	free_generation(g);
	share_gone(k);
	/* What is left of the others dies with the keeper. */
	if (k->stopping ? TAILQ_EMPTY(&k->all) : k->ended)
		event_base_loopbreak(k->base);
}

static void on_child(evutil_socket_t sig, short what, void *arg)
{
	struct keeper *k = arg;
	struct generation *g;
	int status;
	pid_t pid;

	/* Process 1 of a container has others' children, too. */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		TAILQ_FOREACH(g, &k->all, entry)
			if (g->pid == pid)
				break;
		if (g)
			on_gone(g, status);
	}
}

/* While all are to end: those that have said nothing since the last time are stopped, or hang, and
 * would be waited for without end. */
static void on_silence(evutil_socket_t fd, short what, void *arg)
{
	struct keeper *k = arg;
	struct generation *g;

	TAILQ_FOREACH(g, &k->all, entry) {
		if (g->silent) {
			log_msg(
			    LOG_ERR,
			    "generation %u does not end, and has not answered for %d s (stopped?): "
			    "it is killed with its sessions",
			    g->number, SILENCE_SECONDS);
			kill(g->pid, SIGKILL);
			k->hung = true;
		}
		g->silent = true;
		link_send(g->sock, LINK_PING, 0, NULL, NULL, 0);
	}
	loop_after(k->silence, SILENCE_SECONDS * 1000);
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct keeper *k = arg;
	const bool stops = sig == SIGTERM || sig == SIGINT;
	const bool first = stops && !k->stopping;
	struct generation *g;

	k->stopping |= stops;
	if (stops)
		notify_send(k->notify, "STOPPING=1");
	if (sig == SIGHUP)
		begin_reload(k);
	TAILQ_FOREACH(g, &k->all, entry) {
		if (sig == SIGHUP && g->state == RETIRING)
			continue; /* it follows the list of the one in charge */
		if (stops)
			keeper_close_listeners(g); /* the next server's, from now on */
		if (g->state == CHECKING && stops)
			kill(g->pid, (int)sig);
		else
			link_send(g->sock, LINK_SIGNAL, (uint32_t)sig, NULL, NULL, 0);
	}
	if (first)
		on_silence(-1, 0, k);
}

/* ---- life ---- */

/* The listening sockets that the service manager made for us: sd_listen_fds(3). */
static size_t handed_over(int fds[LINK_FDS])
{
	const size_t n = (size_t)notify_sockets();

	unsetenv("LISTEN_PID"); /* not for those that are executed as a generation */
	for (size_t i = 0; i < n && i < LINK_FDS; i++)
		fds[i] = NOTIFY_FIRST_SOCKET + (int)i;
	return n < LINK_FDS ? n : LINK_FDS;
}

struct generation *keeper_fork(struct keeper *k, int *child)
{
	const struct generation *old = keeper_in_charge(k);
	struct generation *g = xcalloc(1, sizeof(*g));
	const pid_t keeper = getpid();
	int pair[2], fds[LINK_FDS];
	size_t n;

	g->k = k;
	g->number = ++k->last_number;
	g->words = g->uses = g->made.fd = -1;
	*child = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		goto fail;
	n = old ? 0 : handed_over(fds);
	if (link_send(pair[0], LINK_HELLO, g->number, NULL, old ? old->fds : fds,
		      old ? old->n_fds : n) != 0)
		goto fail;
	while (n > 0) /* the generation gets them with HELLO */
		close(fds[--n]);
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

void keeper_watch(struct keeper *k, struct generation *g)
{
	TAILQ_INSERT_HEAD(&k->all, g, entry);
	g->event = loop_watch(k->base, g->sock, EV_READ | EV_PERSIST, on_link, g);
}

static void on_upgrade(evutil_socket_t sig, short what, void *arg)
{
	const char *why = upgrade_start(arg, NULL);

	if (why)
		log_msg(LOG_WARNING, "upgrade: %s", why);
}

static int serve(struct keeper *k, struct generation *first)
{
	struct event *events[PASSED_ON + 2];
	size_t n = 0;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
	logs = k;
	log_redirect(write_line);
	k->base = loop_new();
	k->callers = callers_new(k->base, on_ask, requests_late, k);
	k->notify = notify_new(k->base, keeper_beat, k);
	k->patience = loop_timer(k->base, upgrade_on_patience, k);
	k->silence = loop_timer(k->base, on_silence, k);
	k->again = loop_timer(k->base, share_again, k);
	keeper_watch(k, first);
	for (; n < PASSED_ON; n++)
		events[n] = loop_watch(k->base, passed_on[n], EV_SIGNAL | EV_PERSIST, on_signal, k);
	events[n++] = loop_watch(k->base, SIGCHLD, EV_SIGNAL | EV_PERSIST, on_child, k);
	events[n++] = loop_watch(k->base, SIGUSR2, EV_SIGNAL | EV_PERSIST, on_upgrade, k);
	sigprocmask(SIG_SETMASK, &k->mask, NULL);
	event_base_dispatch(k->base);
	event_free(k->patience);
	event_free(k->silence);
	event_free(k->again);
	while (n > 0)
		event_free(events[--n]);
	callers_free(k->callers);
	notify_free(k->notify);
	event_base_free(k->base);
	if (k->hung)
		return EX_SOFTWARE;
	if (WIFEXITED(k->status))
		return WEXITSTATUS(k->status);
	signal(WTERMSIG(k->status), SIG_DFL);
	raise(WTERMSIG(k->status));
	return 128 + WTERMSIG(k->status); /* process 1 is not killed by its own signal */
}

int keeper_run(char **argv, int *sock)
{
	static struct keeper k = {.all = TAILQ_HEAD_INITIALIZER(k.all)};
	struct generation *first;
	sigset_t caught;

	/* None is lost that comes before the keeper can pass it on. */
	sigemptyset(&caught);
	sigaddset(&caught, SIGCHLD);
	sigaddset(&caught, SIGUSR2);
	for (size_t i = 0; i < PASSED_ON; i++)
		sigaddset(&caught, passed_on[i]);
	signal(SIGCHLD, SIG_DFL); /* a parent may have had it ignored: then none could be awaited */
	sigprocmask(SIG_BLOCK, &caught, &k.mask);
	k.argv = argv;
	/* Not the file that runs: a link may lead to another one by then. */
	k.path = (const char *)getauxval(AT_EXECFN);
	first = keeper_fork(&k, sock);
	if (first)
		return serve(&k, first);
	if (*sock < 0) {
		log_msg(LOG_ERR, "no process for the server: %s", strerror(errno));
		return EX_OSERR;
	}
	sigprocmask(SIG_SETMASK, &k.mask, NULL);
	return -1;
}
