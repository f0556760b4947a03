// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_FINDINGS_H
#define SSHIPC_CLIENT_FINDINGS_H
/*
 * What a server's words mean to the doctor: texts in, results of steps out.  Talks to nobody.
 */
#include "endpoint.h"
#include "identity.h"
#include "report.h"
#include "settings.h"

/* The attempt broke off at a step. */
void findings_down(struct report *r, const struct settings *s, enum report_step step,
		   const char *why);

/* The key was refused: why holds the reason that a server of ours gives to the owner of a listed
 * key, if it gave one.  own: a tunnel of this user to that server (beside.h), or NULL: it may have
 * the one session that its key is allowed, which is no fault. */
void findings_denied(struct report *r, const struct identity *identity, const char *why,
		     const char *own);

/* .status answered (sshipc-server(8)): source, validity, and, unless the listeners'
 * destinations are to be opened (SETTINGS_CHECK_CONNECT), the endpoint.  0 with its kind, or -1. */
int findings_status(struct report *r, const struct settings *s, const char *status,
		    enum endpoint_kind *kind);

/* The endpoint is not there: what is known of that. */
void findings_absent(struct report *r, const char *endpoint, const char *what);

#endif
