// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_SESSION_H
#define SSHIPC_CLIENT_SESSION_H
/*
 * libssh's side of a link: a session as our settings want it, and as people read it.
 */
#include <libssh/libssh.h>

#include "settings.h"

#define SESSION_TEXT 512

/* A non-blocking session on a duplicate of fd, ready for sshloop_new.  gcm: AES-GCM may be offered.
 * NULL after logging what libssh did not take. */
ssh_session session_new(const struct settings *s, bool gcm, int fd);

/* Once keys are exchanged: the server's banner and the algorithms.  Returns buf. */
const char *session_describe(ssh_session ssh, char buf[SESSION_TEXT]);

#endif
