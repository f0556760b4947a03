// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_VERDICT_H
#define SSHIPC_VERDICT_H
/*
 * Why a key is refused: the one list of reasons, with their texts, shared by both programs.  The
 * server decides (policy.h) and sends the text with a code; the client identifies the reason by the
 * code and never parses the text.
 *
 * A code stands in brackets at the end of a USERAUTH_BANNER's line, "[sshipc:expired]", and without
 * them in .status (last_refusal_code).  Codes are sent only to the owner of a listed key who proved
 * possession.  They never change, since users write rules for them.
 */
enum policy_verdict {
	POLICY_GRANT,
	POLICY_GRANT_STATUS, /* the reserved host ".status" */
	POLICY_NO_KEY,	     /* entry is NULL: not in the allow list */
	POLICY_WRONG_DESTINATION,
	POLICY_BAD_DESTINATION, /* empty, too long, NUL or control bytes */
	POLICY_WRONG_TYPE,	/* channel type or request that sshipc does not have */
	POLICY_NO_ENDPOINT,	/* the entry's endpoint does not exist */
	POLICY_SOURCE_NOT_ALLOWED,
	POLICY_EXPIRED,
	POLICY_OUTSIDE_WINDOW,
	POLICY_USER_NOT_VERIFIED,
	/* From here on: the policy grants, but the monitor refuses. */
	POLICY_NOT_TOUCHED,  /* the security key was not touched */
	POLICY_MAX_SESSIONS, /* of the key's line */
	POLICY_MAX_CHANNELS, /* of the key's line */
	POLICY_MAX_DIALS,    /* of the server */
	POLICY_STOPPING,     /* the server ends */
	POLICY_DIAL_FAILED,  /* the endpoint's own refusal */
	POLICY_OTHER,	     /* the last: an unknown code, of a later server */
};

/* In the order of enum policy_verdict. */
struct policy_text {
	const char *code; /* lower case letters and "-"; "" for grants and for POLICY_NO_KEY, which
			     is never sent */
	const char *reason; /* what failed: one phrase, for the log */
	const char *remedy; /* what to do about it */
};

extern const struct policy_text policy_texts[POLICY_OTHER + 1];

#endif
