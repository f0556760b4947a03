// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, which names the reason of a denial, in the starting server and in the
 * client, which reads it.  Texts only: the decision is the policy's.
 */
#include "verdict.h"

const struct policy_text policy_texts[POLICY_OTHER + 1] = {
    [POLICY_GRANT] = {"", "granted", "nothing to do"},
    [POLICY_GRANT_STATUS] = {"", "granted: the status answer", "nothing to do"},
    [POLICY_NO_KEY] = {"", "the key is not in the allow list",
		       "add the key's public line to the allow list"},
    [POLICY_WRONG_DESTINATION] =
	{"destination", "the destination is not this key's endpoint",
	 "ask for the endpoint's name or address, or add the destination to its accept list"},
    [POLICY_BAD_DESTINATION] = {"malformed",
				"the destination is empty, too long or holds control bytes",
				"correct the destination at the client"},
    [POLICY_WRONG_TYPE] =
	{"type", "sshipc forwards to one endpoint and does nothing else",
	 "use -L or -W at the client, without a shell, command, agent, X11, -R or -D"},
    [POLICY_NO_ENDPOINT] = {"no-endpoint", "the server does not have the key's endpoint",
			    "put it into server.conf and call sshipc-server ctl upgrade, or name "
			    "another in the key's line"},
    [POLICY_SOURCE_NOT_ALLOWED] = {"source", "the key is not allowed from this address",
				   "add the address to from in the key's line, or come from "
				   "one that is there"},
    [POLICY_EXPIRED] =
	{"expired", "the key has expired",
	 "put a later expiry-time into the key's line, if the server's clock is right"},
    [POLICY_OUTSIDE_WINDOW] = {"window", "the key is not valid at this time",
			       "wait for a period of valid in the key's line, or widen it"},
    [POLICY_USER_NOT_VERIFIED] =
	{"verification", "the security key did not verify its user (verify-required)",
	 "make a key that asks for its PIN or a finger: ssh-keygen -t ed25519-sk -O "
	 "verify-required"},
    [POLICY_NOT_TOUCHED] =
	{"touch", "the security key was not touched",
	 "its owner must confirm each login; use a key made without no-touch-required"},
    [POLICY_MAX_SESSIONS] =
	{"sessions", "the key has as many sessions as it may (max-sessions)",
	 "end another session of this key, or set a larger max-sessions in its line"},
    [POLICY_MAX_CHANNELS] = {"channels", "the key has as many channels as it may (max-channels)",
			     "close one, or raise max-channels in its line"},
    [POLICY_MAX_DIALS] = {"dials", "as many dials are under way as may be (max_dials)",
			  "see why its endpoint takes no connections, or raise max_dials"},
    [POLICY_STOPPING] = {"stopping", "the server is shutting down", "wait until it runs again"},
    [POLICY_DIAL_FAILED] = {"endpoint", "the endpoint refuses", "is its daemon running?"},
    [POLICY_OTHER] = {"other", "another reason", "the server says why; its log has more"},
};
