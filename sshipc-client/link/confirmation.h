// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_CONFIRMATION_H
#define SSHIPC_CLIENT_CONFIRMATION_H
/*
 * Guards libssh against a CHANNEL_OPEN_CONFIRMATION (RFC 4254 section 5.1) whose maximum packet
 * size is too small: with 0 libssh leaves the channel opening for ever, with 10 (0.10) it loops.
 * libssh reads such a packet as one with no window and packets of the usual size, and openings.c
 * asks here for it.  As in session/streamlocal.c, this interposes libssh's public
 * ssh_buffer_get_data.  If libssh's calls do not go through the dynamic linker, only openings'
 * deadline and the watchdog help.
 */
#include <stdbool.h>
#include <stdint.h>

#define CONFIRMATION_LEAST 1024 /* bytes; sshipc-server refuses less, too */

/* For a channel that is open without a window: whether its confirmation was such a packet.  Reports
 * each once, with the size that the server sent. */
bool confirmation_take_small(uint32_t *size);

/* The session has ended: forgets the confirmations not yet taken. */
void confirmation_forget(void);

#endif
