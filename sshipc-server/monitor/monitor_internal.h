// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_MONITOR_INTERNAL_H
#define SSHIPC_SERVER_MONITOR_INTERNAL_H
/*
 * What monitor.c (children, the list, life) and accept.c (listeners, who is taken) share.
 */
#include "conn.h"
#include "control.h"

enum { BUCKETS = 256 };

struct listener {
	struct listening l;
	struct event *event;
	struct monitor *m;
};

struct monitor {
	struct monitor_view view;
	const struct spawner_setup *setup;
	struct listener listeners[SETTINGS_LISTEN]; /* the view has how many, and where */
	struct spawner *spawner;
	LIST_HEAD(, conn) by_id[BUCKETS];
	TAILQ_HEAD(, conn) queue; /* for the spawner, the first first */
	struct control *control;
	struct event *stop_timer, *respawn_timer, *pause_timer, *turn_timer;
	uint32_t last_id;
	bool ready, announced, stopping;
	int exit_code;
};

/* Before all others: what descriptors allow. */
void accept_init(struct monitor *m);

/* Binds every listener; false after logging why. */
bool accept_listen(struct monitor *m);

/* Accepts from now on, where all is ready for it; or not. */
void accept_watch(struct monitor *m, bool on);

/* Gives waiting ones to the spawner, so many at once and of one source; to be called when it is
 * done with one. */
void accept_hand_over(struct monitor *m);

/* The same from the loop: it may be some other one's turn. */
void accept_turn(struct monitor *m);

/* NULL: gone, or never there. */
struct conn *accept_find(struct monitor *m, uint32_t id);

/* The view's closed. */
void accept_on_closed(void *monitor, struct conn *c);

/* Listeners; the connections are gone. */
void accept_free(struct monitor *m);

#endif
