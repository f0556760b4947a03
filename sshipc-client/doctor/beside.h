// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_BESIDE_H
#define SSHIPC_CLIENT_BESIDE_H
/*
 * Another sshipc-client of this user, as /proc shows it: so that the doctor knows one's own tunnel
 * from a stranger.  Connects to nobody.
 */
#include <stdbool.h>
#include <stddef.h>

#include "address.h"

#define BESIDE_TEXT 96

/* Does one listen at a (of TCP: at its port)?  text: "your own tunnel (sshipc-client, process 12)".
 * A process that is not dumpable, as ours are, shows its descriptors to root only: else it is said
 * to seem so, when a socket of this user is there and such a process runs. */
bool beside_listens(const struct address *a, char text[BESIDE_TEXT]);

/* Has one a connection to the TCP address a?  ours: the socket of our own. */
bool beside_connects(const struct address *a, int ours, char text[BESIDE_TEXT]);

#endif
