// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in a generation, called by start.c and by libevent: what the keeper says reaches the monitor
 * here.  It carries nothing out itself, and may not block on a keeper that is stopped.
 */
#include "generation.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "caller.h"
#include "control.h"
#include "keeper.h"
#include "logfile.h"
#include "loop.h"
#include "places.h"

/* Within this time all changes of what keys have open are one message: many logins at a time are no
 * burden.  While no other generation has sessions, nobody waits for it. */
enum { SHARE_MS = 50, SHARE_ALONE_MS = 1000 };

/* Executed by the keeper, or forked by it (-1), or the keeper itself (the exit code). */
static int begin(struct generation *g, char **argv)
{
	const bool executed = getenv(LINK_ENV) != NULL;
	socklen_t len = sizeof(int);
	int type = 0;

	unsetenv(LINK_ENV);
	/* The variable alone may be in anybody's environment. */
	if (!executed || getsockopt(LINK_SOCKET, SOL_SOCKET, SO_TYPE, &type, &len) != 0 ||
	    type != SOCK_SEQPACKET)
		return keeper_run(argv, &g->sock);
	/* An executable with capabilities of its own has lost it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	g->sock = LINK_SOCKET;
	g->words = LINK_STDERR;
	fcntl(g->sock, F_SETFD, FD_CLOEXEC);
	fcntl(g->words, F_SETFD, FD_CLOEXEC);
	return -1;
}

int generation_begin(struct generation *g, char **argv)
{
	int code;

	g->words = -1;
	code = begin(g, argv);
	if (code >= 0)
		return code;
	g->control.fd = -1;
	prctl(PR_SET_NAME, "sshipc-monitor");
	if (link_recv(g->sock, &g->hello) != 1 || g->hello.type != LINK_HELLO) {
		log_msg(LOG_ERR,
			"descriptor %d is no link to a keeper that has sent its first message: "
			"is " LINK_ENV " in the environment, which only an upgrade sets?",
			g->sock);
		return EX_OSERR;
	}
	g->number = g->hello.number;
	return -1;
}

/* A line of a generation that is not in charge: the keeper has the pipe. */
static void write_words(int priority, const char *text)
{
	dprintf(STDERR_FILENO, "%s\n", text);
}

/* When its file was changed last, in nanoseconds; 0: there is none. */
static int64_t settings_time(const struct settings *s)
{
	struct stat st;

	return s->config && stat(s->config, &st) == 0
		   ? st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec
		   : 0;
}

int generation_log(struct generation *g, const struct settings *s, bool only_check)
{
	g->settings_time = settings_time(s);
	log_init("sshipc-server", s->log.sink, s->verbosity);
	if (g->words >= 0)
		log_redirect(write_words);
	g->settings = s;
	return logfile_start(&s->log, only_check);
}

/* The control socket that is there already is used on. */
static bool inherit_control(struct generation *g, const struct settings *s)
{
	struct listening l = {.fd = -1};

	for (size_t i = 0; i < g->hello.n_fds; i++) {
		const int fd = g->hello.fds[i];

		address_local(fd, &l.at);
		if (!address_path(&l.at) || strcmp(address_path(&l.at), s->control) != 0)
			continue;
		if (access(s->control, F_OK) != 0)
			return false; /* it is not there any more: a new one is made */
		g->hello.fds[i] = -1;
		g->control = (struct listening){.fd = fd, .at = l.at};
		return true;
	}
	return false;
}

bool generation_listen(struct generation *g, const struct settings *s)
{
	char err[CONTROL_ERROR];
	bool fatal;

	g->group = s->control_group ? (uint32_t)caller_group(s->control_group) + 1 : 0;
	if (!s->control || inherit_control(g, s))
		return true;
	if (control_listen(s->control, s->control_group, &g->control, err) == 0) {
		link_send(g->sock, LINK_CONTROL, 0, NULL, &g->control.fd, 1);
		return true;
	}
	g->control.fd = -1;
	/* Only a warning for the default path: nobody configured it, and another server may use
	 * it. */
	fatal = !s->control_by_default || s->control_group || errno == EPERM;
	log_msg(fatal ? LOG_ERR : LOG_WARNING, "no control socket: %s", err);
	return !fatal;
}

/* ---- what the monitor says ---- */

static void on_ready(void *arg, int *listeners, size_t n)
{
	/* From here on they come from the keeper alone: a terminal and a supervisor may send them
	 * to all processes. */
	static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};
	struct generation *g = arg;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		signal(ignored[i], SIG_IGN);
	if (g->control.fd >= 0)
		listeners[n++] = g->control.fd;
	if (link_send(g->sock, LINK_READY, g->group, NULL, listeners, n) != 0)
		log_msg(LOG_ERR, "keeper: %s", strerror(errno));
	if (g->control.fd >= 0)
		close(g->control.fd);
	g->control.fd = -1;
	link_close(&g->hello); /* what nobody has taken over: it is to be closed everywhere */
}

static void on_loaded(void *arg, int file)
{
	const struct generation *g = arg;

	/* Without a file for it the keeper ends the older ones. */
	if (link_send(g->sock, LINK_LIST, 0, NULL, &file, file >= 0) != 0)
		log_msg(LOG_ERR,
			"older generations do not get the allow list: their sessions are judged by "
			"the one that they have");
}

/* Says what keys have open.  False: again, a little later. */
static bool share(struct generation *g)
{
	struct evbuffer *out = evbuffer_new();
	int file;
	bool done;

	event_del(g->share);
	places_put(monitor_view(g->monitor), out);
	file = link_file(out);
	done = file >= 0 && link_send(g->sock, LINK_USES, 0, NULL, &file, 1) == 0;
	if (!done)
		loop_after(g->share, SHARE_MS);
	if (file >= 0)
		close(file);
	evbuffer_free(out);
	return done;
}

static void on_share(evutil_socket_t fd, short what, void *arg)
{
	share(arg);
}

static void on_used(void *arg)
{
	const struct generation *g = arg;
	const struct monitor_view *view = monitor_view(g->monitor);
	const bool alone = !view->retired && view->elsewhere.n == 0;

	if (!event_pending(g->share, EV_TIMEOUT, NULL))
		loop_after(g->share, alone ? SHARE_ALONE_MS : SHARE_MS);
}

static void on_tell(void *arg, unsigned generation, const char *text)
{
	struct generation *g = arg;

	if (!event_pending(g->share, EV_TIMEOUT, NULL) || share(g))
		link_send(g->sock, LINK_TELL, generation, text, NULL, 0);
}

bool generation_has_all(const struct generation *g)
{
	char text[ADDRESS_TEXT];
	struct address at;

	for (size_t i = 0; g->number == 1 && i < g->hello.n_fds; i++) {
		if (g->hello.fds[i] < 0)
			continue;
		address_local(g->hello.fds[i], &at);
		log_msg(
		    LOG_ERR,
		    "the service manager made a socket for us (LISTEN_FDS), %s, that listen does "
		    "not name, or that does not listen for TCP: name it there, or change "
		    "ListenStream= of the socket unit",
		    at.len > 0 ? address_format(&at, text, sizeof(text)) : "which is no socket");
		return false;
	}
	return true;
}

struct monitor_ops generation_ops(struct generation *g)
{
	return (struct monitor_ops){.generation = g->number,
				    .inherited = g->hello.fds,
				    .n_inherited = g->hello.n_fds,
				    .ready = on_ready,
				    .loaded = on_loaded,
				    .used = on_used,
				    .tell = on_tell,
				    .arg = g};
}

/* ---- what the keeper says ---- */

static void on_signal(struct generation *g, int sig)
{
	if (sig == SIGHUP) {
		monitor_reload(g->monitor);
		if (settings_time(g->settings) != g->settings_time)
			log_msg(LOG_NOTICE,
				"%s has changed since it was read, and only the allow list is "
				"loaded by a reload: \"sshipc-server ctl upgrade\" takes it",
				g->settings->config);
	} else if (sig == SIGUSR1) {
		logfile_reopen();
	} else if (sig == SIGTERM || sig == SIGINT) {
		log_msg(LOG_NOTICE, "%s: shutting down", strsignal(sig));
		monitor_stop(g->monitor);
	}
}

static void on_ask(struct generation *g, const struct link_message *m)
{
	struct evbuffer *out = evbuffer_new();
	char *line;
	int fd;

	/* The rows that a caller gets, and the last line. */
	const unsigned uid = (unsigned)strtoul(m->text, &line, 10);

	line += *line == ' ';
	monitor_answer(g->monitor, uid, line, out);
	fd = link_file(out);
	if (fd < 0 || link_send(g->sock, LINK_ANSWER, m->number, NULL, &fd, 1) != 0)
		log_msg(LOG_ERR, "no answer for the control socket: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	evbuffer_free(out);
}

static void on_ping(struct generation *g)
{
	char text[128];

	link_send(g->sock, LINK_STATUS, 0, monitor_describe(g->monitor, text, sizeof(text)), NULL,
		  0);
}

static void on_take_over(struct generation *g, uint32_t first)
{
	if (g->words >= 0) {
		dup2(g->words, STDERR_FILENO);
		close(g->words);
		g->words = -1;
		log_redirect(NULL);
		log_init("sshipc-server", g->settings->log.sink, g->settings->verbosity);
	}
	monitor_take_over(g->monitor, first);
	share(g); /* from now on the keeper has one descriptor for it */
}

static void on_pause(struct generation *g, uint32_t next)
{
	const uint32_t last = monitor_pause(g->monitor);
	char text[16];

	share(g); /* the next one has to know of each session that was granted here */
	snprintf(text, sizeof(text), "%u", (unsigned)next);
	link_send(g->sock, LINK_PAUSED, last, text, NULL, 0);
}

/* Nobody could revoke its sessions any more. */
static void on_list_lost(struct generation *g)
{
	log_msg(
	    LOG_ERR,
	    "generation %u does not get the allow list: it ends with its sessions, which nobody "
	    "could revoke",
	    g->number);
	monitor_stop(g->monitor);
	monitor_stop(g->monitor); /* not after drain */
}

static void on_link(evutil_socket_t fd, short what, void *arg)
{
	struct generation *g = arg;
	struct link_message m;
	const int rc = link_recv(g->sock, &m);

	if (rc == 0) /* the keeper is dead: the kernel is about to kill us */
		event_del(g->event);
	if (rc < 0 && errno == EPROTO)
		log_msg(
		    LOG_ERR,
		    "a message (%u) of the keeper cannot be read: are there too few descriptors "
		    "(LimitNOFILE=)?",
		    m.type);
	if (m.type == LINK_LIST && m.n_fds != 1)
		on_list_lost(g);
	if (rc <= 0)
		return;
	if (m.type == LINK_TAKE_OVER)
		on_take_over(g, m.number);
	else if (m.type == LINK_PAUSE)
		on_pause(g, m.number);
	else if (m.type == LINK_RETIRE)
		monitor_retire(g->monitor);
	else if (m.type == LINK_LIST && m.n_fds == 1)
		monitor_judge(g->monitor, m.fds[--m.n_fds]);
	else if (m.type == LINK_USES)
		places_elsewhere(monitor_view(g->monitor), m.number,
				 m.n_fds == 1 ? m.fds[--m.n_fds] : -1, m.text);
	else if (m.type == LINK_TELL)
		places_told(monitor_view(g->monitor), m.number, m.text);
	else if (m.type == LINK_SIGNAL)
		on_signal(g, (int)m.number);
	else if (m.type == LINK_ASK)
		on_ask(g, &m);
	else if (m.type == LINK_PING)
		on_ping(g);
	else if (m.type == LINK_LOG)
		log_msg((int)m.number, "%s", m.text);
	link_close(&m);
}

void generation_serve(struct generation *g, struct monitor *m)
{
	g->monitor = m;
	g->share = loop_timer(monitor_view(m)->base, on_share, g);
	g->event = loop_watch(monitor_view(m)->base, g->sock, EV_READ | EV_PERSIST, on_link, g);
}

void generation_end(struct generation *g)
{
	loop_drop(g->event);
	loop_drop(g->share);
	link_close(&g->hello);
	close(g->sock);
}
