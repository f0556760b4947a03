// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_FAREWELL_H
#define SSHIPC_FAREWELL_H

#include <libssh/libssh.h>

/* The session's error text; libssh's own for a connection that the peer closed is meaningless and
 * replaced.  It is the session's, or constant. */
const char *farewell_text(ssh_session session);

#endif
