// SPDX-License-Identifier: BSD-2-Clause
/* What of a session process can be seen without a peer; the rest is in tests/e2e. */
#include <criterion/criterion.h>
#include <libssh/server.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alloc.h"
#include "loop.h"
#include "message.h"
#include "session_internal.h"

/* Slots: 0 and 1 of channels, 2 of .status. */
static const struct {
	const char *what;
	uint32_t id;
	int slot; /* -1: nobody's */
} ids[] = {
    {"a channel", 0x30000, 0},
    {"the one of .status", 0x70002, 2},
    {"one that had the slot before", 0x20000, -1},
    {"one that will have it", 0x40000, -1},
    {"a free slot", 0x30001, -1},
    {"a slot that there is not", 0x30003, -1},
    {"the largest", UINT32_MAX, -1},
    {"none", 0, -1},
};

Test(session, an_answer_names_its_channel)
{
	struct chan first = {.id = 0x30000}, status = {.id = 0x70002};
	struct chan *slots[] = {&first, NULL, &status};
	const struct session before_login = {.max = 0}, s = {.max = 2, .slots = slots};

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		const struct chan *wanted = ids[i].slot < 0 ? NULL : slots[ids[i].slot];

		cr_expect_eq(session_chan(&s, ids[i].id), wanted, "%s", ids[i].what);
		cr_expect_null(session_chan(&before_login, ids[i].id), "%s", ids[i].what);
	}
}

/* ---- answers to an open ---- */

/* In place of libssh's: what the client is told. */
static int refusals;

int ssh_message_reply_default(ssh_message message)
{
	refusals++;
	return SSH_OK;
}

static const struct {
	const char *what;
	uint32_t said[3]; /* by the monitor, before the client is told */
	bool closed;	  /* it counts the open as a channel, and has to be told of its end */
} answers[] = {
    {"refused", {MESSAGE_REFUSED}, false},
    {"refused while it was pending", {MESSAGE_PENDING, MESSAGE_REFUSED}, true},
};

Test(session, an_open_is_refused_before_the_client_was_told)
{
	enum { ID = 0x30000 };

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct event_base *base = loop_new();
		const struct sshloop_config config = {.keepalive = 0};
		const struct sshloop_ops ops = {.arg = NULL};
		struct chan *slots[] = {NULL, NULL}, *c = xcalloc(1, sizeof(*c));
		uint32_t free_slots[1];
		struct session s = {.max = 1, .slots = slots, .free_slots = free_slots};
		struct message m;
		int ssh[2], broker[2];

		cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ssh), 0);
		cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, broker), 0);
		s.loop = sshloop_new(base, NULL, ssh[0], &config, &ops);
		s.broker = (struct broker){.fd = broker[0], .state = MESSAGE_UP, .asked = 1};
		TAILQ_INIT(&s.answered);
		/* libssh frees it: more than its own message, and of no kind. */
		*c = (struct chan){.id = ID, .s = &s, .open = xcalloc(1, 4096), .fd = -1};
		slots[0] = c;
		refusals = 0;
		for (const uint32_t *say = answers[i].said; *say; say++) {
			m = (struct message){.head = {*say, ID}, .fds = {-1, -1}};
			session_on_late(&s, &m);
		}
		cr_expect_eq(s.broker.asked, 0, "%s", answers[i].what);
		cr_expect_eq(refusals, 0, "%s: the client is told in the next pass",
			     answers[i].what);
		session_answer_opens(&s);
		cr_expect_eq(refusals, 1, "%s", answers[i].what);
		cr_expect(!slots[0] && s.n_free == 1, "%s: its slot is free", answers[i].what);
		close(broker[0]);
		cr_expect_eq(message_recv(broker[1], &m, MESSAGE_OF_SESSION), answers[i].closed,
			     "%s", answers[i].what);
		if (answers[i].closed)
			cr_expect(m.head.type == MESSAGE_CLOSED && m.head.id == ID &&
				      m.closed.end == RELAY_END_NO_SOCKET,
				  "%s", answers[i].what);
		close(broker[1]);
		close(ssh[1]);
	}
}
