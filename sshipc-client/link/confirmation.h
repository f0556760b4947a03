// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_CONFIRMATION_H
#define SSHIPC_CLIENT_CONFIRMATION_H
/*
 * What libssh does with a CHANNEL_OPEN_CONFIRMATION (RFC 4254 section 5.1) whose maximum packet
 * size is too small: with 0 it leaves the channel opening for ever, with 10 (0.10) it loops.  So it
 * never sees one: it reads such a packet as one with no window and packets of the usual size, and
 * who looks at channels is told.  Done as in sshipc-server/streamlocal.c: libssh's calls of its
 * public ssh_buffer_get_data go through the dynamic linker.  Where they do not, openings' deadline
 * and the watchdog are what is left.
 */
#include <stdbool.h>
#include <stdint.h>

#define CONFIRMATION_LEAST 1024 /* bytes; sshipc-server refuses less, too */

/* Of a channel that is open without a window: was that such a one?  Each is told once, with the
 * size as it was. */
bool confirmation_take_small(uint32_t *size);

/* The session is over: what was not taken is nobody's. */
void confirmation_forget(void);

#endif
