// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_STATUS_H
#define SSHIPC_CLIENT_STATUS_H
/*
 * What an sshipc-server says of our own entry (.status), read once.  The texts are the server's:
 * printable ASCII, cut to fit, "" for what it does not say.
 */
#include <stdbool.h>

#include "endpoint.h"
#include "verdict.h"

enum status_answer { STATUS_UNKNOWN, STATUS_NO, STATUS_YES };

struct status {
	char endpoint[ENDPOINT_NAME], source[ADDRESS_TEXT], expires[64];
	enum endpoint_kind kind;
	bool knows_kind;
	enum status_answer present, accessible; /* its socket file */
	char dial[96];				/* how the last one ended, in words */
	bool connected, denied;			/* it did; by the socket's permissions */
	long dial_age, dial_timeout;		/* seconds; -1: it does not say */
	char refusal[256];			/* the last one */
	enum policy_verdict refused_for;	/* POLICY_GRANT: none is known */
};

/* False: that is not what an sshipc-server says. */
bool status_read(struct status *out, const char *json);

/* Who refused the last open that was refused: the server, by our key's line or a limit, or, false,
 * the endpoint.  The one judgement of a refused channel. */
bool status_refused_by_server(const struct status *s);

#endif
