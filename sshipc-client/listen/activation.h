// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_ACTIVATION_H
#define SSHIPC_CLIENT_ACTIVATION_H
/*
 * Listening sockets that the service manager made: sd_listen_fds(3).
 */
#include <stdbool.h>

#include "address.h"

/* Takes the first one of that name (FileDescriptorName=), or with that number, that was not taken
 * yet.  It must listen, on a Unix socket or, but for unsafe_listen, on loopback.  Its path is not
 * ours to remove.  0, or -1 with err saying which it is and what is wrong. */
int activation_take(const char *name, bool unsafe_listen, struct listening *out, char *err,
		    size_t size);

#endif
