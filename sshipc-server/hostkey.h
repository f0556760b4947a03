// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_HOSTKEY_H
#define SSHIPC_SERVER_HOSTKEY_H
/*
 * The monitor's private host keys: read with libcrypto alone, wiped at the end; their texts are in
 * memory that is locked as far as the limit allows.
 */
#include "keyfile.h"

/* Other files only read it; signing.c signs with key. */
struct hostkey {
	EVP_PKEY *key;
	uint8_t blob[KEYLINE_BLOB_MAX]; /* the public key (RFC 4253 section 6.6) */
	size_t blob_len;
	char *text; /* of the file that it was read from */
};

/* Reads an unencrypted private key: OpenSSH's own form (PROTOCOL.key) or PEM; Ed25519, ECDSA, or
 * RSA of at least 2048 bits.  NULL, and *why is the reason (reason.h). */
struct hostkey *hostkey_load(const char *path, const char **why);
struct hostkey *hostkey_parse(const char *text); /* the same from its text, or NULL */
void hostkey_free(struct hostkey *k);

/* Whether two keys have the same type as a key exchange names it; a server offers only one of
 * such. */
bool hostkey_same_type(const struct hostkey *a, const struct hostkey *b);

#endif
