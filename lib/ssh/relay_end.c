// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the session, which reports how a channel ended, in the monitor and in the client, which
 * log it.  Words only: the relay decides, and the monitor's part links no libssh.
 */
#include "relay_end.h"

const char *relay_end_text(enum relay_end end)
{
	switch (end) {
	case RELAY_END_ORDERLY:
		return "both sides ended";
	case RELAY_END_PEER_ABORT:
		return "aborted by the peer";
	case RELAY_END_SOCKET_ERROR:
		return "connection reset";
	case RELAY_END_NO_SOCKET:
		return "no connection";
	case RELAY_END_SESSION:
		return "session ended";
	}
	return "unknown";
}
