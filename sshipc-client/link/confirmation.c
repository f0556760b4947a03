// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the client's process, called by libssh from within its packet handler, and by openings.c.
 * It may call only libssh's functions that read the packet's buffer, and changes no byte of it.
 */
#include "confirmation.h"

#include <arpa/inet.h>
#include <libssh/libssh.h>
#include <string.h>

#include "interpose.h"

enum {
	OPEN_CONFIRMATION = 91,
	USUAL = 32768,
};

/* The process has one session, and one packet is read at a time. */
static struct {
	ssh_buffer buffer; /* the buffer whose last read was the type of a confirmation */
	unsigned count;	   /* confirmations not yet taken */
	uint32_t size;	   /* of the last one */
} small;

/* Behind the type come four numbers: our channel, theirs, the window, the maximum packet size.  The
 * first has just been read. */
static void look(ssh_buffer buffer)
{
	uint32_t rest[3];

	if (ssh_buffer_get_len(buffer) < sizeof(rest))
		return;
	memcpy(rest, ssh_buffer_get(buffer), sizeof(rest));
	if (ntohl(rest[2]) >= CONFIRMATION_LEAST)
		return;
	small.count++;
	small.size = ntohl(rest[2]);
	rest[1] = 0;
	rest[2] = htonl(USUAL);
	memcpy(ssh_buffer_get(buffer), rest, sizeof(rest));
}

uint32_t ssh_buffer_get_data(ssh_buffer buffer, void *data, uint32_t requestedlen)
{
	static uint32_t (*real)(ssh_buffer, void *, uint32_t);
	uint32_t got;

	if (!real)
		*(void **)&real = interpose_next("ssh_buffer_get_data");
	got = real(buffer, data, requestedlen);
	if (requestedlen == sizeof(uint32_t) && got == requestedlen && small.buffer == buffer)
		look(buffer);
	small.buffer =
	    requestedlen == 1 && got == 1 && *(uint8_t *)data == OPEN_CONFIRMATION ? buffer : NULL;
	return got;
}

bool confirmation_take_small(uint32_t *size)
{
	*size = small.size;
	if (small.count == 0)
		return false;
	small.count--;
	return true;
}

void confirmation_forget(void)
{
	small.count = 0;
}
