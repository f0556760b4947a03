// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_RELOAD_H
#define SSHIPC_SERVER_RELOAD_H
/*
 * The allow list in force: loaded anew on request and when its file changes, swapped whole or not
 * at all; and the clock.  Says when running sessions must be judged again; judges none itself.
 */
#include <event2/event.h>
#include <stdbool.h>
#include <time.h>

#include "allowlist.h"
#include "settings.h"

struct reload;

struct reload_ops {
	/* Judge every running session by list (the one in force; an older one is freed after this).
	 * event: "reload", "clock".  Writes a summary. */
	void (*judge)(void *arg, const struct allowlist *list, const char *event, char *summary,
		      size_t size);
	/* The earliest time at which the clock alone can change the verdict on a running session,
	 * or at which a warning of that is due; 0: never. */
	time_t (*next_change)(void *arg, time_t now);
	void *arg;
};

/* list: the first one, taken over.  s->watch: it is watched, and the way to it (watch.h). */
struct reload *reload_new(struct event_base *base, const struct settings *s, struct allowlist *list,
			  const struct reload_ops *ops);
void reload_free(struct reload *e);

const struct allowlist *reload_list(const struct reload *e);

/* Loads the file; 0, or -1 when it has faults and the old list stays.  summary (size bytes): who
 * was closed, or the first fault. */
int reload_now(struct reload *e, char *summary, size_t size);

/* The fault that keeps the file on disk from being in force; "" when there is none. */
const char *reload_fault(const struct reload *e);

/* A session was added; next: when the clock alone can change its verdict, 0: never. */
void reload_add(struct reload *e, time_t next);

#endif
