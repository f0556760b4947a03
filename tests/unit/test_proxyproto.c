// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxyproto.h"

#define SIG	   "\r\n\r\n\0\r\nQUIT\n"
#define V4	   "\300\000\002\001\300\000\002\011\234\100\010\305" /* 192.0.2.1:40000, .9:2245 */
#define X15	   "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0"
#define V6	   X15 "\001" X15 "\011\234\100\010\305"
#define MAPPED	   "\0\0\0\0\0\0\0\0\0\0\377\377\300\000\002\001" X15 "\011\234\100\010\305"
#define Z17	   "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define UNIX108	   "/run/x" Z17 Z17 Z17 Z17 Z17 Z17
#define IPV4_WORDS "192.0.2.1 192.0.2.9 40000 2245"
#define X40	   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct row {
	const char *what;
	const char *bytes;
	size_t n;
	enum proxyproto_verdict verdict;
	const char *source, *destination, *why; /* why: a part of it */
} rows[] = {
#define ROW(what, bytes, ...)                                                                      \
	{                                                                                          \
		what, bytes, sizeof(bytes) - 1, __VA_ARGS__                                        \
	}
#define CLIENT(from, to) PROXYPROTO_CLIENT, from, to, ""
#define BAD(why)	 PROXYPROTO_BAD, "", "", why
#define FROM4		 CLIENT("192.0.2.1:40000", "192.0.2.9:2245")
#define FROM6		 CLIENT("[2001:db8::1]:40000", "[2001:db8::9]:2245")
    /* version 1 */
    ROW("v4", "PROXY TCP4 " IPV4_WORDS "\r\n", FROM4),
    ROW("the longest of v4", "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
	CLIENT("255.255.255.255:65535", "255.255.255.255:65535")),
    ROW("v6", "PROXY TCP6 2001:db8::1 2001:DB8::9 40000 2245\r\n", FROM6),
    ROW("the longest of v6",
	"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
	CLIENT("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
	       "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535")),
    ROW("a mapped one is IPv4", "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::9 40000 2245\r\n",
	CLIENT("192.0.2.1:40000", "[2001:db8::9]:2245")),
    ROW("port 0", "PROXY TCP4 192.0.2.1 192.0.2.9 0 0\r\n", CLIENT("192.0.2.1:0", "192.0.2.9:0")),
    ROW("unknown", "PROXY UNKNOWN\r\n", PROXYPROTO_LOCAL, "", "", ""),
    ROW("unknown, with 107 bytes",
	"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
	PROXYPROTO_LOCAL, "", "", ""),
    ROW("unknown, with 108 bytes",
	"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 655351\r\n",
	BAD("107 bytes")),
    ROW("unknown words", "PROXY UNKNOWN anything  at all\r\n", PROXYPROTO_LOCAL, "", "", ""),
    ROW("nearly unknown", "PROXY UNKNOWNS " IPV4_WORDS "\r\n", BAD("TCP4")),
    ROW("a family in small letters", "PROXY tcp4 " IPV4_WORDS "\r\n", BAD("TCP4")),
    ROW("UDP", "PROXY UDP4 " IPV4_WORDS "\r\n", BAD("TCP4")),
    ROW("no end within 107 bytes", "PROXY TCP4 " X40 X40 X40, BAD("107 bytes")),
    ROW("LF alone", "PROXY TCP4 " IPV4_WORDS "\n", BAD("CR and LF")),
    ROW("CR alone", "PROXY TCP4 " IPV4_WORDS "\rS", BAD("CR and LF")),
    ROW("a CR before", "PROXY TCP4\r" IPV4_WORDS "\r\n", BAD("CR and LF")),
    ROW("a NUL", "PROXY TCP4 " IPV4_WORDS "\0x\r\n", BAD("NUL")),
    ROW("IPv6 as TCP4", "PROXY TCP4 2001:db8::1 192.0.2.9 40000 2245\r\n", BAD("an address")),
    ROW("IPv4 as TCP6", "PROXY TCP6 2001:db8::1 192.0.2.9 40000 2245\r\n", BAD("an address")),
    ROW("a scope", "PROXY TCP6 fe80::1%1 2001:db8::9 40000 2245\r\n", BAD("an address")),
    ROW("a leading zero", "PROXY TCP4 192.0.02.1 192.0.2.9 40000 2245\r\n", BAD("an address")),
    ROW("a host's name", "PROXY TCP4 localhost 192.0.2.9 40000 2245\r\n", BAD("an address")),
    ROW("two spaces", "PROXY TCP4  " IPV4_WORDS "\r\n", BAD("too many words")),
    ROW("a space at the end", "PROXY TCP4 " IPV4_WORDS " \r\n", BAD("too many words")),
    ROW("a port too few", "PROXY TCP4 192.0.2.1 192.0.2.9 40000\r\n", BAD("too few words")),
    ROW("a port too high", "PROXY TCP4 192.0.2.1 192.0.2.9 65536 22\r\n", BAD("a port")),
    ROW("a port with a zero", "PROXY TCP4 192.0.2.1 192.0.2.9 040 22\r\n", BAD("a port")),
    ROW("a port with a sign", "PROXY TCP4 192.0.2.1 192.0.2.9 +40 22\r\n", BAD("a port")),
    ROW("an empty port", "PROXY TCP4 192.0.2.1 192.0.2.9  22\r\n", BAD("a port")),
    /* version 2 */
    ROW("v4", SIG "\x21\x11\0\x0c" V4, FROM4),
    ROW("v6", SIG "\x21\x21\0\x24" V6, FROM6),
    ROW("a mapped one is IPv4", SIG "\x21\x21\0\x24" MAPPED,
	CLIENT("192.0.2.1:40000", "[2001:db8::9]:2245")),
    ROW("TLVs", SIG "\x21\x11\0\x19" V4 "\x04\0\0\x02\0\4name\xe0\0\0", FROM4),
    ROW("a TLV as long as the header allows", SIG "\x21\x11\0\x11" V4 "\xee\0\2ab", FROM4),
    ROW("a TLV too long by one", SIG "\x21\x11\0\x11" V4 "\xee\0\3ab", BAD("a TLV")),
    ROW("a TLV too long by 64 KiB",
	SIG "\x21\x11\0\x11" V4 "\xee\xff\xff"
	    "ab",
	BAD("a TLV")),
    ROW("a TLV of two bytes", SIG "\x21\x11\0\x0e" V4 "\xee\0", BAD("a TLV")),
    ROW("a checksum", SIG "\x21\x11\0\x13" V4 "\x03\0\4\x48\x91\xd0\x07", FROM4),
    ROW("a wrong checksum", SIG "\x21\x11\0\x13" V4 "\x03\0\4\x48\x91\xd0\x08", BAD("is wrong")),
    ROW("a checksum of 3 bytes", SIG "\x21\x11\0\x12" V4 "\x03\0\3\x48\x91\xd0", BAD("4 bytes")),
    ROW("local", SIG "\x20\0\0\0", PROXYPROTO_LOCAL, "", "", ""),
    ROW("local, with addresses", SIG "\x20\x11\0\x0c" V4, PROXYPROTO_LOCAL, "", "", ""),
    ROW("local, of no family that is", SIG "\x20\xff\0\1x", PROXYPROTO_LOCAL, "", "", ""),
    ROW("no family", SIG "\x21\0\0\0", BAD("no TCP address")),
    ROW("UDP", SIG "\x21\x12\0\x0c" V4, BAD("no TCP address")),
    ROW("UDP over v6", SIG "\x21\x22\0\x24" V6, BAD("no TCP address")),
    ROW("a Unix socket", SIG "\x21\x31\0\xd8" UNIX108 UNIX108, BAD("no TCP address")),
    ROW("no protocol", SIG "\x21\x10\0\x0c" V4, BAD("no TCP address")),
    ROW("a family that is none", SIG "\x21\x41\0\x0c" V4, BAD("family is unknown")),
    ROW("a protocol that is none", SIG "\x21\x13\0\x0c" V4, BAD("family is unknown")),
    ROW("too short for v4", SIG "\x21\x11\0\x0b" V4, BAD("too short")),
    ROW("nothing in it", SIG "\x21\x11\0\0", BAD("too short")),
    ROW("v4 where v6 is told", SIG "\x21\x21\0\x0c" V4, BAD("too short")),
    ROW("version 1 in binary", SIG "\x11\x11\0\x0c" V4, BAD("version")),
    ROW("a command that is none", SIG "\x22\x11\0\x0c" V4, BAD("command")),
    ROW("4097 bytes", SIG "\x21\x11\x0f\xf1" V4, BAD("4096")),
    ROW("the longest", SIG "\x21\x11\xff\xff" V4, BAD("4096")),
    /* neither */
    ROW("SSH", "SSH-2.0-OpenSSH_9.2\r\n", PROXYPROTO_NONE, "", "", ""),
    ROW("small letters", "proxy TCP4 " IPV4_WORDS "\r\n", PROXYPROTO_NONE, "", "", ""),
    ROW("no space", "PROXY\r\n", PROXYPROTO_NONE, "", "", ""),
    ROW("a signature that ends otherwise", "\r\n\r\n\0\r\nQUIT\r\x21\x11\0\x0c" V4, PROXYPROTO_NONE,
	"", "", ""),
    ROW("a NUL", "\0", PROXYPROTO_NONE, "", "", ""),
};
enum { ROWS = sizeof(rows) / sizeof(*rows) };

static bool is(const struct address *a, const char *text)
{
	char formatted[ADDRESS_TEXT];

	return !strcmp(address_format(a, formatted, sizeof(formatted)), *text ? text : "unknown");
}

/* What must hold for the row's header, with whatever follows it. */
static void expect(const struct row *r, enum proxyproto_verdict verdict, const struct proxyproto *p)
{
	cr_expect_eq(verdict, r->verdict, "%s: verdict %d%s", r->what, verdict,
		     p->why ? p->why : "");
	cr_expect(!p->why == (verdict != PROXYPROTO_BAD && verdict != PROXYPROTO_NONE), "%s",
		  r->what);
	cr_expect(!p->why || strstr(p->why, r->why), "%s: %s", r->what, p->why);
	if (verdict == PROXYPROTO_CLIENT)
		cr_expect(is(&p->source, r->source) && is(&p->destination, r->destination), "%s",
			  r->what);
	if (verdict == PROXYPROTO_CLIENT || verdict == PROXYPROTO_LOCAL)
		cr_expect_eq(p->len, r->n, "%s", r->what);
}

Test(proxyproto, headers)
{
	for (const struct row *r = rows; r < rows + ROWS; r++) {
		struct proxyproto p;

		expect(r, proxyproto_parse((const uint8_t *)r->bytes, r->n, &p), &p);
	}
}

/* Of each header every beginning, in memory of its own, and the header with SSH behind it. */
Test(proxyproto, each_truncation)
{
	static const char ssh[] = "SSH-2.0-x\r\n";

	for (const struct row *r = rows; r < rows + ROWS; r++) {
		enum proxyproto_verdict before = PROXYPROTO_MORE;
		struct proxyproto p;

		for (size_t n = 0; n <= r->n + sizeof(ssh) - 1; n++) {
			uint8_t *some = malloc(n + 1);
			enum proxyproto_verdict now;

			cr_assert(some);
			memmove(some, r->bytes, n < r->n ? n : r->n);
			if (n > r->n)
				memcpy(some + r->n, ssh, n - r->n);
			some = realloc(some, n ? n : 1); /* a byte read behind it is seen */
			now = proxyproto_parse(some, n, &p);
			free(some);
			cr_expect(before == PROXYPROTO_MORE || now == before, "%s: %zu bytes",
				  r->what, n);
			cr_expect(now != PROXYPROTO_MORE || (p.len > n && p.len <= PROXYPROTO_MAX),
				  "%s: %zu bytes", r->what, n);
			if (now == PROXYPROTO_CLIENT || now == PROXYPROTO_LOCAL)
				cr_expect(n >= p.len, "%s: %zu bytes", r->what, n);
			before = now;
		}
		expect(r, before, &p);
	}
}

/* A pair of TCP sockets. */
static void tcp_pair(int *a, int *b)
{
	struct listening l;
	char err[512];
	struct address at, peer;
	bool pending, starved;

	cr_assert_null(address_parse("127.0.0.1:0", ADDRESS_PORT_0_OK, &at));
	cr_assert_eq(address_listen(&at, 1, NULL, &l, err, sizeof(err)), 0, "%s", err);
	*a = address_connect(&l.at, NULL, &pending);
	*b = address_accept(l.fd, &peer, &starved);
	cr_assert(*a >= 0 && *b >= 0);
	listening_close(&l);
}

static bool readable(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, ms) == 1;
}

/* Byte by byte: a socket is readable only when there is news, and SSH behind the header stays. */
Test(proxyproto, from_a_socket)
{
	static const char ssh[] = "SSH-2.0-x\r\n";

	for (const struct row *r = rows; r < rows + ROWS; r++) {
		enum proxyproto_verdict verdict = PROXYPROTO_MORE;
		char all[1024], rest[64];
		struct proxyproto p;
		size_t takes = 0;
		int to, from;

		tcp_pair(&to, &from);
		memcpy(all, r->bytes, r->n);
		memcpy(all + r->n, ssh, sizeof(ssh));
		for (size_t i = 0; i < r->n; i++) {
			cr_assert_eq(send(to, all + i, 1, 0), 1);
			while (verdict == PROXYPROTO_MORE &&
			       readable(from, i + 1 < r->n ? 0 : 5000)) {
				verdict = proxyproto_take(from, &p);
				cr_assert_leq(++takes, r->n, "%s", r->what);
			}
		}
		expect(r, verdict, &p);
		if (verdict == PROXYPROTO_CLIENT || verdict == PROXYPROTO_LOCAL) {
			cr_expect(!readable(from, 0), "%s", r->what);
			cr_assert_gt(send(to, ssh, 1, 0), 0);
			cr_expect(readable(from, 5000), "%s: one byte wakes", r->what);
			cr_assert_gt(send(to, ssh + 1, sizeof(ssh) - 2, 0), 0);
			close(to);
			cr_expect_eq(recv(from, rest, sizeof(rest), MSG_WAITALL), sizeof(ssh) - 1);
			cr_expect_arr_eq(rest, ssh, sizeof(ssh) - 1, "%s", r->what);
		} else {
			close(to);
		}
		close(from);

		/* The same at once, with SSH in the same segment. */
		tcp_pair(&to, &from);
		cr_assert_gt(send(to, all, r->n + sizeof(ssh) - 1, 0), 0);
		cr_assert(readable(from, 5000));
		verdict = proxyproto_take(from, &p);
		expect(r, verdict, &p);
		if (verdict == PROXYPROTO_CLIENT || verdict == PROXYPROTO_LOCAL) {
			cr_expect_eq(recv(from, rest, sizeof(rest), 0), sizeof(ssh) - 1);
			cr_expect_arr_eq(rest, ssh, sizeof(ssh) - 1, "%s", r->what);
		}
		close(to);
		close(from);
	}
}

/* The end after so many bytes of a header, whether the bytes were looked at before or not. */
Test(proxyproto, a_peer_that_leaves)
{
	for (const struct row *r = rows; r < rows + ROWS; r++) {
		for (size_t n = 0; r->verdict == PROXYPROTO_CLIENT && n < r->n; n++) {
			struct proxyproto p;
			int to, from;

			tcp_pair(&to, &from);
			cr_assert_eq(send(to, r->bytes, n, 0), (ssize_t)n);
			if (n > 0) {
				cr_assert(readable(from, 5000));
				cr_expect_eq(proxyproto_take(from, &p), PROXYPROTO_MORE);
				cr_expect(!readable(from, 0), "%s: %zu bytes", r->what, n);
			}
			close(to);
			cr_assert(readable(from, 5000), "%s: %zu bytes, then the end", r->what, n);
			cr_expect_eq(proxyproto_take(from, &p), PROXYPROTO_GONE, "%s: %zu bytes",
				     r->what, n);
			close(from);
		}
	}
}

static struct address address(const char *text)
{
	struct address a;

	cr_assert_null(address_parse(text, ADDRESS_PORT_0_OK, &a), "%s", text);
	return a;
}

Test(proxyproto, built)
{
	static const struct {
		const char *source, *destination, *bytes;
		size_t n;
	} cases[] = {
#define BUILT(from, to, bytes) {from, to, bytes, sizeof(bytes) - 1}
	    BUILT("192.0.2.1:40000", "192.0.2.9:2245",
		  SIG "\x21\x11\0\x21" V4 "\xe0\0\6blade7\xe1\0\x09SHA256:ab"),
	    BUILT("[2001:db8::1]:40000", "[2001:db8::9]:2245",
		  SIG "\x21\x21\0\x39" V6 "\xe0\0\6blade7\xe1\0\x09SHA256:ab"),
	    BUILT("192.0.2.1:40000", "[2001:db8::9]:2245",
		  SIG "\x21\x21\0\x39" MAPPED "\xe0\0\6blade7\xe1\0\x09SHA256:ab"),
	    BUILT("/run/x.sock", "192.0.2.9:2245", ""),
	    BUILT("192.0.2.1:1", "@x", ""),
	};
	static const struct proxyproto_tlv tlvs[] = {{PROXYPROTO_KEY_NAME, "blade7"},
						     {PROXYPROTO_KEY_FINGERPRINT, "SHA256:ab"}};
	uint8_t out[PROXYPROTO_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct proxyproto p = {.source = address(cases[i].source),
					     .destination = address(cases[i].destination)};
		struct proxyproto again;

		cr_assert_eq(proxyproto_build(&p, tlvs, 2, out), cases[i].n, "%zu", i);
		cr_expect_arr_eq(out, cases[i].bytes, cases[i].n, "%zu", i);
		if (cases[i].n == 0)
			continue;
		cr_assert_eq(proxyproto_parse(out, cases[i].n, &again), PROXYPROTO_CLIENT);
		cr_expect(address_equal(&again.source, &p.source));
		cr_expect(address_equal(&again.destination, &p.destination));
	}
}

/* A header that does not fit is not made. */
Test(proxyproto, built_too_long)
{
	static char value[PROXYPROTO_MAX];
	const struct proxyproto p = {.source = address("192.0.2.1:1"),
				     .destination = address("192.0.2.9:2")};
	const struct proxyproto_tlv tlvs[] = {{PROXYPROTO_KEY_NAME, value}};
	uint8_t out[PROXYPROTO_MAX];

	memset(value, 'x', PROXYPROTO_MAX - 28 - 3);
	cr_expect_eq(proxyproto_build(&p, tlvs, 1, out), PROXYPROTO_MAX);
	value[PROXYPROTO_MAX - 28 - 3] = 'x';
	cr_expect_eq(proxyproto_build(&p, tlvs, 1, out), 0);
}
