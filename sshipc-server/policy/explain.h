// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_EXPLAIN_H
#define SSHIPC_SERVER_EXPLAIN_H
/*
 * Prints the policy's decisions without a running server: --explain, and the access table of -T.
 * Decides nothing itself: it asks policy.h.
 */
#include <stdbool.h>

#include "allowlist.h"
#include "policy.h"

struct explain {
	bool wanted;		       /* --explain was given */
	char *key;		       /* file with one public key line */
	char *host;		       /* of the request; NULL: "." */
	struct policy_request request; /* now 0: the time of asking; source unset: not given */
};

/* Setters of option rows (options.h), for a struct explain: --from (an IP address), --at
 * ("YYYY-MM-DD HH:MM[:SS][Z]") and --dest (HOST:PORT, NAME, "."  or /path).  NULL, or the
 * reason. */
const char *explain_set_from(void *explain, const char *value);
const char *explain_set_at(void *explain, const char *value);
const char *explain_set_dest(void *explain, const char *value);

/* NULL, or which options are missing or exclude each other. */
const char *explain_check(const struct explain *q);

void explain_free(struct explain *q); /* frees the members, not q itself */

/* Prints the line of the key in list (read from path), each condition with its value and whether it
 * holds, and the verdict.  Returns the exit code: 0 granted, 77 refused, 78 (and why on stderr) for
 * a key file that has not exactly one public key. */
int explain_answer(const struct explain *q, const char *path, const struct allowlist *list);

/* Prints which key may reach which endpoint, under which conditions: comment lines on stdout. */
void explain_access(const struct allowlist *list);

#endif
