// SPDX-License-Identifier: BSD-2-Clause
#include "broker.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

enum { MONITOR_MS = 5000 }; /* until a silent monitor is given up */

void broker_tell(struct broker *b)
{
	if (!b->gone && wire_send(b->fd, &b->out) != 0)
		b->gone = true;
}

void broker_note(struct broker *b, int priority, const char *text)
{
	wire_start(&b->out, WIRE_NOTE);
	wire_put_u32(&b->out, (uint32_t)priority);
	wire_put_bytes(&b->out, text, strnlen(text, 512));
	broker_tell(b);
}

/* 1, or 0 when nothing came in time, or -1 when the monitor is gone. */
static int receive(struct broker *b, int timeout_ms)
{
	struct pollfd p = {.fd = b->fd, .events = POLLIN};
	int rc;

	do
		rc = poll(&p, 1, timeout_ms);
	while (rc < 0 && errno == EINTR);
	if (rc == 0)
		return 0;
	if (rc < 0 || wire_recv(b->fd, &b->in, 1) != 1) {
		b->gone = true;
		return -1;
	}
	return 1;
}

static bool is_answer(struct broker *b, const enum wire_type types[3], const uint32_t *id)
{
	const enum wire_type type = wire_type(&b->in);

	if (type != types[0] && type != types[1] && type != types[2])
		return false;
	if (!id || wire_get_u32(&b->in) == *id)
		return true;
	b->in.pos = 1;
	return false;
}

bool broker_ask(struct broker *b, const enum wire_type types[3], const uint32_t *id,
		const bool *stop)
{
	broker_tell(b);
	while (!b->gone && !*stop) {
		const int rc = receive(b, MONITOR_MS);

		if (rc == 0)
			b->gone = true;
		if (rc != 1)
			return false;
		if (is_answer(b, types, id))
			return true;
		b->late(b->arg, &b->in);
		wire_close_fds(&b->in);
	}
	return false;
}

void broker_poll(struct broker *b, const bool *stop)
{
	while (!*stop && !b->gone && receive(b, 0) == 1) {
		b->late(b->arg, &b->in);
		wire_close_fds(&b->in);
	}
}
