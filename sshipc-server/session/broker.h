// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_BROKER_H
#define SSHIPC_SERVER_BROKER_H
/*
 * The session's end of the socket pair to the monitor: sends a question and waits for its answer,
 * and passes other messages to a callback, the answers to OPEN among them.
 */
#include <stdbool.h>

#include "message.h"

enum { BROKER_MS = 5000 }; /* without any answer before the monitor counts as lost */

struct broker {
	int fd;
	bool gone;		  /* the monitor closed the pair, or did not answer in time */
	bool ended;		  /* set by the owner at END: nothing is read after it */
	enum message_state state; /* LOGIN, then UP: decides which messages are valid */
	size_t asked;		  /* OPENs without an answer; the owner counts them */
	struct message in;	  /* the last message received */
	/* Called for a message that answers no question of broker_ask: the answers to an OPEN,
	 * CHECK, or END.  May be called within broker_ask, and so within libssh's. */
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

/* Waits for one message and calls late for it; false: none came, b->gone or b->ended is set. */
bool broker_wait(struct broker *b);

/* Receives messages that have arrived and calls late for each: one, and more while OPENs are
 * without an answer. */
void broker_poll(struct broker *b);

/* The monitor does not answer: sets b->gone. */
void broker_lose(struct broker *b);

#endif
