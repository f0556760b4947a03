// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_AGENT_H
#define SSHIPC_CLIENT_AGENT_H
/*
 * A login with ONE key of ssh-agent (SSH_AUTH_SOCK), chosen by its fingerprint.  libssh 0.10 would
 * offer all keys of an agent, and waits for it without a timeout; so libssh never talks to the
 * agent: we ask the agent from the loop and give libssh prepared answers.  draft-miller-ssh-agent.
 *
 * libssh gets one end of a socket pair that already holds an answer, this one key, and then the end
 * of the stream: it cannot wait.  Without a signature libssh gives up; the data that it wanted
 * signed is in our end of the pair, and is sent to the agent from the loop.  Once the signature is
 * there libssh gets another pair, with key and signature, and sends the same request; the server
 * sees the query for the key twice.  The agent is asked anew at each login; what it refuses is
 * tried again after the usual pause.  libssh 0.10 loses 90 bytes of memory at each such login.
 */
#include <event2/event.h>
#include <libssh/libssh.h>

#include "keyblob.h"

struct agent;

/* fingerprint: "SHA256:...", must outlive the struct agent.  Sends no request yet. */
struct agent *agent_new(struct event_base *base, const char *fingerprint);
void agent_free(struct agent *a);

/* Asks the agent for the key only: SSH_AUTH_SUCCESS once it is known, else as agent_log_in. */
int agent_prepare(struct agent *a, void (*wake)(void *arg), void *arg);

/* As ssh_userauth_publickey(3) of a non-blocking session: call it again when packets arrived, and
 * from wake, which is called from the loop.  SSH_AUTH_ERROR: agent_error has the reason. */
int agent_log_in(struct agent *a, ssh_session ssh, void (*wake)(void *arg), void *arg);

/* The session has ended: cancels the requests made for it. */
void agent_reset(struct agent *a);

/* Whether a request to the agent has no answer yet. */
bool agent_is_asked(const struct agent *a);

/* The agent's fault, "; " and the remedy.  NULL: the agent did not fail, libssh has the error. */
const char *agent_error(const struct agent *a);

/* The key's public line, "TYPE BASE64", once the agent has shown it; else NULL. */
const char *agent_line(const struct agent *a);

#endif
