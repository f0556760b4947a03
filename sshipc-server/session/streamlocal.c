// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the session process and in the spawner's self-test: libssh calls this function in place
 * of its own while it parses a packet.  It may remove nothing from the packet, and its findings are
 * used only for the open that libssh reports next.
 */
#include "streamlocal.h"

#include <arpa/inet.h>
#include <libssh/libssh.h>
#include <string.h>

#include "interpose.h"
#include "unanswered.h"

static const char name_streamlocal[] = "direct-streamlocal@openssh.com";
static const char name_tcpip[] = "direct-tcpip";

/* The reads by which libssh unpacks a CHANNEL_OPEN (RFC 4254 section 5.1, 7.2), after the name of
 * its type. */
enum step {
	SENDER,
	WINDOW,
	MAX_PACKET,
	END_OF_STREAMLOCAL, /* the path is still in the buffer */
	HOST_LENGTH = END_OF_STREAMLOCAL,
	HOST,
	PORT,
	ORIGIN_LENGTH,
	ORIGIN,
	ORIGIN_PORT,
	END_OF_TCPIP,
};

/* One process has one session, and one packet is read at a time. */
static struct {
	enum { NOTHING, TCPIP, STREAMLOCAL } type;
	enum step step;	     /* the read expected next */
	uint32_t length;     /* of the next string */
	uint32_t max_packet; /* in network byte order */
	ssh_buffer buffer;
} seen;

static enum step last_step(void)
{
	return seen.type == TCPIP ? END_OF_TCPIP : END_OF_STREAMLOCAL;
}

/* A read that is not the expected one ends the current open; it may be the type name of another. */
static void note(ssh_buffer buffer, const void *data, uint32_t len)
{
	const bool text = seen.step == HOST || seen.step == ORIGIN;
	uint32_t word = 0;

	if (len == 0) /* an empty string is not read */
		return;
	if (seen.type != NOTHING && seen.step < last_step() && seen.buffer == buffer &&
	    len == (text ? seen.length : sizeof(word))) {
		if (!text)
			memcpy(&word, data, sizeof(word));
		if (seen.step == MAX_PACKET)
			seen.max_packet = word;
		if (seen.step == HOST_LENGTH || seen.step == ORIGIN_LENGTH) {
			seen.length = ntohl(word);
			if (seen.length == 0)
				seen.step++;
		}
		seen.step++;
		return;
	}
	if (len == sizeof(name_streamlocal) - 1 && memcmp(data, name_streamlocal, len) == 0)
		seen.type = STREAMLOCAL;
	else if (len == sizeof(name_tcpip) - 1 && memcmp(data, name_tcpip, len) == 0)
		seen.type = TCPIP;
	else
		seen.type = NOTHING;
	seen.step = SENDER;
	seen.buffer = buffer;
}

uint32_t ssh_buffer_get_data(ssh_buffer buffer, void *data, uint32_t requestedlen)
{
	static uint32_t (*real)(ssh_buffer, void *, uint32_t);
	uint32_t got;

	if (!real)
		*(void **)&real = interpose_next("ssh_buffer_get_data");
	got = real(buffer, data, requestedlen);
	if (got == requestedlen) {
		note(buffer, data, requestedlen);
		unanswered_read(buffer, data, requestedlen);
	}
	return got;
}

/* string path, string reserved, uint32 reserved: only the path is read, and it must be one that can
 * be dialled. */
static void read_path(char path[STREAMLOCAL_PATH + 1])
{
	const uint8_t *p = ssh_buffer_get(seen.buffer);
	const uint32_t left = ssh_buffer_get_len(seen.buffer);
	uint32_t n;

	path[0] = '\0';
	if (!p || left < sizeof(n))
		return;
	memcpy(&n, p, sizeof(n));
	n = ntohl(n);
	p += sizeof(n);
	if (n > left - sizeof(n) || n == 0 || n > STREAMLOCAL_PATH || p[0] != '/' ||
	    memchr(p, '\0', n))
		return;
	memcpy(path, p, n);
	path[n] = '\0';
}

bool streamlocal_take(struct channel_open_fields *out)
{
	const bool complete = seen.type != NOTHING && seen.step == last_step();

	memset(out, 0, sizeof(*out));
	out->streamlocal = complete && seen.type == STREAMLOCAL;
	out->max_packet = ntohl(seen.max_packet);
	if (out->streamlocal)
		read_path(out->path);
	seen.type = NOTHING;
	return complete;
}

bool streamlocal_seen_path(char *path, size_t size)
{
	struct channel_open_fields f;

	if (!streamlocal_take(&f) || !f.streamlocal || strlen(f.path) >= size)
		return false;
	memcpy(path, f.path, strlen(f.path) + 1);
	return true;
}
