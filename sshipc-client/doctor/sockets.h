// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_SOCKETS_H
#define SSHIPC_CLIENT_SOCKETS_H
/*
 * What /proc says of sockets: whether a path is listened on, and which are another sshipc-client's
 * of this user, so that the doctor knows one's own tunnel from a stranger.  Connects to nobody.
 */
#include <stdbool.h>

#include "address.h"

#define SOCKETS_TEXT 96

/* Does a process listen at this path, by whatever spelling? */
bool sockets_path_is_listened_on(const char *path);

/* Does one's own tunnel listen at a (of TCP: at its port)?  text: "your own tunnel (sshipc-client,
 * process 12)".  A process that is not dumpable, as ours are, shows its descriptors to root only:
 * else it is said to seem so, when a socket of this user is there and such a process runs. */
bool sockets_own_listener(const struct address *a, char text[SOCKETS_TEXT]);

/* Has one's own tunnel a connection to the TCP address a?  ours: the socket of our own. */
bool sockets_own_connection(const struct address *a, int ours, char text[SOCKETS_TEXT]);

#endif
