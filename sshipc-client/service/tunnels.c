// SPDX-License-Identifier: BSD-2-Clause
#include "tunnels.h"

#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "client.h"
#include "identity.h"
#include "log.h"
#include "loop.h"
#include "notify.h"

struct tunnel {
	struct parent *parent;
	const char *name; /* into argv */
	pid_t pid;	  /* 0: it has ended */
	int ready;	  /* the end of its --ready-fd */
	bool is_ready;
	struct event *event;
};

struct parent {
	const struct settings *s;
	struct event_base *base;
	struct notify *notify;
	struct tunnel tunnels[SETTINGS_TUNNELS];
	size_t n;
	bool told; /* READY=1 */
	bool stopping;
	int exit_code;
};

/* ---- the process of a tunnel ---- */

/* Several that asked on one terminal would be a riddle, and one manager is told by one of us. */
static void leave_parent(pid_t parent)
{
	char pid[16];
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent || null < 0 || dup2(null, STDIN_FILENO) < 0)
		_exit(EX_OSERR);
	close(null);
	setsid();
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	if (getenv("LISTEN_PID"))
		setenv("LISTEN_PID", pid, 1);
}

static int become(int argc, char **argv, size_t i, struct settings *s, int ready)
{
	static char name[64];
	int code;

	settings_free(s);
	code = settings_read_tunnel(argc, argv, i, s);
	if (code >= 0)
		return code; /* the file has changed since */
	s->ready_fd = ready;
	snprintf(name, sizeof(name), SETTINGS_PROGRAM " @%s", s->tunnel);
	log_init(name, s->log, s->verbosity);
	return -1;
}

/* ---- ours ---- */

/* Those that have ended are not waited for. */
static void look_whether_ready(struct parent *p)
{
	size_t ready = 0, running = 0;

	for (size_t i = 0; i < p->n; i++) {
		running += p->tunnels[i].pid > 0;
		ready += p->tunnels[i].pid > 0 && p->tunnels[i].is_ready;
	}
	if (running == 0)
		event_base_loopbreak(p->base);
	notify_send(p->notify, "STATUS=%zu of %zu tunnels ready", ready, p->n);
	if (p->told || running == 0 || ready < running)
		return;
	p->told = true;
	notify_send(p->notify, "READY=1");
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct tunnel *t = arg;
	char line[1024];
	const ssize_t n = read(fd, line, sizeof(line));

	t->is_ready |= n > 0;
	if (n <= 0)
		event_del(t->event);
	look_whether_ready(t->parent);
}

static void bury(struct parent *p, struct tunnel *t, int status)
{
	/* One that had not come so far as to end in order. */
	const bool asked = p->stopping && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM;
	const int code = WIFEXITED(status) ? WEXITSTATUS(status) : asked ? EX_OK : EX_SOFTWARE;

	t->pid = 0;
	if (WIFSIGNALED(status) && !asked)
		log_msg(LOG_ERR, "tunnel %s died of a signal (%s)", t->name,
			strsignal(WTERMSIG(status)));
	else if (!p->stopping)
		log_msg(LOG_ERR, "tunnel %s has ended with %d", t->name, code);
	if (p->exit_code == EX_OK)
		p->exit_code = code;
	look_whether_ready(p);
}

static void on_child(evutil_socket_t sig, short what, void *arg)
{
	struct parent *p = arg;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (size_t i = 0; i < p->n; i++) {
			if (p->tunnels[i].pid == pid)
				bury(p, &p->tunnels[i], status);
		}
	}
}

static void stop_all(struct parent *p)
{
	if (p->stopping)
		return; /* once: who is about to end takes a second one for an order to die */
	p->stopping = true;
	for (size_t i = 0; i < p->n; i++) {
		if (p->tunnels[i].pid > 0)
			kill(p->tunnels[i].pid, SIGTERM);
	}
}

/* As in client.c, but for the listeners, which are the tunnels'. */
static bool would_start(const struct settings *s)
{
	static struct settings fresh;
	char err[KEYFILE_ERROR];
	bool would = true;

	for (size_t i = 0; would && i < s->n_tunnels; i++) {
		would = settings_read_tunnel(s->argc, s->argv, i, &fresh) < 0;
		if (would && identity_look(fresh.identity, fresh.agent_key, err) < 0) {
			log_msg(LOG_ERR, "%s", err);
			would = false;
		}
		settings_free(&fresh);
	}
	return would;
}

/* As in client.c: a whole new start. */
static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct parent *p = arg;

	if (sig == SIGHUP && p->notify) {
		notify_reloading(p->notify);
		if (!would_start(p->s)) {
			log_msg(LOG_ERR, "SIGHUP: no start is possible with the settings as they "
					 "are now; going on with the old ones");
			if (p->told)
				notify_send(p->notify, "READY=1");
			return;
		}
		log_msg(LOG_NOTICE, "SIGHUP: starting anew with the settings as they are now");
		p->exit_code = CLIENT_AGAIN;
	} else {
		if (p->exit_code == CLIENT_AGAIN) /* the last word counts */
			p->exit_code = EX_OK;
		log_msg(LOG_NOTICE, "%s: shutting down", strsignal((int)sig));
		notify_send(p->notify, "STOPPING=1");
	}
	stop_all(p);
}

static void wait_for_all(struct parent *p)
{
	static const int ends[] = {SIGTERM, SIGINT, SIGHUP};
	struct event *signals[4] = {NULL};

	p->base = loop_new();
	p->notify = notify_new(p->base);
	for (size_t i = 0; i < 3; i++) {
		if (client_takes(ends[i], p->notify))
			signals[i] =
			    loop_watch(p->base, ends[i], EV_SIGNAL | EV_PERSIST, on_signal, p);
	}
	signals[3] = loop_watch(p->base, SIGCHLD, EV_SIGNAL | EV_PERSIST, on_child, p);
	for (size_t i = 0; i < p->n; i++)
		p->tunnels[i].event = loop_watch(p->base, p->tunnels[i].ready, EV_READ | EV_PERSIST,
						 on_ready, &p->tunnels[i]);
	event_active(signals[3], EV_SIGNAL, 1); /* one may have ended before */
	event_base_dispatch(p->base);
	event_base_loop(p->base, EVLOOP_NONBLOCK); /* a signal that came with the last end */
	for (size_t i = 0; i < p->n; i++)
		event_free(p->tunnels[i].event);
	for (size_t i = 0; i < 4; i++)
		loop_drop(signals[i]);
	notify_free(p->notify);
	event_base_free(p->base);
}

static void close_all(struct parent *p)
{
	while (p->n)
		close(p->tunnels[--p->n].ready);
}

int tunnels_run(int argc, char **argv, struct settings *s)
{
	const pid_t self = getpid();
	struct parent p = {.s = s};
	int ends[2];

	while (p.n < s->n_tunnels) {
		struct tunnel *t = &p.tunnels[p.n];

		if (pipe2(ends, O_CLOEXEC) < 0)
			abort();
		*t = (struct tunnel){
		    .parent = &p, .name = s->tunnels[p.n], .ready = ends[0], .pid = fork()};
		p.n++;
		if (t->pid == 0) {
			leave_parent(self);
			close_all(&p);
			return become(argc, argv, (size_t)(t - p.tunnels), s, ends[1]);
		}
		close(ends[1]);
		if (t->pid < 0) {
			log_msg(LOG_ERR, "cannot start a process for tunnel %s: %m", t->name);
			p.exit_code = EX_OSERR;
			t->pid = 0;
		}
	}
	wait_for_all(&p);
	close_all(&p);
	return p.exit_code;
}
