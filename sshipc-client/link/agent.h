// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_AGENT_H
#define SSHIPC_CLIENT_AGENT_H
/*
 * A login with ONE key of ssh-agent (SSH_AUTH_SOCK), chosen by its fingerprint.  libssh 0.10 would
 * offer all keys of an agent, and waits for it without end; so it never talks to the agent: it gets
 * answers that are there before it asks, and the agent is asked from the loop.
 * draft-miller-ssh-agent.
 *
 * libssh gets one end of a socket pair that already holds an answer, this one key, and then the end
 * of the stream: it cannot wait.  For want of a signature it gives up; what it wanted signed is in
 * our end of the pair, and goes to the agent from the loop.  Once the signature is there libssh
 * gets another pair, with key and signature, and sends the same request; the server sees the
 * question about the key twice.  The agent is asked anew at each login; whatever it says no to is
 * tried again after the usual pause.  libssh 0.10 loses 90 bytes of memory at each such login.
 */
#include <event2/event.h>
#include <libssh/libssh.h>

#include "keyblob.h"

struct agent;

/* fingerprint: "SHA256:...", must outlive it.  Asks nothing yet. */
struct agent *agent_new(struct event_base *base, const char *fingerprint);
void agent_free(struct agent *a);

/* Only asks for the key: SSH_AUTH_SUCCESS, once it is there, else as agent_log_in. */
int agent_prepare(struct agent *a, void (*wake)(void *arg), void *arg);

/* As ssh_userauth_publickey(3) of a non-blocking session: call it again when packets arrived, and
 * from wake, which is called from the loop.  SSH_AUTH_ERROR: agent_error tells why. */
int agent_log_in(struct agent *a, ssh_session ssh, void (*wake)(void *arg), void *arg);

/* That session is over: what is under way for it is given up. */
void agent_reset(struct agent *a);

/* It was asked, and has not answered yet. */
bool agent_is_asked(const struct agent *a);

/* What failed at the agent: the fault, "; " and the remedy.  NULL: nothing, ask libssh. */
const char *agent_error(const struct agent *a);

/* The key's public line, "TYPE BASE64", once the agent has shown it; else NULL. */
const char *agent_line(const struct agent *a);

#endif
