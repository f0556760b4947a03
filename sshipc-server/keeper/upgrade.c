// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the keeper, called by keeper.c, and in a child of it until that executes the program: the
 * next generation is started, heard and put in charge.  The one in charge is told to pause only
 * when the next one is READY, and to retire only when that has taken over.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "confine.h"
#include "folders.h"
#include "json.h"
#include "keeper.h"
#include "keeper_internal.h"
#include "log.h"
#include "loop.h"
#include "notify.h"

enum {
	PAUSE_SECONDS = 5,    /* for the one in charge to say PAUSED */
	MOST_HEARD = 1 << 16, /* bytes that a new generation writes and that are passed on */
};

/* One that was there already has those of the generation before. */
static void set_rights(const char *path, uint32_t group)
{
	if (chown(path, (uid_t)-1, (gid_t)group - 1) != 0 || chmod(path, group ? 0660 : 0600) != 0)
		log_msg(LOG_ERR, "control socket: %s: group and mode cannot be set: %s", path,
			strerror(errno));
}

/* The control socket is the only one among its listeners that has a path. */
static void take_control_socket(struct keeper *k, const struct generation *g)
{
	struct listening l = {.fd = -1};
	struct address at;

	for (size_t i = 0; i < g->n_fds; i++) {
		address_local(g->fds[i], &at);
		if (!address_is_unix(&at))
			continue;
		l.at = at;
		l.fd = fcntl(g->fds[i], F_DUPFD_CLOEXEC, LINK_SOCKET);
	}
	if (l.fd >= 0)
		set_rights(address_path(&l.at), g->group);
	callers_listen(k->callers, l.fd >= 0 ? &l : NULL);
}

void upgrade_made(struct generation *g, struct link_message *m)
{
	struct stat st;

	if (m->n_fds != 1 || g->made.fd >= 0)
		return;
	g->made.fd = m->fds[--m->n_fds];
	address_local(g->made.fd, &g->made.at);
	if (address_path(&g->made.at) && lstat(address_path(&g->made.at), &st) == 0) {
		g->made.dev = st.st_dev;
		g->made.ino = st.st_ino;
	}
}

void upgrade_end(struct keeper *k, const char *why)
{
	const struct generation *now = keeper_in_charge(k);
	struct caller *c = callers_find(k->callers, k->asker);
	char text[512];

	if (why)
		snprintf(text, sizeof(text), "upgrade: generation %u %s; generation %u stays",
			 k->next->number, why, now ? now->number : 0);
	else
		snprintf(text, sizeof(text),
			 "upgrade: generation %u has taken over; older sessions go on",
			 k->next->number);
	log_msg(why ? LOG_ERR : LOG_NOTICE, "%s", text);
	if (c && why)
		control_refuse(c->out, text);
	else if (c)
		evbuffer_add_printf(c->out, "{\"ok\":true,\"generation\":%u}\n", k->next->number);
	if (c)
		callers_answer(c, c->out);
	event_del(k->patience);
	k->next = NULL;
	k->asker = 0;
}

/* NULL: none. */
static struct generation *paused(const struct keeper *k)
{
	struct generation *g;

	TAILQ_FOREACH(g, &k->all, entry)
		if (g->state == PAUSED)
			return g;
	return NULL;
}

static void take_over(struct generation *g, uint32_t first)
{
	struct generation *old;

	g->state = IN_CHARGE;
	g->first = first;
	old = paused(g->k);
	if (old) {
		old->state = RETIRING;
		link_send(old->sock, LINK_RETIRE, 0, NULL, NULL, 0);
		keeper_close_listeners(old);
	}
	g->made.ino = 0; /* the path stays */
	listening_close(&g->made);
	take_control_socket(g->k, g);
	share_all(g);
	link_send(g->sock, LINK_TAKE_OVER, first, NULL, NULL, 0);
	notify_send(g->k->notify, "READY=1");
	keeper_beat(g->k);
	if (g == g->k->next)
		upgrade_end(g->k, NULL);
}

void upgrade_ready(struct generation *g, struct link_message *m)
{
	struct generation *old = keeper_in_charge(g->k);

	if (g->state != CHECKING)
		return;
	memcpy(g->fds, m->fds, sizeof(g->fds));
	g->n_fds = m->n_fds;
	m->n_fds = 0;
	g->group = m->number;
	g->state = READY;
	if (g->k->stopping) { /* the signal came when it was no longer to be killed by it */
		link_send(g->sock, LINK_SIGNAL, SIGTERM, NULL, NULL, 0);
	} else if (!old) {
		take_over(g, 1);
	} else {
		old->state = PAUSED;
		link_send(old->sock, LINK_PAUSE, g->number, NULL, NULL, 0);
		loop_after(g->k->patience, PAUSE_SECONDS * 1000);
	}
}

/* What follows after the last connection of the one that was in charge, which may be stopped, or
 * dead: then it has not said that number, and cannot have reached this one. */
void upgrade_replace(struct keeper *k, const struct generation *old, uint32_t last)
{
	/* Older ones have their sessions to end with, and say nothing of this. */
	if (k->next && k->next->state == READY && old->state == PAUSED)
		take_over(k->next, (last ? last : old->first + (1u << 24)) + 1);
}

void upgrade_paused(const struct generation *g, const struct link_message *m)
{
	/* One that was stopped may say it late, of an upgrade that has failed. */
	if (g->k->next && strtoul(m->text, NULL, 10) == g->k->next->number)
		upgrade_replace(g->k, g, m->number);
}

void upgrade_failed(struct generation *g, const char *how)
{
	struct generation *old = paused(g->k);

	if (old && !g->k->stopping) {
		old->state = IN_CHARGE;
		link_send(old->sock, LINK_TAKE_OVER, 0, NULL, NULL, 0);
	}
	upgrade_end(g->k, how);
}

void upgrade_on_patience(evutil_socket_t fd, short what, void *arg)
{
	struct keeper *k = arg;
	const struct generation *old = paused(k);

	if (k->next->state == CHECKING)
		kill(k->next->pid, SIGKILL);
	else if (old)
		upgrade_replace(k, old, 0);
}

void upgrade_heard(evutil_socket_t fd, short what, void *arg)
{
	struct generation *g = arg;
	char *line, row[8192];
	int n;

	/* One that floods it goes unheard from there on. */
	while ((n = evbuffer_read(g->unfinished, fd, -1)) > 0 && g->n_heard <= MOST_HEARD)
		g->n_heard += (size_t)n;
	if (g->n_heard > MOST_HEARD)
		evbuffer_drain(g->unfinished, evbuffer_get_length(g->unfinished));
	if (n == 0)
		event_del(g->heard);
	if (n == 0 && evbuffer_get_length(g->unfinished) > 0)
		evbuffer_add(g->unfinished, "\n", 1);
	while ((line = evbuffer_readln(g->unfinished, NULL, EVBUFFER_EOL_LF))) {
		struct caller *c =
		    g->k->next == g ? callers_find(g->k->callers, g->k->asker) : NULL;
		struct json_out o = {row, sizeof(row), 0};

		log_msg(LOG_WARNING, "generation %u: %s", g->number, line);
		json_put(&o, NULL, "{");
		json_text(&o, "text", line);
		json_close(&o, '}');
		if (c)
			evbuffer_add_printf(c->out, "%s\n", row);
		free(line);
	}
}

/* In a child: becomes the program as it is on the disk now. */
static void execute(const struct keeper *k, int sock, int words)
{
	static const int caught[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD, SIGPIPE};
	char why[FOLDERS_ERROR];
	struct stat st;

	for (size_t i = 0; i < sizeof(caught) / sizeof(*caught); i++)
		signal(caught[i], SIG_DFL);
	sock = fcntl(sock, F_DUPFD, LINK_STDERR + 1);
	words = fcntl(words, F_DUPFD, LINK_STDERR + 1);
	if (dup2(STDERR_FILENO, LINK_STDERR) < 0 || dup2(sock, LINK_SOCKET) < 0 ||
	    dup2(words, STDERR_FILENO) < 0 || setenv(LINK_ENV, "1", 1) != 0)
		_exit(EX_OSERR);
	confine_close_from(LINK_STDERR + 1, 0);
	sigprocmask(SIG_SETMASK, &k->mask, NULL);
	/* As strict as with sshipc-session: a link to the program may lie where others can write.
	 */
	if (folders_open(k->path, geteuid() == 0 ? FOLDERS_STRICT : FOLDERS_SHARED, &st, why) < 0) {
		dprintf(STDERR_FILENO, "%s: is not executed: %s\n", k->path, why);
		_exit(EX_NOPERM);
	}
	execv(k->path, k->argv);
	dprintf(STDERR_FILENO, "%s: cannot be executed: %s\n", k->path, strerror(errno));
	_exit(EX_OSERR);
}

const char *upgrade_start(struct keeper *k, struct caller *c)
{
	int pipes[2], child;
	struct generation *g;
	sigset_t all;

	if (k->stopping || k->ended)
		return "the server is shutting down";
	if (k->next)
		return "an upgrade is under way";
	if (!keeper_in_charge(k))
		return "the server is starting";
	if (pipe2(pipes, O_CLOEXEC) != 0)
		return strerror(errno);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	g = keeper_fork(k, &child);
	if (child >= 0)
		execute(k, child, pipes[1]);
	sigprocmask(SIG_SETMASK, &k->mask, NULL);
	close(pipes[1]);
	if (!g) {
		close(pipes[0]);
		return strerror(errno);
	}
	log_msg(LOG_NOTICE, "upgrade: generation %u is checked (%s)", g->number, k->path);
	fcntl(pipes[0], F_SETFL, O_NONBLOCK);
	g->words = pipes[0];
	g->unfinished = evbuffer_new();
	g->heard = loop_watch(k->base, g->words, EV_READ | EV_PERSIST, upgrade_heard, g);
	keeper_watch(k, g);
	k->next = g;
	k->asker = c ? c->id : 0;
	loop_after(k->patience, KEEPER_PATIENCE * 1000);
	if (c) {
		c->asked = g->number;
		callers_wait(c, KEEPER_PATIENCE + 2 * PAUSE_SECONDS);
	}
	return NULL;
}
