// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by reload.c and by libevent for inotify's events.  It may not read
 * the file, nor decide what a change means: an event only says that the file must be checked.
 */
#include "watch.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "folders.h"
#include "loop.h"

enum { STEPS = 128 };

/* Only the close after writing is watched (IN_CLOSE_WRITE): not each write, and not a
 * truncation. */
static const uint32_t of_folders = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE |
				   IN_DELETE | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF |
				   IN_ONLYDIR;
/* The file itself is watched, too: in a container it is a mount, and is written under another name.
 */
static const uint32_t of_file = IN_CLOSE_WRITE | IN_ATTRIB;

struct step {
	int wd;
	char name[NAME_MAX + 1];
};

struct watch {
	struct event_base *base;
	const char *path;
	void (*changed)(void *arg);
	void *arg;
	int inotify;
	struct event *event;
	struct stat seen, last; /* at the last reading, the last check; zeros: missing */
	time_t since;		/* since when last has not changed */
	struct step steps[STEPS];
	size_t n;
};

static void look(const char *path, struct stat *st)
{
	if (stat(path, st) != 0)
		memset(st, 0, sizeof(*st));
}

static bool is_step(const struct watch *w, const struct inotify_event *ev)
{
	for (size_t i = 0; ev->len > 0 && i < w->n; i++)
		if (w->steps[i].wd == ev->wd && strcmp(w->steps[i].name, ev->name) == 0)
			return true;
	/* An event of the file, of a folder itself, or an overflow. */
	return ev->len == 0;
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	_Alignas(struct inotify_event) char buf[4096];
	const struct inotify_event *ev;
	struct watch *w = arg;
	bool ours = false;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (const char *p = buf; p < buf + n; p += sizeof(*ev) + ev->len) {
			ev = (const struct inotify_event *)p;
			ours |= is_step(w, ev);
		}
	if (ours)
		w->changed(w->arg);
}

/* inotify cannot watch a file that we may not read; watch_differs() finds its changes. */
static void add_step(void *arg, const struct folders_step *step)
{
	struct watch *w = arg;
	struct step *s = &w->steps[w->n];

	if (w->n == STEPS)
		return;
	s->wd = inotify_add_watch(w->inotify, step->at, of_folders);
	snprintf(s->name, sizeof(s->name), "%s", step->name);
	w->n += s->wd >= 0;
}

static void stop(struct watch *w)
{
	loop_drop(w->event);
	w->event = NULL;
	if (w->inotify >= 0)
		close(w->inotify);
	w->inotify = -1;
	w->n = 0;
}

int watch_renew(struct watch *w)
{
	stop(w);
	w->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->inotify >= 0) {
		w->event = loop_watch(w->base, w->inotify, EV_READ | EV_PERSIST, on_event, w);
		folders_walk(w->path, add_step, w);
		inotify_add_watch(w->inotify, w->path, of_file);
	}
	look(w->path, &w->seen);
	w->last = w->seen;
	return w->n > 0 ? 0 : -1;
}

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       is_same_time(&a->st_mtim, &b->st_mtim) && is_same_time(&a->st_ctim, &b->st_ctim);
}

bool watch_differs(struct watch *w, int seconds)
{
	struct stat st;

	look(w->path, &st);
	if (!is_same(&st, &w->last)) {
		w->last = st;
		w->since = loop_seconds();
	}
	return !is_same(&st, &w->seen) && loop_seconds() - w->since >= seconds;
}

struct watch *watch_new(struct event_base *base, const char *path, void (*changed)(void *arg),
			void *arg)
{
	struct watch *w = xcalloc(1, sizeof(*w));

	*w = (struct watch){
	    .base = base, .path = path, .changed = changed, .arg = arg, .inotify = -1};
	return w;
}

void watch_free(struct watch *w)
{
	if (!w)
		return;
	stop(w);
	free(w);
}
