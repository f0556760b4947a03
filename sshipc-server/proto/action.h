// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_ACTION_H
#define SSHIPC_SERVER_ACTION_H
/*
 * What a peer can ask for: said by a session, decided by policy.h.
 */
#define POLICY_STATUS_HOST ".status" /* a destination that every key has: its own state */

enum policy_action {
	POLICY_LOGIN,	     /* the key's signature was verified; host and port are not read */
	POLICY_DIRECT_TCPIP, /* RFC 4254 section 7.2 */
	POLICY_DIRECT_STREAMLOCAL, /* OpenSSH PROTOCOL section 2.4; host is the path, port is not
				      read */
	POLICY_OTHER_CHANNEL,	   /* any other channel type */
	POLICY_GLOBAL_REQUEST,	   /* tcpip-forward and its kind */
};

#endif
