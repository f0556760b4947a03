// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_DENIAL_H
#define SSHIPC_CLIENT_DENIAL_H
/*
 * A login that a server did not grant: the reason that its code names, and words for the log and
 * the doctor.  The server's text is shown escaped; only its code is parsed.
 */
#include <libssh/libssh.h>
#include <stdbool.h>

#include "verdict.h"

#define DENIAL_TEXT 768

struct denial {
	const char *server, *user, *key; /* names */
	bool partial;			 /* SSH_AUTH_PARTIAL, else SSH_AUTH_DENIED */
	bool sshipc;			 /* only a server of ours has codes */
};

/* Writes the cause; *remedy is one of our texts.  Returns the reason: POLICY_NO_KEY if there is no
 * code, POLICY_GRANT if the server accepted the key but wants a further method. */
enum policy_verdict denial_describe(const struct denial *d, ssh_session ssh,
				    char cause[DENIAL_TEXT], const char **remedy);

/* The reason that has this code; POLICY_OTHER: the code is unknown here. */
enum policy_verdict denial_of_code(const char *code);

/* The reason whose code in brackets ends the first line of text; POLICY_NO_KEY: there is none. */
enum policy_verdict denial_of_banner(const char *text);

#endif
