// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_BROKER_H
#define SSHIPC_SERVER_BROKER_H
/*
 * The session's end of the pair that it shares with the monitor: one question at a time, answers
 * that come unasked handed on.
 */
#include <stdbool.h>

#include "message.h"

struct broker {
	int fd;
	bool gone;		  /* the monitor is lost, or was silent for too long */
	bool ended;		  /* the owner's to set, at END: nothing is read any more */
	enum message_state state; /* LOGIN, then UP: what may come is checked against it */
	struct message in;	  /* the one last received */
	/* A message that answers no question: the dial of a pending channel is over, or the session
	 * is. */
	void (*late)(void *arg, struct message *m);
	void (*lost)(void *arg); /* once, when gone becomes true */
	void *arg;
};

void broker_tell(struct broker *b, const void *message);

/* Sends a line for the monitor's log. */
void broker_note(struct broker *b, int priority, const char *text);

/* Sends a question and waits for its answer, b->in: of a type that answers it, with its id.  False:
 * none came, and b->gone or b->ended tells why.  Late messages are handed on meanwhile. */
bool broker_ask(struct broker *b, const void *question);

/* Hands on what is there. */
void broker_poll(struct broker *b);

#endif
