// SPDX-License-Identifier: BSD-2-Clause
/*
 * A session that asks the monitor and hears whatever comes: pieces of the input, each with a length
 * before it, one in four with a descriptor.
 */
#include "fuzz.h"

#include <sys/socket.h>

#include "broker.h"

static const enum wire_type answers[] = {WIRE_OPENED, WIRE_PENDING, WIRE_REFUSED};
static const uint32_t id = 0x00010000;
static size_t late;

/* As the session reads what it did not ask for. */
static void on_late(void *arg, struct wire *w)
{
	char reason[256];

	late++;
	if (wire_type(w) == WIRE_END) {
		wire_get_text(w, reason, sizeof(reason));
		*(bool *)arg = true;
	} else if (wire_get_u32(w) == id && wire_type(w) == WIRE_OPENED) {
		const int fd = wire_take_fd(w, 0);

		if (fd >= 0)
			close(fd);
		wire_get_u32(w);
	}
}

static size_t feed(int sock, const uint8_t *data, size_t size)
{
	struct wire w = {.fds = {-1, -1}};
	size_t n, sent = 0;

	for (; size > 1; data += 1 + n, size -= 1 + n) {
		n = data[0] % 64 < size ? data[0] % 64 : size - 1;
		wire_close_fds(&w);
		memcpy(w.buf, data + 1, w.len = n);
		w.fds[0] = data[0] >= 0xc0 ? dup(STDERR_FILENO) : -1;
		if (wire_send(sock, &w) != 0)
			break;
		sent++;
	}
	wire_close_fds(&w);
	return sent;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const int before = fuzz_next_fd();
	bool ended = false;
	struct broker b = {.late = on_late, .arg = &ended};
	int pair[2];
	size_t sent;

	late = 0;
	EXPECT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) == 0);
	b.fd = pair[1];
	sent = feed(pair[0], data, size);
	wire_start(&b.out, WIRE_OPEN);
	/* No more comes after these. */
	EXPECT(shutdown(pair[0], SHUT_WR) == 0);
	if (broker_ask(&b, answers, &id, &ended)) {
		EXPECT(b.in.pos == 5 && !b.in.bad);
		wire_close_fds(&b.in);
		broker_poll(&b, &ended);
	}
	EXPECT((b.gone || ended) && late <= sent);
	close(pair[0]);
	close(pair[1]);
	EXPECT(fuzz_next_fd() == before);
	return 0;
}
