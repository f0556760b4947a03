// SPDX-License-Identifier: BSD-2-Clause
/* Feeds CHANNEL_OPENs to ssh_buffer_get_data in the order in which libssh reads them. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <libssh/libssh.h>
#include <string.h>

#include "interposed.h"
#include "streamlocal.h"

/* Public in libssh, in no header of it. */
uint32_t ssh_buffer_get_data(ssh_buffer buffer, void *data, uint32_t requestedlen);

#define STREAMLOCAL "direct-streamlocal@openssh.com"
#define TCPIP	    "direct-tcpip"

static ssh_buffer packet, other;

static void set_up(void)
{
	struct channel_open_fields f;

	packet = ssh_buffer_new();
	other = ssh_buffer_new();
	cr_assert(packet && other);
	streamlocal_take(&f);
}

static void tear_down(void)
{
	ssh_buffer_free(packet);
	ssh_buffer_free(other);
}

TestSuite(streamlocal, .init = set_up, .fini = tear_down);

static void read_bytes(ssh_buffer b, const void *bytes, uint32_t n)
{
	char got[256] = "";

	cr_assert_eq(ssh_buffer_add_data(b, bytes, n), 0);
	cr_assert_eq(ssh_buffer_get_data(b, got, n), n);
	cr_assert_eq(memcmp(got, bytes, n), 0, "the bytes pass unchanged");
}

static void read_word(ssh_buffer b, uint32_t v)
{
	v = htonl(v);
	read_bytes(b, &v, sizeof(v));
}

static void read_text(ssh_buffer b, const char *s)
{
	read_word(b, (uint32_t)strlen(s));
	if (*s)
		read_bytes(b, s, (uint32_t)strlen(s));
}

/* The head of a CHANNEL_OPEN: packet type, channel type, sender, window, maximum packet. */
static void read_head(const char *type)
{
	ssh_buffer_reinit(packet);
	read_bytes(packet, "\x5a", 1);
	read_text(packet, type);
	read_word(packet, 7);
	read_word(packet, 2097152);
	read_word(packet, 32768);
}

/* What stays in the buffer behind it. */
static void leave(const void *payload, size_t n)
{
	cr_assert_eq(ssh_buffer_add_data(packet, payload, (uint32_t)n), 0);
}

#define BYTES(s) s, sizeof(s) - 1

static const struct {
	const char *payload;
	size_t n;
	const char *path;
} payloads[] = {
    {BYTES("\0\0\0\x04/a/b\0\0\0\0\0\0\0\0"), "/a/b"},
    {BYTES("\0\0\0\x01/\0\0\0\0\0\0\0\0"), "/"},
    {BYTES("\0\0\0\x04/a/b"), "/a/b"}, /* the reserved fields are not ours to judge */
    {BYTES("\0\0\0\x04/a\nb"), "/a\nb"},
    {BYTES(""), ""},
    {BYTES("\0"), ""},
    {BYTES("\0\0\0"), ""},
    {BYTES("\0\0\0\0"), ""},
    {BYTES("\0\0\0\0\0\0\0\0\0\0\0\0"), ""},
    {BYTES("\0\0\0\x01"), ""},
    {BYTES("\0\0\0\x05/a/b"), ""},
    {BYTES("\xff\xff\xff\xff/a/b"), ""},
    {BYTES("\x80\0\0\x04/a/b"), ""},
    {BYTES("\x04\0\0\0/a/b"), ""},
    {BYTES("\0\0\0\x03run\0\0\0\0\0\0\0\0"), ""},
    {BYTES("\0\0\0\x05./a/b\0\0\0\0\0\0\0\0"), ""},
    {BYTES("\0\0\0\x02@a\0\0\0\0\0\0\0\0"), ""},
    {BYTES("\0\0\0\x03\0/a\0\0\0\0\0\0\0\0"), ""},
    {BYTES("\0\0\0\x04/a\0b\0\0\0\0\0\0\0\0"), ""},
    {BYTES("\0\0\0\x03/a\0\0\0\0\0\0\0\0\0"), ""},
};

Test(streamlocal, payloads)
{
	for (size_t i = 0; i < sizeof(payloads) / sizeof(*payloads); i++) {
		struct channel_open_fields f;

		read_head(STREAMLOCAL);
		leave(payloads[i].payload, payloads[i].n);
		cr_expect(streamlocal_take(&f), "%zu", i);
		cr_expect(f.streamlocal, "%zu", i);
		cr_expect_eq(f.max_packet, 32768, "%zu", i);
		cr_expect_str_eq(f.path, payloads[i].path, "%zu", i);
		cr_expect_eq(ssh_buffer_get_len(packet), payloads[i].n, "%zu: only looked at", i);
		cr_expect_not(streamlocal_take(&f), "%zu: forgotten", i);
	}
}

Test(streamlocal, the_longest_path)
{
	static const size_t lengths[] = {106, 107, 108, 109, 4096};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		const uint32_t n = htonl((uint32_t)lengths[i]);
		struct channel_open_fields f;
		char payload[4 + 4096];

		memset(payload, '/', sizeof(payload));
		memcpy(payload, &n, sizeof(n));
		read_head(STREAMLOCAL);
		leave(payload, sizeof(n) + lengths[i]);
		cr_expect(streamlocal_take(&f));
		cr_expect_eq(strlen(f.path), lengths[i] <= STREAMLOCAL_PATH ? lengths[i] : 0, "%zu",
			     lengths[i]);
	}
}

static const struct {
	const char *type;
	bool seen, streamlocal;
} types[] = {
    {STREAMLOCAL, true, true},
    {TCPIP, false, false}, /* only when its fields were read, too */
    {"", false, false},
    {"session", false, false},
    {"x11", false, false},
    {"tcip", false, false}, /* as long as a word */
    {"forwarded-tcpip", false, false},
    {"auth-agent@openssh.com", false, false},
    {"direct-streamlocal@openssh.co", false, false},
    {"direct-streamlocal@openssh.com2", false, false},
    {"direct-streamlocal@opensshh.co", false, false}, /* of the same length */
    {"Direct-streamlocal@openssh.com", false, false},
    {"forwarded-streamlocal@test.org", false, false},
    {"direct-tcpi", false, false},
    {"direct-tcpip2", false, false},
    {"direct-udpip", false, false},
    {"DIRECT-TCPIP", false, false},
};

/* Each type also behind an open that nobody took. */
Test(streamlocal, types)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(*types) * 3; i++) {
		const size_t t = i / 3;
		struct channel_open_fields f;

		if (i % 3)
			read_head(i % 3 == 1 ? STREAMLOCAL : TCPIP);
		read_head(types[t].type);
		leave(BYTES("\0\0\0\x04/a/b"));
		cr_expect_eq(streamlocal_take(&f), types[t].seen, "%s", types[t].type);
		cr_expect_eq(f.streamlocal, types[t].streamlocal, "%s", types[t].type);
		cr_expect_str_eq(f.path, types[t].streamlocal ? "/a/b" : "", "%s", types[t].type);
	}
}

/* Host and origin of a direct-tcpip: the peer's text, which must not pass for anything else. */
static const char *const tcpip_texts[][2] = {
    {"127.0.0.1", "127.0.0.1"},
    {".", "::1"},
    {"", ""},
    {"a", "b"},
    {"10.1", "10.1"},
    {STREAMLOCAL, "10.1"},
    {TCPIP, "10.1"},
    {"10.1", STREAMLOCAL},
    {"10.1", TCPIP},
};

Test(streamlocal, tcpip_is_read_to_its_end)
{
	for (size_t i = 0; i < sizeof(tcpip_texts) / sizeof(*tcpip_texts); i++) {
		struct channel_open_fields f;

		read_head(TCPIP);
		read_text(packet, tcpip_texts[i][0]);
		read_word(packet, 4565);
		read_text(packet, tcpip_texts[i][1]);
		read_word(packet, 50000);
		cr_expect(streamlocal_take(&f), "%zu", i);
		cr_expect_not(f.streamlocal, "%zu", i);
		cr_expect_eq(f.max_packet, 32768, "%zu: %u", i, f.max_packet);
		cr_expect_str_empty(f.path, "%zu", i);
	}
}

Test(streamlocal, tcpip_that_ends_early_is_none)
{
	for (int reads = 0; reads < 6; reads++) {
		struct channel_open_fields f;

		read_head(TCPIP);
		for (int i = 0; i < reads; i++)
			if (i % 3 == 1) /* host, origin */
				read_bytes(packet, BYTES("10.1.2.3"));
			else
				read_word(packet, 8);
		cr_expect_not(streamlocal_take(&f), "%d", reads);
	}
}

/* Each leaves in packet what would be a path. */
static void words_first(void)
{
	for (uint32_t i = 0; i < 3; i++)
		read_word(packet, i);
	read_bytes(packet, BYTES(STREAMLOCAL));
}

static void two_words(void)
{
	read_text(packet, STREAMLOCAL);
	read_word(packet, 0);
	read_word(packet, 0);
}

static void four_words(void)
{
	two_words();
	read_word(packet, 0);
	read_word(packet, 0);
}

static void a_byte_between(void)
{
	two_words();
	read_bytes(packet, "x", 1);
	read_word(packet, 0);
}

static void a_byte_behind(void)
{
	two_words();
	read_word(packet, 0);
	read_bytes(packet, "x", 1);
}

static void the_last_word_elsewhere(void)
{
	two_words();
	read_word(other, 0);
}

static void the_name_elsewhere(void)
{
	read_text(other, STREAMLOCAL);
	for (uint32_t i = 0; i < 3; i++)
		read_word(packet, i);
}

static void a_tcpip_without_words(void)
{
	read_text(packet, TCPIP);
	read_text(packet, "127.0.0.1");
}

static void (*const wrong_orders[])(void) = {
    words_first,	two_words,
    four_words,		a_byte_between,
    a_byte_behind,	the_last_word_elsewhere,
    the_name_elsewhere, a_tcpip_without_words,
};

Test(streamlocal, another_order_is_no_open)
{
	for (size_t i = 0; i < sizeof(wrong_orders) / sizeof(*wrong_orders); i++) {
		struct channel_open_fields f;
		char path[256];

		for (int seen_path = 0; seen_path < 2; seen_path++) {
			ssh_buffer_reinit(packet);
			ssh_buffer_reinit(other);
			wrong_orders[i]();
			leave(BYTES("\0\0\0\x04/a/b"));
			if (seen_path) {
				cr_expect_not(streamlocal_seen_path(path, sizeof(path)), "%zu", i);
				continue;
			}
			cr_expect_not(streamlocal_take(&f), "%zu", i);
			cr_expect_not(f.streamlocal, "%zu", i);
			cr_expect_str_empty(f.path, "%zu", i);
		}
	}
}

Test(streamlocal, a_short_read_is_none)
{
	struct channel_open_fields f;
	uint32_t v;

	two_words();
	leave("\0\0", 2);
	cr_expect_lt(ssh_buffer_get_data(packet, &v, sizeof(v)), sizeof(v));
	cr_expect_not(streamlocal_take(&f));
}

Test(streamlocal, seen_path)
{
	static const struct {
		const char *type;
		size_t room;
		bool ok;
	} rows[] = {{STREAMLOCAL, 5, true},
		    {STREAMLOCAL, 4, false},
		    {STREAMLOCAL, 0, false},
		    {TCPIP, 5, false},
		    {"session", 5, false}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char path[5] = "";

		read_head(rows[i].type);
		leave(BYTES("\0\0\0\x04/a/b"));
		cr_expect_eq(streamlocal_seen_path(path, rows[i].room), rows[i].ok, "%zu", i);
		cr_expect_str_eq(path, rows[i].ok ? "/a/b" : "", "%zu", i);
	}
}

/* The real thing: this libssh still calls what it exports. */
Test(streamlocal, the_self_test_sees_it)
{
	struct selftest t;

	session_selftest(&t);
	cr_expect(t.works);
	cr_expect(t.streamlocal, "%s", t.why);
	cr_expect(t.proof, "%s", t.why);
}
