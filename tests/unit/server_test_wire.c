// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fds.h"
#include "wire.h"

static int pair[2];
static struct wire w;
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

TestSuite(wire, .init = set_up, .fini = tear_down);

static void send_raw(const void *p, size_t n)
{
	cr_assert_eq(send(pair[0], p, n, 0), (ssize_t)n);
}

/* Sends one message of len bytes with n descriptors, whatever wire_send would have said. */
static void send_fds(size_t len, size_t n)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(4 * sizeof(int))];
	} control = {0};
	uint8_t type = WIRE_OPENED;
	struct iovec iov = {.iov_base = &type, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control};
	int fds[4] = {pair[0], pair[0], pair[0], pair[0]};

	msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_RIGHTS;
	control.align.cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(&control.align), fds, n * sizeof(int));
	cr_assert_eq(sendmsg(pair[0], &msg, 0), (ssize_t)len);
}

static void build(void)
{
	wire_start(&w, WIRE_CLOSED);
	wire_put_u32(&w, 0x01020304);
	wire_put_u64(&w, 0x05060708090a0b0c);
	wire_put_bytes(&w, "\0\xff", 2);
	wire_put_text(&w, "text");
	wire_put_bytes(&w, NULL, 0);
}

/* The fields that build() put. Returns how many of them read as they were. */
static int read_back(void)
{
	char text[5] = "?";
	size_t n = 99;
	int good = 0;
	const void *p;

	good += wire_get_u32(&w) == 0x01020304;
	good += wire_get_u64(&w) == 0x05060708090a0b0c;
	p = wire_get_bytes(&w, &n, 2);
	good += n == 2 && memcmp(p, "\0\xff", 2) == 0;
	cr_expect(n == 2 || n == 0);
	wire_get_text(&w, text, sizeof(text));
	good += strcmp(text, "text") == 0;
	cr_expect(strcmp(text, "text") == 0 || text[0] == '\0');
	p = wire_get_bytes(&w, &n, 0);
	cr_expect(p && n == 0);
	return good;
}

Test(wire, round_trip)
{
	struct stat sent, got;
	int fd;

	build();
	wire_attach(&w, pair[0]);
	wire_attach(&w, STDIN_FILENO);
	cr_assert_eq(wire_send(pair[0], &w), 0);
	cr_assert_eq(wire_recv(pair[1], &w, 2), 1);
	cr_expect_eq(wire_type(&w), WIRE_CLOSED);
	cr_expect_not(wire_done(&w), "nothing was read yet");
	cr_expect_eq(read_back(), 4);
	cr_expect(wire_done(&w));

	fd = wire_take_fd(&w, 0);
	cr_assert_geq(fd, 0);
	cr_expect_eq(wire_take_fd(&w, 0), -1, "taken twice");
	cr_expect_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	cr_expect(fstat(fd, &got) == 0 && fstat(pair[0], &sent) == 0);
	cr_expect_eq(got.st_ino, sent.st_ino);
	close(fd);
	wire_close_fds(&w);
	cr_expect_eq(w.fds[1], -1);
	wire_close_fds(&w);
}

Test(wire, cut_at_every_byte)
{
	uint8_t whole[256] = {0};
	size_t len;

	build();
	len = w.len;
	memcpy(whole, w.buf, len);
	for (size_t n = 1; n <= len + 1; n++) {
		send_raw(whole, n);
		cr_assert_eq(wire_recv(pair[1], &w, 0), 1);
		cr_expect_eq(wire_type(&w), WIRE_CLOSED);
		cr_expect_eq(read_back() == 4, n >= len - 4, "%zu of %zu", n, len);
		cr_expect_eq(wire_done(&w), n == len, "%zu of %zu", n, len);
		cr_expect_eq(w.bad, n < len, "%zu of %zu", n, len);
	}
}

/* One field of bytes or text, of which a reader takes at most 4. */
static const struct {
	const char *field;
	size_t len;
	bool bytes_ok, text_ok;
} fields[] = {
    {"\0\0\0\0", 4, true, true},
    {"\4\0\0\0abcd", 8, true, true},
    {"\5\0\0\0abcde", 9, false, false},
    {"\4\0\0\0abc", 7, false, false},
    {"\4\0\0\0abcde", 9, false, false},
    {"\3\0\0\0a\0c", 7, true, false},
    {"\1\0\0\0\0", 5, true, false},
    {"\4\0\0\0abc\0", 8, true, false},
    {"\xff\xff\xff\xff"
     "abcd",
     8, false, false},
    {"\0\0\0\x80"
     "abcd",
     8, false, false},
    {"\0\0\0", 3, false, false},
};

Test(wire, lengths_and_nul_bytes)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		uint8_t msg[16] = {WIRE_NOTE};
		char text[5];
		size_t n;

		memcpy(msg + 1, fields[i].field, fields[i].len);
		for (int as_text = 0; as_text < 2; as_text++) {
			bool ok = as_text ? fields[i].text_ok : fields[i].bytes_ok;

			send_raw(msg, 1 + fields[i].len);
			cr_assert_eq(wire_recv(pair[1], &w, 0), 1);
			if (as_text)
				wire_get_text(&w, text, sizeof(text));
			else
				wire_get_bytes(&w, &n, 4);
			cr_expect_eq(wire_done(&w), ok, "%zu as %d", i, as_text);
			if (as_text && !ok && fields[i].bytes_ok)
				cr_expect_str_empty(text, "%zu", i);
		}
	}
}

/* What does not fit; each is put behind `room` bytes that are left. */
static void put_u32(void)
{
	wire_put_u32(&w, 1);
}

static void put_u64(void)
{
	wire_put_u64(&w, 1);
}

static void put_text(void)
{
	wire_put_text(&w, "12345");
}

static void put_too_many(void)
{
	wire_put_bytes(&w, "", SIZE_MAX);
}

static void put_no_more(void)
{
}

static void attach_three(void)
{
	for (int i = 0; i < 3; i++)
		wire_attach(&w, pair[0]);
}

static const struct {
	void (*put)(void);
	size_t room;
	bool fits;
} fitting[] = {
    {put_no_more, 0, true}, {put_u32, 4, true},		 {put_u32, 3, false},
    {put_u64, 8, true},	    {put_u64, 7, false},	 {put_text, 9, true},
    {put_text, 8, false},   {put_text, 3, false},	 {put_too_many, 64, false},
    {put_u32, 0, false},    {attach_three, 4096, false},
};

Test(wire, what_does_not_fit_is_not_sent)
{
	static const uint8_t fill[WIRE_MAX];

	for (size_t i = 0; i < sizeof(fitting) / sizeof(*fitting); i++) {
		wire_start(&w, WIRE_HOSTKEY);
		wire_put_bytes(&w, fill, WIRE_MAX - 5 - fitting[i].room);
		cr_assert_not(w.bad);
		fitting[i].put();
		errno = 0;
		cr_expect_eq(wire_send(pair[0], &w), fitting[i].fits ? 0 : -1, "%zu", i);
		cr_expect_eq(errno, fitting[i].fits ? 0 : EMSGSIZE, "%zu", i);
		cr_expect_eq(wire_recv(pair[1], &w, 0), fitting[i].fits ? 1 : -1, "%zu", i);
		cr_expect_eq(errno, fitting[i].fits ? 0 : EAGAIN, "%zu", i);
	}
	wire_start(&w, WIRE_HOSTKEY);
	cr_expect_not(w.bad, "a new message starts afresh");
	wire_put_bytes(&w, fill, WIRE_MAX + 1);
	cr_expect(w.bad);
}

Test(wire, an_oversized_message_is_refused)
{
	uint8_t big[WIRE_MAX + 1] = {WIRE_NOTE};

	send_raw(big, sizeof(big));
	cr_expect_eq(wire_recv(pair[1], &w, 0), -1);
	cr_expect_eq(errno, EBADMSG);
	send_raw(big, sizeof(big) - 1);
	cr_expect_eq(wire_recv(pair[1], &w, 0), 1);
	cr_expect_eq(w.len, WIRE_MAX);
}

/* tear_down sees those that were not closed. */
Test(wire, surplus_descriptors_are_refused_and_closed)
{
	for (size_t sent = 1; sent <= 4; sent++)
		for (size_t max = 0; max <= WIRE_FDS; max++) {
			bool ok = sent <= max;

			send_fds(1, sent);
			cr_expect_eq(wire_recv(pair[1], &w, max), ok ? 1 : -1, "%zu of %zu", sent,
				     max);
			cr_expect(ok || errno == EBADMSG, "%zu of %zu", sent, max);
			for (size_t i = 0; i < WIRE_FDS; i++)
				cr_expect_eq(w.fds[i] >= 0, ok && i < sent, "%zu of %zu", sent,
					     max);
			cr_expect_eq(count_fds(), fds_before + (ok ? sent : 0), "%zu of %zu", sent,
				     max);
			wire_close_fds(&w);
		}
}

Test(wire, an_empty_message_is_none)
{
	send_raw("", 0);
	cr_expect_neq(wire_recv(pair[1], &w, 1), 1);
	for (size_t max = 0; max <= 1; max++) {
		send_fds(0, 1);
		cr_expect_eq(wire_recv(pair[1], &w, max), -1, "%zu", max);
		cr_expect_eq(errno, EBADMSG, "%zu", max);
	}
}

Test(wire, unknown_types_are_the_readers_to_refuse)
{
	for (unsigned type = 0; type < 256; type++) {
		send_raw(&(uint8_t){(uint8_t)type}, 1);
		cr_assert_eq(wire_recv(pair[1], &w, 0), 1);
		cr_expect_eq((unsigned)wire_type(&w), type);
		cr_expect(wire_done(&w));
		cr_expect_eq(wire_get_u32(&w), 0);
		cr_expect_not(wire_done(&w));
	}
}

Test(wire, nothing_there_and_no_room)
{
	cr_expect_eq(wire_recv(pair[1], &w, 1), -1);
	cr_expect_eq(errno, EAGAIN);
	wire_start(&w, WIRE_START);
	while (wire_send(pair[0], &w) == 0)
		;
	cr_expect_eq(errno, EAGAIN);
	wire_attach(&w, pair[0]);
	cr_expect_eq(wire_send(pair[0], &w), -1);
	cr_expect_eq(errno, EAGAIN);
}

/* Who dies without having read what was sent to it is heard all the same. */
Test(wire, last_words)
{
	build();
	cr_assert_eq(wire_send(pair[1], &w), 0);
	cr_assert_eq(wire_send(pair[0], &w), 0);
	close(pair[0]);
	cr_expect_eq(wire_recv(pair[1], &w, 0), 1, "%s", strerror(errno));
	cr_expect_eq(wire_type(&w), WIRE_CLOSED);
	cr_expect_eq(wire_recv(pair[1], &w, 0), 0);
	close(pair[1]);
	fds_before -= 2;
}

Test(wire, the_end)
{
	int other[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, other), 0);
	wire_start(&w, WIRE_START);
	cr_assert_eq(wire_send(other[0], &w), 0);
	close(other[0]);
	cr_expect_eq(wire_recv(other[1], &w, 1), 1, "sent before the end");
	cr_expect_eq(wire_recv(other[1], &w, 1), 0);
	cr_expect_eq(wire_recv(other[1], &w, 0), 0);
	cr_expect_eq(wire_send(other[1], &w), -1, "and no SIGPIPE");
	cr_expect_eq(errno, EPIPE);
	close(other[1]);
	cr_expect_eq(wire_recv(other[1], &w, 0), -1);
	cr_expect_eq(errno, EBADF);
}
