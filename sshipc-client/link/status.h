// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_STATUS_H
#define SSHIPC_CLIENT_STATUS_H
/*
 * The answer of an sshipc-server about our own entry (.status), parsed.  The texts are the
 * server's: printable ASCII, cut to fit, "" if absent.
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
	char dial[96];				/* the result of the last dial, in words */
	bool connected, denied;			/* the last dial connected; failed by permissions */
	long dial_age, dial_timeout;		/* seconds; -1: absent */
	long channels, max_channels;		/* of this session; -1: absent */
	char refusal[256];			/* the last refusal */
	enum policy_verdict refused_for;	/* POLICY_GRANT: unknown */
};

/* Parses an answer.  False: json is not the answer of an sshipc-server. */
bool status_read(struct status *out, const char *json);

/* Whether the server refused the last refused open, by our key's line or a limit; false: the
 * endpoint did.  Only this function decides that. */
bool status_refused_by_server(const struct status *s);

#endif
