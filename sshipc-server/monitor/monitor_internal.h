// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_MONITOR_INTERNAL_H
#define SSHIPC_SERVER_MONITOR_INTERNAL_H
/*
 * Shared by monitor.c (children, the allow list, start and stop) and accept.c (listeners,
 * admission).
 */
#include "conn.h"
#include "proxywait.h"

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
	TAILQ_HEAD(, conn) queue;   /* connections that wait for the spawner, in order of accept */
	struct proxywait *arrivals; /* of balancers */
	struct event *stop_timer, *respawn_timer, *pause_timer, *turn_timer;
	uint32_t last_id;
	bool ready, announced, in_charge, ending; /* announced: ops.ready was called */
	bool leaves;				  /* with the last connection */
	int exit_code;
};

/* To be called before all others: computes the limits that RLIMIT_NOFILE allows. */
void accept_init(struct monitor *m);

/* Binds every listener; false after logging why. */
bool accept_listen(struct monitor *m);

/* on: accepts from now on, if a spawner is ready; else stops accepting. */
void accept_watch(struct monitor *m, bool on);

/* Closes the listeners: their ports are free. */
void accept_close(struct monitor *m);

/* Hands waiting connections to the spawner, within the limits in all and of one source; to be
 * called when the spawner has finished with one. */
void accept_hand_over(struct monitor *m);

/* Schedules the same from the loop, after another connection's turn may have come. */
void accept_turn(struct monitor *m);

/* The connection with that id, or NULL. */
struct conn *accept_find(struct monitor *m, uint32_t id);

/* The loop is left when no connection is left, from now on. */
void accept_retire(struct monitor *m);

/* The view's closed. */
void accept_on_closed(void *monitor, struct conn *c);

/* Frees all of the above; the connections must have been freed. */
void accept_free(struct monitor *m);

#endif
