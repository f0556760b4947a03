// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fds.h"
#include "message.h"

static int pair[2];
static struct message m;
static size_t fds_before;

static void set_up(void)
{
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
		     0);
	fds_before = count_fds();
}

static void tear_down(void)
{
	check_at_end(count_fds() == fds_before, "descriptors leaked");
}

TestSuite(message, .init = set_up, .fini = tear_down);

static void send_raw(const void *p, size_t n)
{
	cr_assert_eq(send(pair[0], p, n, 0), (ssize_t)n);
}

/* So many bytes of a message with n descriptors, whatever message_send would have said. */
static void send_fds(uint32_t type, size_t len, size_t n)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(4 * sizeof(int))];
	} control = {0};
	struct message_opened whole = {.head = {type, 1}};
	struct iovec iov = {.iov_base = &whole, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control};
	int fds[4] = {pair[0], pair[0], pair[0], pair[0]};

	msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_RIGHTS;
	control.align.cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(&control.align), fds, n * sizeof(int));
	cr_assert_eq(sendmsg(pair[0], &msg, 0), (ssize_t)len);
}

static const enum message_way ways[] = {MESSAGE_OF_SESSION, MESSAGE_TO_SESSION, MESSAGE_OF_SPAWNER,
					MESSAGE_TO_SPAWNER, MESSAGE_OF_DIALLER, MESSAGE_TO_DIALLER};

/* How many descriptors it takes to send an empty one. */
static int n_fds(const struct message *empty)
{
	static const int fds[MESSAGE_FDS] = {STDIN_FILENO, STDIN_FILENO};

	cr_assert_gt(message_size(empty), 0, "%s", message_name(empty->head.type));
	if (message_send(pair[0], empty, NULL) == 0)
		return 0;
	cr_assert_eq(errno, EMSGSIZE);
	cr_assert_eq(message_send(pair[0], empty, fds), 0, "%s", message_name(empty->head.type));
	return empty->head.type == MESSAGE_SPAWN ? 2 : 1;
}

/* Each type has a row; it goes one way (the last words of a helper two), and comes as it was sent,
 * from a session without any descriptor. */
Test(message, every_type)
{
	for (uint32_t type = 1; type < MESSAGE_TYPES; type++) {
		const struct message empty = {.head = {type, 7}};
		const char *name = message_name(type);
		int allowed = 0;

		cr_expect_str_neq(name, "unknown message", "%u", type);
		for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
			const int fds = n_fds(&empty);
			const int rc = message_recv(pair[1], &m, ways[i]);

			if (rc == 1)
				allowed++;
			else
				cr_expect(errno == EPROTO || errno == EBADMSG, "%s", name);
			cr_expect_eq(m.head.type, type);
			cr_expect_eq(m.head.id, 7);
			cr_expect_eq(count_fds(), fds_before + (rc == 1 ? (size_t)fds : 0), "%s",
				     name);
			cr_expect(rc != 1 || fds == 0 || !(ways[i] & MESSAGE_OF_SESSION), "%s",
				  name);
			message_close_fds(&m);
		}
		cr_expect_eq(allowed, type == MESSAGE_FAILED ? 2 : 1, "%s", name);
	}
}

/* Those that no state allows are no session's; an answer is allowed where its question is. */
Test(message, states)
{
	for (uint32_t type = 1; type < MESSAGE_TYPES; type++) {
		const uint32_t question = message_answers(type);
		const bool any = message_allowed(type, (enum message_state)15);

		cr_expect_eq(any, type < MESSAGE_SETUP, "%s", message_name(type));
		for (int state = 1; state < 16; state *= 2)
			cr_expect(!question ||
				      message_allowed(type, (enum message_state)state) ==
					  message_allowed(question, (enum message_state)state),
				  "%s", message_name(type));
	}
}

Test(message, types_that_are_none)
{
	static const uint32_t none[] = {0, MESSAGE_TYPES, MESSAGE_TYPES + 1, UINT32_MAX};

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		const struct message_head head = {none[i], 0};

		cr_expect_str_eq(message_name(none[i]), "unknown message");
		cr_expect_not(message_allowed(none[i], MESSAGE_UP));
		cr_expect_eq(message_answers(none[i]), 0);
		cr_expect_eq(message_send(pair[0], &head, NULL), -1);
		cr_expect_eq(errno, EMSGSIZE);
		send_raw(&head, sizeof(head));
		cr_expect_eq(message_recv(pair[1], &m, MESSAGE_OF_SESSION), -1);
		cr_expect_eq(errno, EPROTO);
	}
}

/* Texts before the end go in full, what is at the end as long as it is. */
static const struct message_report report = {{MESSAGE_REPORT, 0}, "1", "two\n", "three"};
static const struct message_attempt attempt = {{MESSAGE_ATTEMPT, 0}, 3, 4, "five", "six", "\0\xff"};
static const struct message_exited exited = {{MESSAGE_EXITED, 1}, UINT64_MAX, -2};

static const struct {
	const void *message;
	size_t size, wanted;
	enum message_way way;
} whole[] = {
    {&report, sizeof(report), offsetof(struct message_report, files) + 6, MESSAGE_OF_SPAWNER},
    {&attempt, sizeof(attempt), offsetof(struct message_attempt, key) + 3, MESSAGE_OF_SESSION},
    {&exited, sizeof(exited), offsetof(struct message_exited, status) + 4, MESSAGE_OF_SPAWNER},
};

Test(message, cut_at_every_byte)
{
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		struct message copy = {.fds = {-1, -1}};

		memcpy(&copy, whole[i].message, whole[i].size);
		cr_assert_eq(message_size(&copy), whole[i].wanted, "%zu", i);
		for (size_t n = 1; n <= whole[i].wanted + 1; n++) {
			const bool good = n == whole[i].wanted;

			memset(&m, 0xa5, sizeof(m)); /* no end of a text stands behind it */
			send_raw(&copy, n);
			cr_expect_eq(message_recv(pair[1], &m, whole[i].way), good ? 1 : -1,
				     "%zu of %zu", n, whole[i].wanted);
			cr_expect(good || errno == EPROTO, "%zu of %zu", n, whole[i].wanted);
			cr_expect(!good || memcmp(&m, &copy, n) == 0);
		}
	}
}

/* A message of each form, with one member that has too much. */
static void no_end(struct message *w)
{
	w->note.head.type = MESSAGE_NOTE;
	memset(w->note.text, 't', sizeof(w->note.text));
}

static void no_end_within(struct message *w)
{
	w->open.head.type = MESSAGE_OPEN;
	memset(w->open.origin, 'o', sizeof(w->open.origin));
}

static void too_long(struct message *w)
{
	w->probe.head.type = MESSAGE_PROBE;
	w->probe.key_len = sizeof(w->probe.key) + 1;
}

static void far_too_long(struct message *w)
{
	w->sign.head.type = MESSAGE_SIGN;
	w->sign.hashed_len = SIZE_MAX;
}

static void too_long_within(struct message *w)
{
	w->left.head.type = MESSAGE_LEFT;
	w->left.first_len = sizeof(w->left.first) + 1;
}

Test(message, what_does_not_fit_is_neither_sent_nor_taken)
{
	static void (*const lies[])(struct message *) = {no_end, no_end_within, too_long,
							 far_too_long, too_long_within};
	static const size_t sizes[] = {sizeof(struct message_note), sizeof(struct message_open),
				       sizeof(struct message_probe), sizeof(struct message_sign),
				       sizeof(struct message_left)};

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct message lie = {.fds = {-1, -1}};

		lies[i](&lie);
		cr_expect_eq(message_size(&lie), 0, "%zu", i);
		cr_expect_eq(message_send(pair[0], &lie, NULL), -1, "%zu", i);
		cr_expect_eq(errno, EMSGSIZE, "%zu", i);
		for (size_t cut = 0; cut < 8; cut++) { /* behind it there may be a hole */
			send_raw(&lie, sizes[i] - cut);
			cr_expect_eq(message_recv(pair[1], &m, MESSAGE_OF_SESSION), -1, "%zu", i);
			cr_expect_eq(errno, EPROTO, "%zu", i);
		}
	}
}

Test(message, an_oversized_message_is_refused)
{
	static const uint8_t big[sizeof(struct message) + 1] = {MESSAGE_NOTE};

	send_raw(big, sizeof(big));
	cr_expect_eq(message_recv(pair[1], &m, MESSAGE_OF_SESSION), -1);
	cr_expect_eq(errno, EBADMSG);
}

/* tear_down sees those that were not closed. */
Test(message, the_number_of_descriptors_is_that_of_the_table)
{
	static const struct {
		uint32_t type;
		size_t size, fds;
		enum message_way way;
	} rows[] = {
	    {MESSAGE_ALIVE, 8, 0, MESSAGE_OF_SESSION},	 {MESSAGE_CHECK, 8, 0, MESSAGE_TO_SESSION},
	    {MESSAGE_OPENED, 12, 1, MESSAGE_TO_SESSION}, {MESSAGE_SPAWN, 8, 2, MESSAGE_TO_SPAWNER},
	    {MESSAGE_DIALLED, 8, 1, MESSAGE_OF_DIALLER},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t sent = 0; sent <= 4; sent++) {
			const bool good = sent == rows[i].fds;

			send_fds(rows[i].type, rows[i].size, sent);
			cr_expect_eq(message_recv(pair[1], &m, rows[i].way), good ? 1 : -1,
				     "%zu: %zu", i, sent);
			cr_expect(good || errno == EBADMSG || errno == EPROTO);
			cr_expect_eq(count_fds(), fds_before + (good ? sent : 0), "%zu: %zu", i,
				     sent);
			message_close_fds(&m);
			cr_expect(m.fds[0] == -1 && m.fds[1] == -1);
		}
}

Test(message, a_descriptor_arrives)
{
	const struct message_opened opened = {{MESSAGE_OPENED, 0x01020304}, 1};
	struct stat sent, got;
	int fd;

	cr_assert_eq(message_send(pair[0], &opened, &pair[0]), 0);
	cr_assert_eq(message_recv(pair[1], &m, MESSAGE_TO_SESSION), 1);
	cr_expect_eq(m.head.id, 0x01020304);
	cr_expect_eq(m.opened.one_way, 1);
	fd = message_take_fd(&m, 0);
	cr_assert_geq(fd, 0);
	cr_expect_eq(message_take_fd(&m, 0), -1, "taken twice");
	cr_expect_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	cr_expect(fstat(fd, &got) == 0 && fstat(pair[0], &sent) == 0);
	cr_expect_eq(got.st_ino, sent.st_ino);
	close(fd);
}

Test(message, an_empty_message_is_none)
{
	send_raw("", 0);
	cr_expect_neq(message_recv(pair[1], &m, MESSAGE_TO_SESSION), 1);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		send_fds(0, 0, 1);
		cr_expect_eq(message_recv(pair[1], &m, ways[i]), -1, "%zu", i);
		cr_expect(errno == EBADMSG || errno == EPROTO, "%zu", i);
	}
}

static const struct message_head start = {MESSAGE_START, 0};

Test(message, nothing_there_and_no_room)
{
	const struct message_head spawn = {MESSAGE_SPAWN, 0};

	cr_expect_eq(message_recv(pair[1], &m, MESSAGE_TO_SPAWNER), -1);
	cr_expect_eq(errno, EAGAIN);
	while (message_send(pair[0], &start, NULL) == 0)
		;
	cr_expect_eq(errno, EAGAIN);
	cr_expect_eq(message_send(pair[0], &spawn, pair), -1);
	cr_expect_eq(errno, EAGAIN);
}

/* Who dies without having read what was sent to it is heard all the same. */
Test(message, last_words)
{
	const struct message_failed words = {{MESSAGE_FAILED, 0}, 78, "last words"};

	cr_assert_eq(message_send(pair[1], &start, NULL), 0);
	cr_assert_eq(message_send(pair[0], &words, NULL), 0);
	close(pair[0]);
	cr_expect_eq(message_recv(pair[1], &m, MESSAGE_OF_SPAWNER), 1, "%s", strerror(errno));
	cr_expect_str_eq(m.failed.text, "last words");
	cr_expect_eq(message_recv(pair[1], &m, MESSAGE_OF_SPAWNER), 0);
	close(pair[1]);
	fds_before -= 2;
}

Test(message, the_end)
{
	int other[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, other), 0);
	cr_assert_eq(message_send(other[0], &start, NULL), 0);
	close(other[0]);
	cr_expect_eq(message_recv(other[1], &m, MESSAGE_TO_SPAWNER), 1, "sent before the end");
	cr_expect_eq(message_recv(other[1], &m, MESSAGE_TO_SPAWNER), 0);
	cr_expect_eq(message_recv(other[1], &m, MESSAGE_OF_SESSION), 0);
	cr_expect_eq(message_send(other[1], &start, NULL), -1, "and no SIGPIPE");
	cr_expect_eq(errno, EPIPE);
	close(other[1]);
	cr_expect_eq(message_recv(other[1], &m, MESSAGE_TO_SPAWNER), -1);
	cr_expect_eq(errno, EBADF);
}
