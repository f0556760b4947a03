// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_DIAL_H
#define SSHIPC_SERVER_DIAL_H
/*
 * Dials of the monitor.  The monitor connects by itself (connect.h) or, when it is root, has a
 * dialler process connect (dialler.h), one for each user; this is the monitor's side of one.
 */
#include "connect.h"
#include "endpoint.h"
#include "launch.h"

struct dialler;
struct dial;

struct dialler_setup {
	const struct endpoint *endpoints; /* must outlive the dialler */
	size_t n;
	int timeout;			/* seconds until a dial is given up */
	const struct launch_user *user; /* the dialler's user; demote: there is a dialler process */
	/* The dialler died (all dials were reported as failed); code and text as of spawner_ops.
	 * True: another one is to be started, which is done a few seconds later; until then dials
	 * fail with ECONNABORTED. */
	bool (*lost)(void *arg, const struct launch_user *user, int code, const char *text);
	void *arg;
};

/* NULL: the process could not be started, which is logged. */
struct dialler *dialler_new(struct event_base *base, const struct dialler_setup *setup);
void dialler_free(struct dialler *d);

/* Starts a dial to endpoint i, from source (unset: the kernel's choice; copied).  done is called
 * once, perhaps before this returns, in which case NULL is returned. */
struct dial *dialler_dial(struct dialler *d, size_t i, const struct address *source,
			  connect_done *done, void *arg);

/* Cancels the dial without calling done. */
void dial_cancel(struct dial *d);

#endif
