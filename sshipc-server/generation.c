// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in a generation, called by start.c and by libevent: what the keeper says reaches the monitor
 * here.  It carries nothing out itself, and may not block on a keeper that is stopped.
 */
#include "generation.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "alloc.h"
#include "control.h"
#include "keeper.h"
#include "logfile.h"
#include "loop.h"

int generation_begin(struct generation *g, char **argv)
{
	struct pollfd p = {.events = POLLIN};
	const int code = keeper_run(argv, &g->sock);

	if (code >= 0)
		return code;
	g->control.fd = -1;
	prctl(PR_SET_NAME, "sshipc-monitor");
	p.fd = g->sock;
	if (poll(&p, 1, -1) != 1 || link_recv(g->sock, &g->hello) != 1)
		return EX_OSERR;
	g->number = g->hello.number;
	return -1;
}

bool generation_listen(struct generation *g, const struct settings *s)
{
	char err[CONTROL_ERROR];
	bool fatal;

	if (!s->control || control_listen(s->control, s->control_group, &g->control, err) == 0)
		return true;
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
	if (link_send(g->sock, LINK_READY, 0, NULL, listeners, n) != 0)
		log_msg(LOG_ERR, "keeper: %s", strerror(errno));
	if (g->control.fd >= 0)
		close(g->control.fd);
	g->control.fd = -1;
}

struct monitor_ops generation_ops(struct generation *g)
{
	return (struct monitor_ops){.ready = on_ready, .arg = g};
}

/* ---- what the keeper says ---- */

static void on_signal(struct generation *g, int sig)
{
	if (sig == SIGHUP) {
		monitor_reload(g->monitor);
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

static void on_link(evutil_socket_t fd, short what, void *arg)
{
	struct generation *g = arg;
	struct link_message m;
	const int rc = link_recv(g->sock, &m);

	if (rc == 0) /* the keeper is dead: the kernel is about to kill us */
		event_del(g->event);
	if (rc <= 0)
		return;
	if (m.type == LINK_TAKE_OVER)
		monitor_take_over(g->monitor, m.number);
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
	g->event = loop_watch(monitor_base(m), g->sock, EV_READ | EV_PERSIST, on_link, g);
}

void generation_end(struct generation *g)
{
	loop_drop(g->event);
	link_close(&g->hello);
	close(g->sock);
}
