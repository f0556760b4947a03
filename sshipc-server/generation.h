// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_GENERATION_H
#define SSHIPC_SERVER_GENERATION_H
/*
 * A generation, seen from itself: its link to the keeper (keeper.h), which hands it listeners,
 * tells it when to accept, passes signals on, and asks for the callers of the control socket.  It
 * calls the monitor, and the monitor calls it back through monitor_ops.
 */
#include <stdbool.h>

#include "link.h"
#include "monitor.h"

struct generation {
	int sock;
	unsigned number;
	const struct settings *settings;
	int64_t settings_time;	   /* of their file, in ns, when they were read; 0: none */
	int words;		   /* the server's stderr, until take-over; -1: it is fd 2 */
	struct link_message hello; /* its descriptors: listeners that are there already */
	struct listening control;  /* until READY */
	uint32_t group;		   /* of it, and 1; 0: none */
	struct event *event;
	struct event *share; /* pending: what keys have open is not said yet */
	struct monitor *monitor;
};

/* To be called before anything is loaded.  -1 in a generation; in the keeper, when all have ended,
 * the exit code. */
int generation_begin(struct generation *g, char **argv);

/* The log of the settings (logfile_start); until a later generation takes over, the keeper gets its
 * lines. */
int generation_log(struct generation *g, const struct settings *s, bool only_check);

/* Before the monitor, and so before Landlock: the control socket.  False after logging why. */
bool generation_listen(struct generation *g, const struct settings *s);

/* What the monitor needs of it. */
struct monitor_ops generation_ops(struct generation *g);

/* The monitor has taken over the listeners that its settings name.  False, after logging it, if the
 * service manager made one that they do not name: nobody would ever accept its connections. */
bool generation_has_all(const struct generation *g);

/* The monitor is there: serves the link from now on. */
void generation_serve(struct generation *g, struct monitor *m);

void generation_end(struct generation *g);

#endif
