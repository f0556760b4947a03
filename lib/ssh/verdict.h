// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_VERDICT_H
#define SSHIPC_VERDICT_H
/*
 * Why a key is refused: the one list of reasons, with their words, which both programs have.  The
 * server decides (policy.h) and says the words; the code that travels with them tells the client
 * which reason it is, so that it never reads the words.
 *
 * A code stands in brackets at the end of a USERAUTH_BANNER's line, "[sshipc:expired]", and without
 * them in .status (last_refusal_code).  Only the owner of a listed key, who proved to have it, is
 * ever sent one.  Codes stay as they are: people write rules for them.
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
	/* From here on the monitor refuses what the policy grants. */
	POLICY_NOT_TOUCHED,  /* the security key that signed */
	POLICY_MAX_SESSIONS, /* of the key's line */
	POLICY_MAX_CHANNELS, /* of the key's line */
	POLICY_MAX_DIALS,    /* of the server */
	POLICY_DIAL_FAILED,  /* the endpoint's own refusal */
	POLICY_OTHER,	     /* the last one: a code of a later server */
};

/* In the order of enum policy_verdict. */
struct policy_text {
	const char *code;   /* of lower case letters and "-"; "" for what is granted and for
			       POLICY_NO_KEY, of which nobody learns */
	const char *reason; /* what failed: one phrase, for the log */
	const char *remedy; /* what to do about it */
};

extern const struct policy_text policy_texts[POLICY_OTHER + 1];

#endif
