// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_VERDICT_H
#define SSHIPC_VERDICT_H
/*
 * What the policy can answer, and the words for it.  The server decides with it (policy.h) and says
 * the words; the client knows the same words when it reads them in a banner.
 */
enum policy_verdict {
	POLICY_GRANT,
	POLICY_GRANT_STATUS, /* the reserved host ".status" */
	POLICY_NO_KEY,	     /* entry is NULL: not in the allow list */
	POLICY_WRONG_DESTINATION,
	POLICY_BAD_DESTINATION, /* empty, too long, NUL or control bytes */
	POLICY_WRONG_TYPE,	/* channel type or request that sshipc does not have */
	POLICY_NO_ENDPOINT,	/* the entry's endpoint is gone */
	POLICY_SOURCE_NOT_ALLOWED,
	POLICY_EXPIRED,
	POLICY_OUTSIDE_WINDOW,
	POLICY_USER_NOT_VERIFIED,
};

/* One phrase for the log: what failed; and what to do about it.  Static. */
const char *policy_reason(enum policy_verdict verdict);
const char *policy_remedy(enum policy_verdict verdict);

#endif
