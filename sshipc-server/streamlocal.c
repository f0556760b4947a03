// SPDX-License-Identifier: BSD-2-Clause
#include "streamlocal.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <libssh/libssh.h>
#include <stdlib.h>
#include <string.h>

static const char name_streamlocal[] = "direct-streamlocal@openssh.com";
static const char name_tcpip[] = "direct-tcpip";

/* One process has one session, and one packet is read at a time. */
static struct {
	enum { NOTHING, TCPIP, STREAMLOCAL } type;
	unsigned words; /* read since the name: sender, window, maximum packet */
	uint32_t max_packet;
	ssh_buffer buffer;
} seen;

/* libssh unpacks a CHANNEL_OPEN (RFC 4254 section 5.1) as a string, then three words. Any other
 * read means that this is not one. */
static void note(ssh_buffer buffer, const void *data, uint32_t len)
{
	if (len == sizeof(name_streamlocal) - 1 && memcmp(data, name_streamlocal, len) == 0)
		seen.type = STREAMLOCAL;
	else if (len == sizeof(name_tcpip) - 1 && memcmp(data, name_tcpip, len) == 0)
		seen.type = TCPIP;
	else if (seen.type != NOTHING && len == sizeof(uint32_t) && seen.words < 3 &&
		 seen.buffer == buffer) {
		memcpy(&seen.max_packet, data, sizeof(seen.max_packet));
		seen.words++;
		return;
	} else {
		/* direct-tcpip goes on with its destination; streamlocal's is left in the buffer.
		 */
		if (seen.type != TCPIP || seen.words < 3)
			seen.type = NOTHING;
		return;
	}
	seen.words = 0;
	seen.buffer = buffer;
}

uint32_t ssh_buffer_get_data(ssh_buffer buffer, void *data, uint32_t requestedlen)
{
	static uint32_t (*real)(ssh_buffer, void *, uint32_t);
	uint32_t got;

	if (!real) {
		*(void **)&real = dlsym(RTLD_NEXT, "ssh_buffer_get_data");
		if (!real)
			abort();
	}
	got = real(buffer, data, requestedlen);
	if (got == requestedlen)
		note(buffer, data, requestedlen);
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
	const bool complete = seen.type != NOTHING && seen.words == 3;

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
