// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_BROKER_H
#define SSHIPC_SERVER_BROKER_H
/*
 * The session's end of the socket pair to the monitor: sends one question at a time and waits for
 * its answer; passes other messages to a callback.
 */
#include <stdbool.h>

#include "message.h"

struct broker {
	int fd;
	bool gone;		  /* the monitor closed the pair, or did not answer in time */
	bool ended;		  /* set by the owner at END: nothing is read after it */
	enum message_state state; /* LOGIN, then UP: decides which messages are valid */
	struct message in;	  /* the last message received */
	/* Called for a message that answers no question: the result of a pending channel's dial,
	 * CHECK, or END. */
	void (*late)(void *arg, struct message *m);
	void (*lost)(void *arg); /* once, when gone becomes true */
	void *arg;
};

void broker_tell(struct broker *b, const void *message);

/* Sends a line for the monitor's log. */
void broker_note(struct broker *b, int priority, const char *text);

/* Sends a question and waits for its answer, b->in, which has a type that answers it and the same
 * id.  False: no answer came; b->gone or b->ended is set.  Calls late for other messages
 * meanwhile. */
bool broker_ask(struct broker *b, const void *question);

/* Receives the messages that have arrived and calls late for each. */
void broker_poll(struct broker *b);

#endif
