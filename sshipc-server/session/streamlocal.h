// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_STREAMLOCAL_H
#define SSHIPC_SERVER_STREAMLOCAL_H
/*
 * Fields of a CHANNEL_OPEN that libssh's server side does not report: the path of
 * direct-streamlocal@openssh.com (OpenSSH PROTOCOL section 2.4) and the maximum packet size.  They
 * are read by interposing libssh's public ssh_buffer_get_data, whose calls within libssh go through
 * the dynamic linker; selftest.h proves at start that they do.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAMLOCAL_PATH 107 /* RFC: none; sun_path less its NUL */

struct channel_open_fields {
	bool streamlocal;
	char path[STREAMLOCAL_PATH + 1]; /* "" where absent, too long, relative or with a NUL */
	uint32_t max_packet;
};

/* To be called in the message callback of a CHANNEL_OPEN: takes its fields, once.  False: there are
 * none (the type is neither direct-tcpip nor direct-streamlocal, or the interposition does not
 * work). */
bool streamlocal_take(struct channel_open_fields *out);

/* The same for the self-test: the path alone. */
bool streamlocal_seen_path(char *path, size_t size);

#endif
