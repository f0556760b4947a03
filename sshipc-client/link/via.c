// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the process of the tunnel, for the link alone.  The command is not our code: it gets no
 * descriptor but 0, 1 and 2, and its output is untrusted like a peer's.
 */
#include "via.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "confine.h"
#include "loop.h"

enum {
	ENDING_MS = 100, /* to wait for a command's exit after the end of its output */
	FREE_MS = 500,	 /* from SIGTERM to SIGKILL, while the loop waits */
	TERM_MS = 2000,	 /* the same while the loop runs */
};

struct via {
	pid_t pid; /* 0: none, or reaped */
	int status, pidfd;
	struct event *over;
};

const char *via_check(const char *command)
{
	for (const char *p = command; (p = strchr(p, '%')); p += 2) {
		if (p[1] != 'h' && p[1] != 'p' && p[1] != '%')
			return "%h, %p and %% are all that may begin with a percent sign";
	}
	return NULL;
}

/* The refused characters are those of OpenSSH 9.6 (CVE-2023-51385). */
bool via_allows(const char *host)
{
	for (const char *p = host; *p; p++) {
		if (strchr("'`\"$\\;&<>|(){}", *p) || isspace((unsigned char)*p) ||
		    iscntrl((unsigned char)*p))
			return false;
	}
	return *host != '-';
}

/* As with ssh's ProxyCommand, "exec" replaces the shell by the command, so that signals reach
 * it. */
static char *expand(const struct settings *s)
{
	char *line = NULL;
	size_t size = 0;
	FILE *out = alloc_or_abort(open_memstream(&line, &size));

	fputs("exec ", out);
	for (const char *p = s->via; *p; p++) {
		if (*p != '%')
			fputc(*p, out);
		else if (*++p == 'h')
			fputs(s->host, out);
		else if (*p == 'p')
			fprintf(out, "%u", s->port);
		else
			fputc('%', out);
	}
	if (fclose(out) != 0)
		abort();
	return line;
}

/* In run mode the terminal's keys are for COMMAND: a ^C or ^Z that reached this process would stop
 * COMMAND's tunnel. */
static void __attribute__((noreturn))
become(const struct settings *s, char *line, int fd, pid_t parent)
{
	static const int ours[] = {SIGPIPE, SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP};
	char name[] = "sh", option[] = "-c";
	char *argv[] = {name, option, line, NULL};
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		signal(ours[i], s->command && i >= 3 ? SIG_IGN : SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (getppid() != parent || dup2(fd, STDIN_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0)
		_exit(126);
	confine_close_from(STDERR_FILENO + 1, 0);
	execv("/bin/sh", argv);
	_exit(127);
}

static void reap(struct via *v)
{
	while (waitpid(v->pid, &v->status, 0) < 0 && errno == EINTR)
		;
	v->pid = 0;
	event_del(v->over);
}

static void on_over(evutil_socket_t fd, short what, void *arg)
{
	struct via *v = arg;

	if (what & EV_READ)
		reap(v);
	else /* it did not exit in time after SIGTERM */
		kill(v->pid, SIGKILL);
}

struct via *via_start(struct event_base *base, const struct settings *s, int *fd)
{
	const pid_t parent = getpid();
	struct via *v = NULL;
	char *line;
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return NULL;
	line = expand(s);
	pid = fork();
	if (pid == 0)
		become(s, line, pair[1], parent);
	free(line);
	close(pair[1]);
	if (pid > 0) {
		v = xcalloc(1, sizeof(*v));
		v->pid = pid;
		v->pidfd = pidfd_open(pid, 0);
	}
	if (!v || v->pidfd < 0) {
		const int saved = errno;

		close(pair[0]);
		via_free(v);
		errno = saved;
		return NULL;
	}
	v->over = loop_watch(base, v->pidfd, EV_READ | EV_PERSIST, on_over, v);
	evutil_make_socket_nonblocking(pair[0]);
	*fd = pair[0];
	return v;
}

/* True once the command has ended and is reaped. */
static bool ends_within(struct via *v, int ms)
{
	struct pollfd p = {.fd = v->pidfd, .events = POLLIN};

	if (v->pid && poll(&p, 1, ms) > 0)
		reap(v);
	return !v->pid;
}

const char *via_ended(struct via *v, char buf[VIA_TEXT])
{
	if (!ends_within(v, ENDING_MS))
		return NULL;
	if (WIFSIGNALED(v->status))
		snprintf(buf, VIA_TEXT, "the --via command was ended by a signal (%s)",
			 strsignal(WTERMSIG(v->status)));
	else
		snprintf(buf, VIA_TEXT, "the --via command exited with %d", WEXITSTATUS(v->status));
	return buf;
}

void via_end(struct via *v)
{
	if (!v || !v->pid)
		return;
	kill(v->pid, SIGTERM);
	if (v->over)
		loop_after(v->over, TERM_MS);
}

void via_free(struct via *v)
{
	if (!v)
		return;
	via_end(v);
	if (v->pid && (v->pidfd < 0 || !ends_within(v, FREE_MS))) {
		kill(v->pid, SIGKILL);
		waitpid(v->pid, NULL, 0);
	}
	loop_drop(v->over);
	if (v->pidfd >= 0)
		close(v->pidfd);
	free(v);
}
