// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_STATES_H
#define SSHIPC_CLIENT_STATES_H
/*
 * Tracks and logs three states: transport, authorised, endpoint.  Their sources are the link's
 * events and, at an sshipc-server, .status, which is read after each login and when an open was
 * refused.
 *
 * An answer of .status must be a JSON object with endpoint, key and source: else a tunnel goes on
 * with a warning, run mode ends with 69, and the doctor's step 9 fails.  "ready:" and READY=1
 * follow the first login.
 */
#include "json.h"
#include "link.h"
#include "status.h"

struct states;

#define STATES_TEXT 720

struct states_ops {
	/* "transport up, authorised yes, endpoint confd: answers", of several servers "up at
	 * HOST:PORT"; may be NULL */
	void (*changed)(void *arg, const char *text);
	/* The answer of .status, valid for the call.  status NULL with a fault: there was no valid
	 * answer in time; already logged.  NULL without: the server is not an sshipc-server. */
	void (*answered)(void *arg, const struct status *status, const char *fault);
	void *arg;
};

struct states *states_new(struct event_base *base, const struct states_ops *ops);
void states_event(struct states *s, struct link *l, enum link_event event);
/* Reads .status again; answered is called within ten seconds.  After a fault the server is not
 * asked again in this session. */
void states_ask(struct states *s, struct link *l);
/* Adds the three states to the open object: transport, authorised, endpoint, endpoint_state. */
void states_put(const struct states *s, struct json_out *o);
void states_free(struct states *s);

#endif
