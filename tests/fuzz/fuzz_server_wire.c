// SPDX-License-Identifier: BSD-2-Clause
/*
 * One message of another process, with as many descriptors as the first byte says, read by the
 * fields that the second asks for: no byte beyond it is touched, and no descriptor stays.
 */
#include "fuzz.h"

#include <errno.h>
#include <sys/socket.h>

#include "wire.h"

static int pair[2];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair);
}

static void read_fields(struct wire *w, uint8_t fields)
{
	const size_t max = fields & 0x80 ? 16 : WIRE_MAX;
	char text[64];
	size_t n = 0;
	const void *p = NULL;

	for (; fields; fields = (uint8_t)(fields >> 2)) {
		switch (fields & 3) {
		case 0:
			wire_get_u32(w);
			break;
		case 1:
			wire_get_u64(w);
			break;
		case 2:
			p = wire_get_bytes(w, &n, max);
			EXPECT(p && n <= max && (n == 0 || !w->bad));
			EXPECT(!n || ((const uint8_t *)p >= w->buf &&
				      (const uint8_t *)p + n <= w->buf + w->len));
			break;
		default:
			wire_get_text(w, text, sizeof(text));
			EXPECT(strlen(text) < sizeof(text));
		}
		EXPECT(w->pos <= w->len && w->len <= WIRE_MAX);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const int before = fuzz_next_fd();
	struct wire w = {.fds = {-1, -1}};
	struct wire out = {.fds = {-1, -1}};

	if (size < 3 || size - 2 > WIRE_MAX)
		return 0;
	memcpy(out.buf, data + 2, out.len = size - 2);
	for (size_t i = 0; i < (data[0] & 3u) && i < WIRE_FDS; i++)
		wire_attach(&out, STDERR_FILENO);
	EXPECT(wire_send(pair[0], &out) == 0);
	if (wire_recv(pair[1], &w, (data[0] >> 2) % (WIRE_FDS + 1)) == 1) {
		EXPECT(w.len == out.len && memcmp(w.buf, out.buf, w.len) == 0);
		EXPECT((int)wire_type(&w) == data[2]);
		read_fields(&w, data[1]);
		EXPECT(!wire_done(&w) || (!w.bad && w.pos == w.len));
		wire_close_fds(&w);
	} else {
		EXPECT(errno == EBADMSG);
	}
	EXPECT(fuzz_next_fd() == before);
	return 0;
}
