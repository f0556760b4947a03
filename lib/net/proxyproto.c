// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by accept.c for what a balancer sends first, and by opens.c for what
 * an endpoint is sent first.  It trusts no byte, allocates nothing and never waits; all of it but
 * proxyproto_take works on memory alone.
 */
#include "proxyproto.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

enum {
	FIXED = 16,    /* signature, version and command, family, length */
	TLV = 3,       /* type and length of a TLV */
	IPV4_PART = 4, /* bytes of a host */
	IPV6_PART = 16,
	TCP4 = 0x11,
	UNIX_DATAGRAM = 0x32,
	TCP6 = 0x21,
	CRC32C = 3, /* a TLV's type */
};

static const uint8_t signature[12] = {'\r', '\n', '\r', '\n', 0,   '\r',
				      '\n', 'Q',  'U',	'I',  'T', '\n'};

static enum proxyproto_verdict bad(struct proxyproto *out, const char *why)
{
	out->why = why;
	return PROXYPROTO_BAD;
}

static enum proxyproto_verdict more(struct proxyproto *out, size_t needed)
{
	out->len = needed;
	return PROXYPROTO_MORE;
}

/* ---- version 1: "PROXY TCP4 192.0.2.1 192.0.2.9 40000 2245\r\n" ---- */

static bool read_port(const char *text, uint16_t *port)
{
	return address_parse_port(text, port) == 0 && (text[0] != '0' || !text[1]);
}

static bool read_address(int family, const char *host, uint16_t port, struct address *out)
{
	struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	if (inet_pton(family, host, family == AF_INET ? (void *)&in4.sin_addr : &in6.sin6_addr) !=
	    1)
		return false;
	if (family == AF_INET)
		address_from_sockaddr(out, (struct sockaddr *)&in4, sizeof(in4));
	else
		address_from_sockaddr(out, (struct sockaddr *)&in6, sizeof(in6));
	return true;
}

static enum proxyproto_verdict read_words(char *line, struct proxyproto *out)
{
	enum { NAME, FAMILY, SOURCE, DESTINATION, SOURCE_PORT, DESTINATION_PORT, WORDS };
	char *words[WORDS];
	uint16_t from = 0, to = 0;
	int family;

	for (int i = 0; i < WORDS; i++)
		if (!(words[i] = strsep(&line, " ")))
			return bad(out, "the line has too few words");
	if (line)
		return bad(out, "the line has too many words");
	family = !strcmp(words[FAMILY], "TCP4")	  ? AF_INET
		 : !strcmp(words[FAMILY], "TCP6") ? AF_INET6
						  : AF_UNSPEC;
	if (family == AF_UNSPEC)
		return bad(out, "its family is not TCP4, TCP6 or UNKNOWN");
	if (!read_port(words[SOURCE_PORT], &from) || !read_port(words[DESTINATION_PORT], &to))
		return bad(out, "a port is not a number from 0 to 65535");
	if (!read_address(family, words[SOURCE], from, &out->source) ||
	    !read_address(family, words[DESTINATION], to, &out->destination))
		return bad(out, "an address is not of the family that it names");
	return PROXYPROTO_CLIENT;
}

static enum proxyproto_verdict parse_line(const uint8_t *data, size_t n, struct proxyproto *out)
{
	static const char unknown[] = "PROXY UNKNOWN";
	const size_t most = n < PROXYPROTO_LINE ? n : PROXYPROTO_LINE;
	const uint8_t *cr = memchr(data, '\r', most), *lf = memchr(data, '\n', most);
	char line[PROXYPROTO_LINE + 1] = "";

	if (lf ? !cr || lf != cr + 1 : cr && cr + 1 < data + most)
		return bad(out, "its line does not end in CR and LF");
	if (!lf)
		return n < PROXYPROTO_LINE ? more(out, n + 1)
					   : bad(out, "its line has no end within 107 bytes");
	out->len = (size_t)(lf - data) + 1;
	memcpy(line, data, out->len - 2);
	if (strlen(line) != out->len - 2)
		return bad(out, "its line has a NUL");
	if (!strncmp(line, unknown, sizeof(unknown) - 1) && strchr(" ", line[sizeof(unknown) - 1]))
		return PROXYPROTO_LOCAL;
	return read_words(line, out);
}

/* ---- version 2 ---- */

static size_t number(const uint8_t *two)
{
	return (size_t)two[0] << 8 | two[1];
}

/* The sum over the header as if it had zeroes at hole. */
static uint32_t checksum(const uint8_t *data, size_t n, size_t hole)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < n; i++) {
		crc ^= i - hole < sizeof(crc) ? 0 : data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78 : 0);
	}
	return ~crc;
}

static enum proxyproto_verdict check_tlvs(const uint8_t *data, size_t at, struct proxyproto *out)
{
	uint32_t sum;

	for (size_t end; at < out->len; at = end) {
		end = at + TLV;
		if (end <= out->len)
			end += number(data + at + 1);
		if (end > out->len)
			return bad(out, "a TLV is longer than the header");
		if (data[at] != CRC32C)
			continue;
		if (end - at != TLV + sizeof(sum))
			return bad(out, "its checksum has not 4 bytes");
		memcpy(&sum, data + at + TLV, sizeof(sum));
		if (ntohl(sum) != checksum(data, out->len, at + TLV))
			return bad(out, "its checksum is wrong");
	}
	return PROXYPROTO_CLIENT;
}

/* A host, and elsewhere its port. */
static void take_address(const uint8_t *host, size_t len, const uint8_t *port, struct address *out)
{
	struct sockaddr_in in4 = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

	memcpy(len == IPV4_PART ? (void *)&in4.sin_addr : &in6.sin6_addr, host, len);
	if (len == IPV4_PART)
		address_from_sockaddr(out, (struct sockaddr *)&in4, sizeof(in4));
	else
		address_from_sockaddr(out, (struct sockaddr *)&in6, sizeof(in6));
	address_set_port(out, (uint16_t)number(port));
}

static enum proxyproto_verdict parse_binary(const uint8_t *data, size_t n, struct proxyproto *out)
{
	const uint8_t *hosts = data + FIXED;
	size_t host, ports;

	if (n > 12 && data[12] >> 4 != 2)
		return bad(out, "its version is not 2");
	if (n > 12 && (data[12] & 0xf) > 1)
		return bad(out, "its command is not LOCAL or PROXY");
	if (n < FIXED)
		return more(out, FIXED);
	out->len = FIXED + number(data + 14);
	if (out->len > PROXYPROTO_MAX)
		return bad(out, "it is longer than 4096 bytes");
	if (n < out->len)
		return more(out, out->len);
	if ((data[12] & 0xf) == 0)
		return PROXYPROTO_LOCAL;
	if (data[13] != TCP4 && data[13] != TCP6)
		return bad(out, data[13] > UNIX_DATAGRAM || (data[13] & 0xf) > 2
				    ? "its family is unknown"
				    : "its client has no TCP address");
	host = data[13] == TCP4 ? IPV4_PART : IPV6_PART;
	ports = 2 * host;
	if (out->len < FIXED + ports + 4)
		return bad(out, "it is too short for its addresses");
	take_address(hosts, host, hosts + ports, &out->source);
	take_address(hosts + host, host, hosts + ports + 2, &out->destination);
	return check_tlvs(data, FIXED + ports + 4, out);
}

/* ---- either ---- */

enum proxyproto_verdict proxyproto_parse(const uint8_t *data, size_t n, struct proxyproto *out)
{
	static const char name[] = "PROXY ";
	const size_t n1 = n < sizeof(name) - 1 ? n : sizeof(name) - 1;
	const size_t n2 = n < sizeof(signature) ? n : sizeof(signature);

	*out = (struct proxyproto){.len = 0};
	if (n == 0)
		return more(out, 1);
	if (memcmp(data, name, n1) == 0)
		return parse_line(data, n, out);
	if (memcmp(data, signature, n2) == 0)
		return parse_binary(data, n, out);
	out->why = "something else was sent";
	return PROXYPROTO_NONE;
}

enum proxyproto_verdict proxyproto_take(int sock, struct proxyproto *out)
{
	uint8_t data[PROXYPROTO_MAX];
	const ssize_t n = recv(sock, data, sizeof(data), MSG_PEEK | MSG_DONTWAIT);
	enum proxyproto_verdict verdict = PROXYPROTO_GONE;
	int enough = 0, wanted = 1;
	socklen_t len = sizeof(enough);

	*out = (struct proxyproto){.len = 0};
	if (n <= 0)
		return PROXYPROTO_GONE;
	verdict = proxyproto_parse(data, (size_t)n, out);
	if (verdict == PROXYPROTO_NONE || verdict == PROXYPROTO_BAD)
		return verdict;
	getsockopt(sock, SOL_SOCKET, SO_RCVLOWAT, &enough, &len);
	if (verdict == PROXYPROTO_MORE && n < enough) {
		out->why = "the peer left within it";
		return PROXYPROTO_GONE;
	}
	/* Bytes that were only looked at would wake us again at once. */
	if (verdict == PROXYPROTO_MORE)
		wanted = (int)out->len;
	else
		recv(sock, data, out->len, 0);
	if (wanted != enough)
		setsockopt(sock, SOL_SOCKET, SO_RCVLOWAT, &wanted, sizeof(wanted));
	return verdict;
}

static void put_number(uint8_t *two, size_t n)
{
	two[0] = (uint8_t)(n >> 8);
	two[1] = (uint8_t)n;
}

static void put_address(const struct address *a, size_t len, uint8_t *host, uint8_t *port)
{
	size_t own;
	const uint8_t *bytes = address_host_bytes(a, &own);

	memset(host, 0, len - own);
	if (own < len)
		memset(host + len - own - 2, 0xff, 2);
	memcpy(host + len - own, bytes, own);
	put_number(port, address_port(a));
}

size_t proxyproto_build(const struct proxyproto *p, const struct proxyproto_tlv *tlvs, size_t n,
			uint8_t out[PROXYPROTO_MAX])
{
	size_t source, destination, host, at, len;

	address_host_bytes(&p->source, &source);
	address_host_bytes(&p->destination, &destination);
	if (source == 0 || destination == 0)
		return 0;
	host = source > destination ? source : destination;
	memcpy(out, signature, sizeof(signature));
	out[12] = 0x21; /* version 2, PROXY */
	out[13] = host == IPV4_PART ? TCP4 : TCP6;
	at = FIXED + 2 * host;
	put_address(&p->source, host, out + FIXED, out + at);
	put_address(&p->destination, host, out + FIXED + host, out + at + 2);
	at += 4;
	for (size_t i = 0; i < n; i++) {
		len = strlen(tlvs[i].value);
		if (at + TLV + len > PROXYPROTO_MAX)
			return 0;
		out[at] = tlvs[i].type;
		put_number(out + at + 1, len);
		memcpy(out + at + TLV, tlvs[i].value, len);
		at += TLV + len;
	}
	put_number(out + 14, at - FIXED);
	return at;
}

int proxyproto_send(int sock, const struct proxyproto *p, const struct proxyproto_tlv *tlvs,
		    size_t n)
{
	uint8_t header[PROXYPROTO_MAX];
	const size_t len = proxyproto_build(p, tlvs, n, header);
	const ssize_t sent = len ? send(sock, header, len, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;

	if (sent < 0)
		return errno;
	return len > 0 && (size_t)sent == len ? 0 : EMSGSIZE;
}
