// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor: names for audit.c, accept.c and answers.c; the pace of a session's messages
 * for conn.c.  Has no state of its own.
 */
#include "limit.h"

enum { SECOND = 1000000 };

const char *const limit_names[LIMITS] = {
    [LIMIT_MAX_SESSIONS] = "max_sessions",
    [LIMIT_MAX_UNAUTHENTICATED] = "max_unauthenticated",
    [LIMIT_MAX_PER_SOURCE] = "max_unauthenticated_per_source",
    [LIMIT_PENALTY] = "max_penalty",
    [LIMIT_LOGIN_GRACE] = "login_grace",
    [LIMIT_ATTEMPTS] = "attempts",
    [LIMIT_MAX_CHANNELS] = "max_channels",
    [LIMIT_MAX_OPENS] = "max_opens",
    [LIMIT_MAX_DIALS] = "max_dials",
    [LIMIT_MAX_HELD] = "max_held",
    [LIMIT_LOG_LINES] = "log lines",
};

uint64_t pace_take(struct pace *p, unsigned rate, uint64_t now)
{
	if (p->paid_until + SECOND < now)
		p->paid_until = now - SECOND;
	p->paid_until += SECOND / rate;
	return p->paid_until > now ? p->paid_until - now : 0;
}
