// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_RELAY_END_H
#define SSHIPC_RELAY_END_H
/*
 * How a relay ended: the value that a session sends in CLOSED, and its text.
 */
enum relay_end {
	RELAY_END_ORDERLY,
	RELAY_END_PEER_ABORT,	/* the peer closed its channel early */
	RELAY_END_SOCKET_ERROR, /* our socket was reset or failed */
	RELAY_END_NO_SOCKET,	/* closed before a socket was attached */
	RELAY_END_SESSION,	/* the session ended first */
	RELAY_END_IDLE,		/* the owner ended it: no byte for idle_timeout */
};

/* A static text. */
const char *relay_end_text(enum relay_end end);

#endif
