// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_FINDINGS_H
#define SSHIPC_CLIENT_FINDINGS_H
/*
 * What a server's answers mean to the doctor: results of steps.  Talks to nobody.
 */
#include "identity.h"
#include "link.h"
#include "report.h"
#include "status.h"

/* The attempt broke off at a step.  why may be the server's own words. */
void findings_down(struct report *r, const struct settings *s, enum report_step step,
		   const char *why);

/* The key was refused.  own: a tunnel of this user to that server (sockets.h), or NULL: it may have
 * the one session that its key is allowed, which is no fault. */
void findings_denied(struct report *r, const struct identity *identity,
		     const struct link_refusal *refusal, const char *own);

/* .status answered: source, validity, and, unless the listeners' destinations are to be opened
 * (SETTINGS_CHECK_CONNECT), the endpoint. */
void findings_status(struct report *r, const struct settings *s, const struct status *status);

/* The endpoint was dialled, and took no connection. */
void findings_dial_failed(struct report *r, const struct status *status);

#endif
