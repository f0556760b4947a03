// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_HOSTKEY_H
#define SSHIPC_SERVER_HOSTKEY_H
/*
 * The monitor's private host keys: read and used with libcrypto alone, wiped at the end; their
 * texts are in memory that is locked as far as the limit allows.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keyfile.h"

struct hostkey;

/* Reads an unencrypted private key: OpenSSH's own form (PROTOCOL.key) or PEM; Ed25519, ECDSA, or
 * RSA of at least 2048 bits.  NULL, and *why is the reason (reason.h). */
struct hostkey *hostkey_load(const char *path, const char **why);
struct hostkey *hostkey_parse(const char *text); /* the same from its text, or NULL */
void hostkey_free(struct hostkey *k);

/* Signs for the algorithm; false where the key is of another one.  *len: the room, then the
 * signature's length. */
bool hostkey_sign(const struct hostkey *k, const char *algorithm, const uint8_t *hash, size_t n,
		  uint8_t *raw, size_t *len);

/* Its public half (RFC 4253 section 6.6), *n bytes that are the key's own. */
const uint8_t *hostkey_blob(const struct hostkey *k, size_t *n);

/* Of two of the same type, as a key exchange names it, a server shows one only. */
bool hostkey_same_type(const struct hostkey *a, const struct hostkey *b);

/* The text that it was read from. */
const char *hostkey_text(const struct hostkey *k);

#endif
