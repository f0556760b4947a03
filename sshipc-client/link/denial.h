// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_DENIAL_H
#define SSHIPC_CLIENT_DENIAL_H
/*
 * A login that a server did not grant: which of our reasons its code names, and words for the log
 * and the doctor.  What a server says is shown escaped, and never read but for its code.
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

/* Writes the cause; *remedy is one of our texts.  The reason: POLICY_NO_KEY where no code names
 * one, POLICY_GRANT where the key was taken and the server wants more. */
enum policy_verdict denial_describe(const struct denial *d, ssh_session ssh,
				    char cause[DENIAL_TEXT], const char **remedy);

/* The reason that has this code.  POLICY_OTHER: none that is known here. */
enum policy_verdict denial_of_code(const char *code);

/* The reason whose code in brackets ends the first line of text.  POLICY_NO_KEY: none does. */
enum policy_verdict denial_of_banner(const char *text);

#endif
