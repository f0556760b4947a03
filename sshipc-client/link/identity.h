// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_IDENTITY_H
#define SSHIPC_CLIENT_IDENTITY_H
/*
 * The client's one key, the only one that it offers: read from its file, with the passphrase from
 * the terminal; or held by ssh-agent.
 */
#include "agent.h"
#include "keyfile.h"

struct identity;

/* path: the private key; agent_key: instead, the fingerprint of an agent's key; the agent is asked
 * at each login.  Both must outlive the identity.  NULL, and *why (reason.h) has the remedy:
 * unreadable, wrong mode, not a key, wrong passphrase, no terminal to ask on. */
struct identity *identity_new(struct event_base *base, const char *path, const char *agent_key,
			      const char **why);
void identity_free(struct identity *i);

/* The path or fingerprint of the key. */
const char *identity_name(const struct identity *i);

/* The key's public line, "TYPE BASE64"; NULL while the agent has not shown it. */
const char *identity_line(const struct identity *i);

/* As agent_log_in, after a request for the service; agent_error and agent_reset. */
int identity_log_in(struct identity *i, ssh_session ssh, void (*wake)(void *arg), void *arg);
const char *identity_error(const struct identity *i);
void identity_reset(struct identity *i);

/* The step that a login waits for, in words. */
const char *identity_phase(const struct identity *i);

#endif
