// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_DENIAL_H
#define SSHIPC_CLIENT_DENIAL_H
/*
 * A login that a server did not grant: what it said about that, in words for the log and the
 * doctor.
 */
#include <libssh/libssh.h>
#include <stdbool.h>
#include <stddef.h>

/* What is said of a server to which the key alone is not enough; the doctor knows it by this. */
#define DENIAL_NOT_ENOUGH "wants more than a key"

struct denial {
	const char *server, *user, *key; /* names */
	bool partial;			 /* SSH_AUTH_PARTIAL, else SSH_AUTH_DENIED */
};

/* Writes why, with the remedy behind "; ", cut to fit.  True: it may pass by itself. */
bool denial_describe(const struct denial *d, ssh_session ssh, char *why, size_t size);

#endif
