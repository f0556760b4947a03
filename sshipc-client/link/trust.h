// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_TRUST_H
#define SSHIPC_CLIENT_TRUST_H
/*
 * Verifies the server's host key by pins (--hostkey) or known_hosts files, which we read: libssh's
 * own look-up is off.  Never accepts a key that is neither pinned, recorded nor confirmed by the
 * user on a terminal.
 *
 * Both known_hosts files are read: hashed names, wildcards, negation, [host]:port, @revoked.  The
 * recorded key is good; a different one is shown beside it and ends the client with 76; for an
 * unknown host the user is asked on a terminal at the first connect, else it is refused.
 */
#include <libssh/libssh.h>
#include <stdbool.h>
#include <stddef.h>

#include "keyblob.h"

#define TRUST_TEXT 1024

enum trust_verdict {
	TRUST_OK,
	TRUST_UNKNOWN, /* not recorded, and no terminal, or the user said no */
	TRUST_CHANGED, /* recorded or pinned with another key, or @revoked */
	TRUST_ERROR,   /* a file could not be read */
};

struct settings;

/* Decides about the key of s->host.  With pins: OK iff one matches (else CHANGED, text shows wanted
 * and got).  Without: every matching line of both files (hashed, [host]:port, wildcards, several
 * keys; "host:port" rules as in sshd(8): a port other than 22 is looked up as "[host]:port", and,
 * if no line names that, the same key recorded for "host", as ssh(1) does) is read; @revoked with
 * this key is CHANGED; a line with this very key is OK; lines of the same type with another key, or
 * only of other types: CHANGED, with old and new fingerprint, FILE:LINE and the ssh-keygen -R
 * command.  None: asks on /dev/tty (yes/no/fingerprint; appended on yes, the file made 0600 and its
 * folder 0700 when missing) when may_ask, else UNKNOWN with the fingerprint and the --hostkey
 * option to use.  @cert-authority lines are ignored.  text receives the complete message for all
 * but OK (and a note for OK after asking). */
enum trust_verdict trust_check(const struct settings *s, bool may_ask, ssh_key key,
			       char text[TRUST_TEXT]);

/* The host key algorithms to offer, libssh's comma form, into out: with known_hosts lines for the
 * host, those of the recorded types first; all otherwise.  Keeps a server with several keys from
 * presenting one that is not recorded. */
void trust_algorithms(const struct settings *s, char *out, size_t size);

/* Writes the fingerprint "SHA256:..."  of a key.  0, or -1 with "". */
int trust_fingerprint(ssh_key key, char out[KEYLINE_FINGERPRINT]);

/* Whether pin is "SHA256:" and 43 base64 characters. */
bool trust_pin_valid(const char *pin);

#endif
