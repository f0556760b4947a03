// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_BROKER_H
#define SSHIPC_SERVER_BROKER_H
/*
 * The session's end of the pair that it shares with the monitor: one question at a time, answers
 * that come unasked handed on.
 */
#include <stdbool.h>

#include "wire.h"

struct broker {
	int fd;
	bool gone;	     /* the monitor is lost, or was silent for too long */
	struct wire out, in; /* the message being built; the one last received */
	/* A message that answers no question: the dial of a pending channel is over, or the session
	 * is. */
	void (*late)(void *arg, struct wire *w);
	void *arg;
};

/* Sends b->out. */
void broker_tell(struct broker *b);

/* Sends a line for the monitor's log. */
void broker_note(struct broker *b, int priority, const char *text);

/* Sends b->out and waits for an answer of one of these types (id: and for this channel), into
 * b->in, read up to behind the id.  False: none came, and b->gone or stop tells why. Late messages
 * are handed on meanwhile. */
bool broker_ask(struct broker *b, const enum wire_type types[3], const uint32_t *id,
		const bool *stop);

/* Hands on what is there. */
void broker_poll(struct broker *b, const bool *stop);

#endif
