// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the session, which reports how a channel ended, in the monitor and in the client, which
 * log it.  Texts only: the relay decides.  No libssh here, as the monitor does not link it.
 */
#include "relay_end.h"

static const char *const texts[] = {
    [RELAY_END_ORDERLY] = "both sides ended",	   [RELAY_END_PEER_ABORT] = "aborted by the peer",
    [RELAY_END_SOCKET_ERROR] = "connection reset", [RELAY_END_NO_SOCKET] = "no connection",
    [RELAY_END_SESSION] = "session ended",	   [RELAY_END_IDLE] = "idle (idle_timeout)",
};

const char *relay_end_text(enum relay_end end)
{
	return end <= RELAY_END_IDLE ? texts[end] : "unknown";
}
