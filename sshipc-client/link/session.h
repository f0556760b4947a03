// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_SESSION_H
#define SSHIPC_CLIENT_SESSION_H
/*
 * Creates the libssh session to the server by the settings, and reads its properties.  Attempts and
 * states are link.c's.
 */
#include <libssh/libssh.h>
#include <stdbool.h>

#include "settings.h"
#include "trust.h"

#define SESSION_TEXT 512

/* A non-blocking session on a duplicate of fd, whose options are set, ready for sshloop_new.  gcm:
 * AES-GCM may be offered.  NULL after logging the option that libssh refused. */
ssh_session session_new(const struct settings *s, bool gcm, int fd);

/* Describes the server's banner and the algorithms, once keys are exchanged.  Returns buf. */
const char *session_describe(ssh_session ssh, char buf[SESSION_TEXT]);

/* Whether the server is an sshipc-server, by its banner, which is not authenticated. */
bool session_is_sshipc(ssh_session ssh);

/* Checks the server's host key (trust.h).  *key: a copy of it, owned by the caller; NULL: the key
 * could not be read.  text: as of trust_check. */
enum trust_verdict session_check_key(const struct settings *s, ssh_session ssh, bool may_ask,
				     ssh_key *key, char text[TRUST_TEXT]);

/* Whether the last key exchange was with this host key: libssh accepts another one in a rekey. */
bool session_shows(ssh_session ssh, ssh_key host_key);

/* A short form asks an sshipc-server for "."; any other server must be asked for a destination, or
 * the listener's port.  True where there is neither: why tells what to write. */
bool session_lacks_destination(const struct settings *s, const char *server,
			       char why[SESSION_TEXT]);

#endif
