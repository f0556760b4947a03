// SPDX-License-Identifier: BSD-2-Clause
#include "enforce.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "alloc.h"
#include "loop.h"

enum {
	SETTLE_MS = 100, /* after a change, for a writer that renames and then sets the mode */
	FAR_SECONDS = 365 * 86400, /* a clock that is set is noticed only while a timer runs */
};

struct enforce {
	const struct settings *s;
	struct enforce_ops ops;
	struct allowlist *list;
	char fault[512];
	char real[PATH_MAX]; /* where its path leads */
	char name[NAME_MAX + 1], real_name[NAME_MAX + 1];
	time_t armed; /* the clock's next moment */
	int inotify, clock;
	struct event *changed, *settled, *ticked;
};

static void rearm(struct enforce *e);

static void keep_fault(void *arg, const char *text)
{
	struct enforce *e = arg;

	log_msg(LOG_ERR, "%s", text);
	if (!e->fault[0])
		snprintf(e->fault, sizeof(e->fault), "%s", text);
}

/* Only a writer that is done counts: not every write, and not a truncation. */
static const uint32_t events_of_interest = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM |
					   IN_CREATE | IN_DELETE | IN_ATTRIB | IN_MOVE_SELF |
					   IN_ONLYDIR;

static int watch_folder(struct enforce *e, const char *path, char name[NAME_MAX + 1])
{
	char a[PATH_MAX], b[PATH_MAX];

	snprintf(a, sizeof(a), "%s", path);
	snprintf(b, sizeof(b), "%s", path);
	snprintf(name, NAME_MAX + 1, "%s", basename(b));
	return inotify_add_watch(e->inotify, dirname(a), events_of_interest) < 0 ? -1 : 0;
}

/* The folder of its name, and, where that is a link, of the file.  Adding a watch again is
 * harmless. */
static int watch_paths(struct enforce *e)
{
	if (!realpath(e->s->allowlist, e->real))
		snprintf(e->real, sizeof(e->real), "%s", e->s->allowlist);
	return watch_folder(e, e->s->allowlist, e->name) == 0 &&
		       watch_folder(e, e->real, e->real_name) == 0
		   ? 0
		   : -1;
}

int enforce_reload(struct enforce *e, char *summary, size_t size)
{
	struct allowlist *old = e->list, *list;

	e->fault[0] = '\0';
	if (e->changed)
		watch_paths(e);
	list = allowlist_load(e->s->allowlist, e->s->endpoints, e->s->n_endpoints,
			      e->s->default_endpoint, keep_fault, e);
	if (!list) {
		snprintf(summary, size, "not loaded, the old list of %zu keys stays in force: %s",
			 allowlist_count(old), e->fault);
		log_event(LOG_ERR, "reload-refused",
			  (const struct log_field[]){{"keys", NULL, allowlist_count(old)},
						     {"reason", e->fault, 0},
						     {NULL, NULL, 0}},
			  "%s: not loaded, the old list of %zu keys stays in force",
			  e->s->allowlist, allowlist_count(old));
		return -1;
	}
	e->list = list;
	e->ops.judge(e->ops.arg, list, "reload", summary, size);
	allowlist_free(old);
	if (allowlist_count(list) == 0)
		log_msg(LOG_WARNING, "%s is empty: every login is refused until it has a key",
			e->s->allowlist);
	rearm(e);
	return 0;
}

/* ---- the file ---- */

static void on_settled(evutil_socket_t fd, short what, void *arg)
{
	char summary[1024];

	enforce_reload(arg, summary, sizeof(summary));
}

static bool is_ours(const struct enforce *e, const struct inotify_event *ev)
{
	return ev->len > 0 &&
	       (strcmp(ev->name, e->name) == 0 || strcmp(ev->name, e->real_name) == 0);
}

/* The path leads to another file than it did: a link on the way was changed. */
static bool link_moved(const struct enforce *e)
{
	char real[PATH_MAX];

	return realpath(e->s->allowlist, real) && strcmp(real, e->real) != 0;
}

static void on_changed(evutil_socket_t fd, short what, void *arg)
{
	_Alignas(struct inotify_event) char buf[4096];
	struct enforce *e = arg;
	const struct inotify_event *ev;
	bool ours = false;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (const char *p = buf; p < buf + n; p += sizeof(*ev) + ev->len) {
			ev = (const struct inotify_event *)p;
			ours |= (ev->mask & (IN_Q_OVERFLOW | IN_IGNORED | IN_MOVE_SELF)) ||
				is_ours(e, ev);
			if (ev->mask & (IN_IGNORED | IN_MOVE_SELF))
				log_msg(LOG_WARNING,
					"the folder of %s is gone: it is not watched any more, use "
					"SIGHUP",
					e->s->allowlist);
		}
	/* From the first event, not the last: a busy folder must not put it off for ever. */
	if ((ours || link_moved(e)) && !event_pending(e->settled, EV_TIMEOUT, NULL))
		loop_after(e->settled, SETTLE_MS);
}

static int watch(struct enforce *e, struct event_base *base)
{
	e->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (e->inotify < 0 || watch_paths(e) != 0)
		return -1;
	e->changed = loop_watch(base, e->inotify, EV_READ | EV_PERSIST, on_changed, e);
	return 0;
}

/* ---- the clock ---- */

static time_t now_s(void)
{
	struct timespec t;

	/* Not time(2), which lags behind the timers by a tick. */
	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec;
}

static void judge_by_clock(struct enforce *e)
{
	char summary[1024];

	e->armed = 0;
	e->ops.judge(e->ops.arg, e->list, "clock", summary, sizeof(summary));
}

static void rearm(struct enforce *e)
{
	struct itimerspec at = {0};
	time_t now = now_s(), next;

	/* Setting it anew would swallow a moment that has come and was not yet heard of. */
	if (e->armed != 0 && now >= e->armed)
		judge_by_clock(e);
	for (int i = 0; i < 2; i++) {
		now = now_s();
		next = e->ops.next_change(e->ops.arg, now);
		if (next == 0 || next > now + FAR_SECONDS)
			next = now + FAR_SECONDS;
		at.it_value.tv_sec = e->armed = next;
		if (timerfd_settime(e->clock, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at,
				    NULL) == 0)
			return;
		if (errno != ECANCELED)
			break;
		judge_by_clock(e); /* the clock was set */
	}
	log_msg(LOG_ERR, "the clock cannot be watched: %s", strerror(errno));
}

/* Few logins have an earlier moment than all sessions before them, so few look at all sessions. */
void enforce_add(struct enforce *e, time_t next)
{
	const time_t now = now_s();

	if (now < e->armed && (next == 0 || next >= e->armed))
		return;
	if (next != 0 && now >= next)
		judge_by_clock(e); /* the login was granted a moment earlier */
	rearm(e);
}

static void on_ticked(evutil_socket_t fd, short what, void *arg)
{
	struct enforce *e = arg;
	uint64_t n;

	if (read(fd, &n, sizeof(n)) < 0 && errno != ECANCELED)
		return;
	judge_by_clock(e);
	rearm(e);
}

/* ---- life ---- */

struct enforce *enforce_new(struct event_base *base, const struct settings *s,
			    struct allowlist *list, const struct enforce_ops *ops)
{
	struct enforce *e = xcalloc(1, sizeof(*e));

	e->s = s;
	e->ops = *ops;
	e->list = list;
	e->inotify = -1;
	e->clock = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (e->clock < 0)
		abort(); /* there was no descriptor left at the start */
	e->settled = loop_timer(base, on_settled, e);
	e->ticked = loop_watch(base, e->clock, EV_READ | EV_PERSIST, on_ticked, e);
	if (s->watch && watch(e, base) != 0)
		log_msg(LOG_WARNING, "%s cannot be watched (%s): changes take SIGHUP", s->allowlist,
			strerror(errno));
	rearm(e);
	return e;
}

void enforce_free(struct enforce *e)
{
	if (!e)
		return;
	loop_drop(e->changed);
	event_free(e->settled);
	event_free(e->ticked);
	if (e->inotify >= 0)
		close(e->inotify);
	close(e->clock);
	allowlist_free(e->list);
	free(e);
}

const struct allowlist *enforce_list(const struct enforce *e)
{
	return e->list;
}

const char *enforce_fault(const struct enforce *e)
{
	return e->fault;
}
