// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the session process and in the client, called by sshloop.c for a session that libssh has
 * ended.  It only reads libssh's error text.
 */
#include "farewell.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *farewell_text(ssh_session session)
{
	static const char prefix[] = "Socket error: ";
	static const char filter[] = "Packet filter: rejected packet (type ";
	const char *text = ssh_get_error(session);

	if (strncmp(text, prefix, sizeof(prefix) - 1) == 0)
		text += sizeof(prefix) - 1;
	/* Trap: libssh's packet filter decides before any callback.  80: SSH_MSG_GLOBAL_REQUEST,
	 * the first of those that need a login. */
	if (strncmp(text, filter, sizeof(filter) - 1) == 0 && atoi(text + sizeof(filter) - 1) >= 80)
		return "the peer sent data, a request or an answer before a login, or after its "
		       "own KEXINIT, which RFC 4253 section 7.1 forbids (AsyncSSH and paramiko do "
		       "so when new keys are due): this libssh ends such a session";
	/* Trap: where the peer sent DISCONNECT and libssh had something to send, it finds the
	 * socket that it has closed itself, and reports an errno of some earlier call. */
	if (strcmp(text, strerror(EINPROGRESS)) == 0 || strcmp(text, strerror(EAGAIN)) == 0)
		return "the peer ended the connection, and what it said is lost";
	if (strcmp(text, "disconnected") == 0 || strcmp(text, "Success") == 0 || text[0] == '\0')
		return "the peer closed the connection without a goodbye";
	return text;
}
