// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by monitor.c at the start, upon SIGHUP and "ctl reload", and by the
 * watch and its own timers.  It may not put a list in force that has a fault, and ends no session
 * itself: revoke.c does, when it is called back.
 */
#include "reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "alloc.h"
#include "folders.h"
#include "loop.h"
#include "watch.h"

enum {
	SETTLE_MS = 100,    /* after a change, for a writer that renames and then sets the mode */
	LOOK_SECONDS = 2,   /* between two checks for changes that inotify does not report */
	QUIET_SECONDS = 10, /* after an unreported change, since the writer may not be done */
	HELD_SECONDS = 10,  /* before an unfinished writer is logged; then twice as long */
	FAR_SECONDS = 365 * 86400, /* a clock that is set is noticed only while a timer runs */
};

struct reload {
	const struct settings *s;
	struct reload_ops ops;
	struct allowlist *list;
	char fault[1024], summary[1024];
	struct watch *watch;	      /* NULL: no watch; SIGHUP or "ctl reload" loads changes */
	time_t held_since, held_said; /* since when a writer has it open; when to log that */
	time_t armed;		      /* the clock's next moment */
	int clock;
	struct event *settled, *look, *ticked;
};

/* ---- the clock ---- */

static void revoke_by_clock(struct reload *e)
{
	char summary[1024];

	e->armed = 0;
	e->ops.revoke(e->ops.arg, e->list, "clock", summary, sizeof(summary));
}

static void rearm(struct reload *e)
{
	struct itimerspec at = {0};
	time_t now = loop_wall(), next;

	/* Setting the timer anew would lose an expiry whose event is not handled yet. */
	if (e->armed != 0 && now >= e->armed)
		revoke_by_clock(e);
	for (int i = 0; i < 2; i++) {
		now = loop_wall();
		next = e->ops.next_change(e->ops.arg, now);
		if (next == 0 || next > now + FAR_SECONDS)
			next = now + FAR_SECONDS;
		at.it_value.tv_sec = e->armed = next;
		if (timerfd_settime(e->clock, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at,
				    NULL) == 0)
			return;
		if (errno != ECANCELED)
			break;
		revoke_by_clock(e); /* the clock was set */
	}
	log_msg(LOG_ERR, "the clock cannot be watched: %s", strerror(errno));
}

/* Sets the timer only if next is before that of all other sessions, so few logins search all
 * sessions. */
void reload_add(struct reload *e, time_t next)
{
	const time_t now = loop_wall();

	if (now < e->armed && (next == 0 || next >= e->armed))
		return;
	if (next != 0 && now >= next)
		revoke_by_clock(e); /* the login was granted a moment earlier */
	rearm(e);
}

static void on_ticked(evutil_socket_t fd, short what, void *arg)
{
	struct reload *e = arg;
	uint64_t n;

	if (read(fd, &n, sizeof(n)) < 0 && errno != ECANCELED)
		return;
	revoke_by_clock(e);
	rearm(e);
}

/* ---- the list ---- */

static void keep_fault(void *arg, const char *text)
{
	struct reload *e = arg;

	log_msg(LOG_ERR, "%s", text);
	if (!e->fault[0])
		snprintf(e->fault, sizeof(e->fault), "%s", text);
}

/* Which keys are granted nothing, and how that is changed. */
static void say_absent(const struct reload *e)
{
	for (size_t i = 0; allowlist_absent(e->list) > 0 && i < allowlist_count(e->list); i++) {
		const struct allow_entry *a = allowlist_get(e->list, i);

		if (!a->endpoint)
			log_msg(LOG_WARNING,
				"%s:%u: key %s is granted nothing: this server has no endpoint "
				"\"%s\"; once server.conf has it, \"sshipc-server ctl upgrade\" "
				"reads that",
				e->s->allowlist, a->key.line, a->key.name, a->key.endpoint);
	}
}

/* If the fault is an unfinished writer, notes since when; a repeated one keeps its first time. */
static void note_held(struct reload *e)
{
	const time_t now = loop_seconds();

	if (!allowlist_is_held(e->s->allowlist)) {
		e->held_since = 0;
	} else if (!e->held_since) {
		e->held_since = now;
		e->held_said = now + HELD_SECONDS;
	}
}

static void put_in_force(struct reload *e, struct allowlist *list)
{
	struct allowlist *old = e->list;

	e->list = list;
	e->ops.revoke(e->ops.arg, list, "reload", e->summary, sizeof(e->summary));
	allowlist_free(old);
	rearm(e);
}

void reload_retire(struct reload *e)
{
	watch_free(e->watch);
	e->watch = NULL;
	loop_drop(e->look);
	e->look = NULL;
	event_del(e->settled);
}

void reload_follow(struct reload *e, int file)
{
	struct allow_names names = settings_names(e->s);

	names.may_be_absent = true;
	put_in_force(e, allowlist_read(file, e->s->allowlist, &names, keep_fault, e));
}

int reload_now(struct reload *e, char *summary, size_t size)
{
	struct allowlist *list;
	struct allow_names names = settings_names(e->s);
	const size_t n = allowlist_count(e->list);
	const char *plural = n == 1 ? "" : "s";

	e->fault[0] = '\0';
	if (e->watch)
		watch_renew(e->watch);
	names.may_be_absent = true;
	list = allowlist_load(e->s->allowlist, &names, keep_fault, e);
	note_held(e);
	e->ops.loads[list != NULL]++;
	if (!list) {
		snprintf(summary, size, "not loaded, the old list of %zu key%s stays in force: %s",
			 n, plural, e->fault);
		log_event(LOG_ERR, "reload-refused",
			  LOG_FIELDS({"keys", NULL, n}, {"reason", e->fault, 0}),
			  "%s: not loaded, the old list of %zu key%s stays in force",
			  e->s->allowlist, n, plural);
		return -1;
	}
	put_in_force(e, list);
	snprintf(summary, size, "%s", e->summary);
	say_absent(e);
	if (allowlist_count(list) == 0)
		log_msg(LOG_WARNING, "%s is empty: every login is refused until it has a key",
			e->s->allowlist);
	return 0;
}

/* ---- the file ---- */

static void on_settled(evutil_socket_t fd, short what, void *arg)
{
	char summary[1024];

	reload_now(arg, summary, sizeof(summary));
}

/* The delay runs from the first change, not the last: a busy folder must not put the load off for
 * ever. */
static void on_changed(void *arg)
{
	struct reload *e = arg;

	if (!event_pending(e->settled, EV_TIMEOUT, NULL))
		loop_after(e->settled, SETTLE_MS);
}

static void say_held(struct reload *e)
{
	const time_t now = loop_seconds(), age = now - e->held_since;

	if (now < e->held_said)
		return;
	e->held_said = now + age;
	log_msg(
	    LOG_WARNING,
	    "%s: a process has had it open for writing for %lld s: the old list of %zu key%s stays "
	    "in force until it is closed; \"fuser -v %s\" shows who",
	    e->s->allowlist, (long long)age, allowlist_count(e->list),
	    allowlist_count(e->list) == 1 ? "" : "s", e->s->allowlist);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
	struct reload *e = arg;

	loop_after(e->look, LOOK_SECONDS * 1000);
	if (e->held_since && allowlist_is_held(e->s->allowlist))
		say_held(e);
	else if (e->held_since || watch_differs(e->watch, QUIET_SECONDS))
		on_changed(e);
}

static void start_watch(struct reload *e, struct event_base *base)
{
	const char *path = e->s->allowlist;

	e->watch = watch_new(base, path, on_changed, e);
	e->look = loop_timer(base, on_look, e);
	loop_after(e->look, LOOK_SECONDS * 1000);
	if (watch_renew(e->watch) != 0)
		log_msg(LOG_WARNING,
			"changes of %s are not reported by inotify (%s): the file is compared "
			"every %d s",
			path, strerror(errno), LOOK_SECONDS);
	if (folders_is_mount(path))
		log_msg(
		    LOG_WARNING,
		    "%s is mounted by itself: a file that replaces it where it comes from is not "
		    "seen here, only what is written into it; mount its folder in place of it",
		    path);
}

/* ---- life ---- */

struct reload *reload_new(struct event_base *base, const struct settings *s, struct allowlist *list,
			  const struct reload_ops *ops)
{
	struct reload *e = xcalloc(1, sizeof(*e));

	e->s = s;
	e->ops = *ops;
	e->list = list;
	e->clock = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (e->clock < 0)
		abort(); /* no descriptor was free at the start */
	e->settled = loop_timer(base, on_settled, e);
	e->ticked = loop_watch(base, e->clock, EV_READ | EV_PERSIST, on_ticked, e);
	if (s->watch)
		start_watch(e, base);
	rearm(e);
	return e;
}

void reload_free(struct reload *e)
{
	if (!e)
		return;
	watch_free(e->watch);
	loop_drop(e->look);
	event_free(e->settled);
	event_free(e->ticked);
	close(e->clock);
	allowlist_free(e->list);
	free(e);
}

const char *reload_fault(const struct reload *e)
{
	return e->fault;
}

const char *reload_summary(const struct reload *e)
{
	return e->summary;
}
