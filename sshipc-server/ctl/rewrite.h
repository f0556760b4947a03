// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_REWRITE_H
#define SSHIPC_SERVER_REWRITE_H
/*
 * Changes the allow list's file, with the rights of whoever calls: locked, into a new file beside
 * it, renamed over the old one.  Every byte but the lines removed or added is kept, and so are
 * owner and mode.  A death at any point leaves the old list or the new one.  The monitor never
 * calls this.
 */
#include "allowlist.h"
#include "settings.h"

#define REWRITE_LOCK_SECONDS 5 /* waited for another writer */

struct rewrite;

/* Locks and reads the list of s (links are resolved; its endpoints are needed).  NULL when it
 * cannot be had, is not settled or has faults: all of them are given to fault, "PATH[:LINE]: text".
 * *unwritable: it cannot be locked, which takes a file beside it. */
struct rewrite *rewrite_open(const struct settings *s, void (*fault)(void *arg, const char *text),
			     void *arg, bool *unwritable);

/* What was read: the keys and their lines. */
const struct allowlist *rewrite_list(const struct rewrite *r);
const char *rewrite_path(const struct rewrite *r); /* with links resolved */

/* Removes a line of what was read; of several the last first. */
void rewrite_remove(struct rewrite *r, unsigned line);

/* Adds a line (without newline) at the end; a last line that lacks its newline gets it. */
void rewrite_append(struct rewrite *r, const char *line);

/* The two steps of the change; the first writes the new file and refuses what the server would
 * refuse to load, the second puts it in the list's place unless that was changed by somebody who
 * does not lock.  0, or -1 after fault: the list is as it was. */
int rewrite_prepare(struct rewrite *r);
int rewrite_commit(struct rewrite *r);

void rewrite_close(struct rewrite *r); /* unlocks; what was prepared and not committed is gone */

#endif
