// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_PROXYPROTO_H
#define SSHIPC_PROXYPROTO_H
/*
 * The header of the PROXY protocol, versions 1 and 2, as haproxy's doc/proxy-protocol.txt has it:
 * what a balancer sends before the bytes of a client, so that the next program knows the client's
 * address.  Whom it is believed from is the caller's decision.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"

#define PROXYPROTO_LINE 107  /* bytes of a header of version 1, at most */
#define PROXYPROTO_MAX	4096 /* bytes of any header; the specification has 536 in mind */

/* The TLVs that we send, of the types that the specification leaves to its users. */
#define PROXYPROTO_KEY_NAME	   0xE0
#define PROXYPROTO_KEY_FINGERPRINT 0xE1

enum proxyproto_verdict {
	PROXYPROTO_MORE,   /* it is not complete: at least len bytes are needed */
	PROXYPROTO_CLIENT, /* complete, with the addresses of a client */
	PROXYPROTO_LOCAL,  /* complete, of the balancer's own connection: LOCAL, UNKNOWN */
	PROXYPROTO_NONE,   /* what came is no header */
	PROXYPROTO_BAD,	   /* it breaks the specification, or has no address of TCP */
	PROXYPROTO_GONE,   /* of proxyproto_take: the peer left before the end of its header */
};

struct proxyproto {
	struct address source, destination; /* the client's, and the one that it connected to */
	struct address via;		    /* for the caller: who says so */
	size_t len;			    /* bytes of the header; 0: nothing has come */
	const char *why;		    /* what is wrong with it; static */
};

/* Reads the header at the beginning of the n bytes; whatever follows it is not looked at.  The
 * verdict on some bytes stays when more come, but for PROXYPROTO_MORE.  A checksum is verified,
 * other TLVs are only held to their lengths. */
enum proxyproto_verdict proxyproto_parse(const uint8_t *data, size_t n, struct proxyproto *out);

/* Reads a header from a TCP socket that does not block, and not a byte of what follows it.  With
 * PROXYPROTO_MORE the socket becomes readable when what is missing has come, or the peer has left;
 * call it again then.  PROXYPROTO_GONE has a why if the peer has sent a part. */
enum proxyproto_verdict proxyproto_take(int sock, struct proxyproto *out);

struct proxyproto_tlv {
	uint8_t type;
	const char *value; /* sent without its NUL */
};

/* Writes a header of version 2 for a client into out: its addresses (IPv4 as IPv6 maps it where the
 * two differ in family), then n TLVs.  Returns its length; 0: it does not fit, or an address is not
 * of TCP. */
size_t proxyproto_build(const struct proxyproto *p, const struct proxyproto_tlv *tlvs, size_t n,
			uint8_t out[PROXYPROTO_MAX]);

/* Sends that header on a socket that is just connected: its buffer is empty, so nothing waits.  0,
 * or an errno. */
int proxyproto_send(int sock, const struct proxyproto *p, const struct proxyproto_tlv *tlvs,
		    size_t n);

#endif
