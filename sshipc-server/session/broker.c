// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the session process, called by session.c and session_login.c: its questions to the
 * monitor. It may wait for the monitor's answer, never for the peer, and it grants nothing itself.
 */
#include "broker.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

void broker_lose(struct broker *b)
{
	b->gone = true;
	b->lost(b->arg);
}

void broker_tell(struct broker *b, const void *message)
{
	if (!b->gone && message_send(b->fd, message, NULL) != 0)
		broker_lose(b);
}

void broker_note(struct broker *b, int priority, const char *text)
{
	struct message_note note = {.head = {MESSAGE_NOTE, 0}, .priority = (uint32_t)priority};

	snprintf(note.text, sizeof(note.text), "%s", text);
	broker_tell(b, &note);
}

/* 1; 0 when none has arrived; -1 when the monitor has closed the pair, or broke the protocol. */
static int receive(struct broker *b)
{
	const int rc = message_recv(b->fd, &b->in, MESSAGE_TO_SESSION | MESSAGE_AT_ONCE);

	if (rc == 1 && message_allowed(b->in.head.type, b->state))
		return 1;
	if (rc < 0 && errno == EAGAIN)
		return 0;
	if (rc == 1)
		message_close_fds(&b->in);
	broker_lose(b);
	return -1;
}

/* Receives the next message, or loses the monitor: true, or false. */
static bool await(struct broker *b)
{
	struct pollfd p = {.fd = b->fd, .events = POLLIN};
	int rc;

	if (b->gone || b->ended)
		return false;
	do {
		errno = 0;
		if (poll(&p, 1, BROKER_MS) > 0 && (rc = receive(b)) != 0)
			return rc == 1;
	} while (errno == EINTR || errno == EAGAIN);
	broker_lose(b);
	return false;
}

static void hand_on(struct broker *b)
{
	b->late(b->arg, &b->in);
	message_close_fds(&b->in);
}

bool broker_ask(struct broker *b, const void *question)
{
	const struct message_head *asked = question;

	broker_tell(b, question);
	while (await(b)) {
		if (message_answers(b->in.head.type) == asked->type && b->in.head.id == asked->id)
			return true;
		hand_on(b);
	}
	return false;
}

bool broker_wait(struct broker *b)
{
	if (!await(b))
		return false;
	hand_on(b);
	return true;
}

/* The socket is watched level-triggered: a message that is left here causes the next event. */
void broker_poll(struct broker *b)
{
	bool more = true;

	while (more && !b->ended && !b->gone && receive(b) == 1) {
		hand_on(b);
		more = b->asked > 0;
	}
}
