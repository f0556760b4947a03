// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the session process, called by session.c and session_login.c: its questions to the
 * monitor. It may wait for the monitor's answer, never for the peer, and it grants nothing itself.
 */
#include "broker.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

enum { MONITOR_MS = 5000 }; /* to wait for an answer before the monitor counts as lost */

static void lose(struct broker *b)
{
	b->gone = true;
	b->lost(b->arg);
}

void broker_tell(struct broker *b, const void *message)
{
	if (!b->gone && message_send(b->fd, message, NULL) != 0)
		lose(b);
}

void broker_note(struct broker *b, int priority, const char *text)
{
	struct message_note note = {.head = {MESSAGE_NOTE, 0}, .priority = (uint32_t)priority};

	snprintf(note.text, sizeof(note.text), "%s", text);
	broker_tell(b, &note);
}

/* 1; 0 when no message came in time; -1 when the monitor has closed the pair. */
static int receive(struct broker *b, int timeout_ms)
{
	struct pollfd p = {.fd = b->fd, .events = POLLIN};
	int rc;

	do
		rc = poll(&p, 1, timeout_ms);
	while (rc < 0 && errno == EINTR);
	if (rc == 0)
		return 0;
	rc = rc > 0 ? message_recv(b->fd, &b->in, MESSAGE_TO_SESSION) : -1;
	if (rc == 1 && message_allowed(b->in.head.type, b->state))
		return 1;
	if (rc == 1)
		message_close_fds(&b->in);
	lose(b);
	return -1;
}

bool broker_ask(struct broker *b, const void *question)
{
	const struct message_head *asked = question;

	broker_tell(b, question);
	while (!b->gone && !b->ended) {
		const int rc = receive(b, MONITOR_MS);

		if (rc == 0)
			lose(b);
		if (rc != 1)
			return false;
		if (message_answers(b->in.head.type) == asked->type && b->in.head.id == asked->id)
			return true;
		b->late(b->arg, &b->in);
		message_close_fds(&b->in);
	}
	return false;
}

void broker_poll(struct broker *b)
{
	while (!b->ended && !b->gone && receive(b, 0) == 1) {
		b->late(b->arg, &b->in);
		message_close_fds(&b->in);
	}
}
