// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_POLICY_H
#define SSHIPC_POLICY_H
/*
 * The one decision: whether a key may log in, or open a channel.  A pure function of its arguments;
 * every login and every channel open of the server goes through it, and --explain asks the same
 * one.  Default deny.
 */
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "action.h"
#include "address.h"
#include "endpoint.h"
#include "keyline.h"
#include "verdict.h"

struct policy_request {
	enum policy_action action;
	const char *host; /* host_len bytes that the peer sent: not terminated, any bytes */
	size_t host_len;
	uint32_t port;
	struct address source; /* of the SSH connection */
	time_t now;
	/* The token that signed the login verified its user (a PIN, a finger). */
	bool user_verified;
};

/* The conditions, in the order of their checks. */
enum policy_condition {
	POLICY_ASK_KEY,
	POLICY_ASK_TYPE,
	POLICY_ASK_ENDPOINT,
	POLICY_ASK_SOURCE,
	POLICY_ASK_EXPIRY,
	POLICY_ASK_WINDOW,
	POLICY_ASK_VERIFIED,
	POLICY_ASK_DESTINATION,
	POLICY_CONDITIONS,
};

/*
 * Decides: the verdict of the first condition that does not hold; a login asks for no destination.
 * entry NULL: POLICY_NO_KEY.  Login and opens alike need a source address that from lists, a time
 * before expires, and one within valid; a line with verify-required, that the user was verified.  A
 * direct-tcpip open is granted iff host equals the endpoint's name (exact case) or its Unix path
 * (any port), or is "." (any port), or host:port equals the TCP address numerically ("localhost",
 * any case, for a loopback one; 127.0.0.1 and ::1 for each other, since a client's "localhost" is
 * either; 127.0.0.2 may be another daemon, and is only itself), or equals an accept alias (names
 * case-insensitively, numbers numerically, a path alias with any port).
 * ".status" (any port) grants the status answer.  direct-streamlocal: iff host equals the
 * endpoint's path ("@name" for an abstract one) or a path alias, or is "." or ".status" or its
 * name. Nothing else is ever granted; verdicts of denial name the first check that failed.
 */
enum policy_verdict policy_decide(const struct keyline *entry, const struct endpoint *endpoint,
				  const struct policy_request *request);

/* Checks one condition alone: POLICY_GRANT if it holds, or POLICY_GRANT_STATUS.  Those before it
 * must hold. */
enum policy_verdict policy_ask(enum policy_condition condition, const struct keyline *entry,
			       const struct endpoint *endpoint,
			       const struct policy_request *request);

/* The first second after now at which time alone can change the verdict on this key; 0: never. */
time_t policy_next_change(const struct keyline *entry, time_t now);

/* True where permitopen="SPEC" ("HOST:PORT", "[V6]:PORT", PORT may be "*") names this endpoint;
 * used when the allow list is loaded. */
bool policy_permitopen_names(const char *spec, const struct endpoint *endpoint);

#endif
