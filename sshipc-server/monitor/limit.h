// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_LIMIT_H
#define SSHIPC_SERVER_LIMIT_H
/*
 * The limits that the monitor counts when they bite, by name; and the pace of a session.
 */
#include <stdint.h>

enum limit {
	LIMIT_MAX_SESSIONS,
	LIMIT_MAX_UNAUTHENTICATED,
	LIMIT_MAX_PER_SOURCE,
	LIMIT_PENALTY,
	LIMIT_LOGIN_GRACE,
	LIMIT_ATTEMPTS,
	LIMIT_MAX_CHANNELS,
	LIMIT_MAX_OPENS,
	LIMIT_MAX_DIALS,
	LIMIT_MAX_HELD,
	LIMIT_LOG_LINES,
	LIMITS
};

/* The names that log, ctl status and, where there is one, the setting have. */
extern const char *const limit_names[LIMITS];

/* What a session asked for is paid for up to this moment, in microseconds. */
struct pace {
	uint64_t paid_until;
};

/* One more at now (monotonic microseconds), rate in a second, as many at once: for how many
 * microseconds the next one must wait. */
uint64_t pace_take(struct pace *p, unsigned rate, uint64_t now);

#endif
