// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_RELAY_END_H
#define SSHIPC_RELAY_END_H
/*
 * How a relay ended: what a session says of it in CLOSED, and the words for it.
 */
enum relay_end {
	RELAY_END_ORDERLY,
	RELAY_END_PEER_ABORT,	/* the peer closed its channel early */
	RELAY_END_SOCKET_ERROR, /* our socket was reset or failed */
	RELAY_END_NO_SOCKET,	/* closed before there was one: relay_abort before relay_attach */
	RELAY_END_SESSION,	/* the session went first */
};

/* Static. */
const char *relay_end_text(enum relay_end end);

#endif
