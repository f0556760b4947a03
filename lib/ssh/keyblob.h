// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_KEYBLOB_H
#define SSHIPC_KEYBLOB_H
/*
 * The supported key types, and public keys as bytes (RFC 4253 section 6.6): base64, form, digest,
 * fingerprint.  The only parser of key blobs, and the only table of key types.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYLINE_DIGEST	    32	 /* SHA-256 */
#define KEYLINE_FINGERPRINT 52	 /* "SHA256:" + 43 + NUL, padded */
#define KEYLINE_BLOB_MAX    4096 /* longest public key blob accepted; RSA-16384 has 2,071 bytes */
#define KEYLINE_TYPE	    48	 /* name of a key type or algorithm, with NUL */

/* One row for each algorithm with which a key can sign: RSA has two. */
struct key_type {
	const char *name;      /* of the key type, in the blob */
	const char *algorithm; /* of its signatures (RFC 8332 section 3) */
	int pkey, digest;      /* EVP_PKEY_..., and NID_... (Ed25519: NID_undef) for libcrypto */
	const char *curve;     /* ECDSA: as SSH calls it (RFC 5656 section 6.1), */
	const char *group;     /* and libcrypto */
	size_t point;	       /* bytes of the public key; RSA: 0 */
	bool token;	       /* sk-: never a host key; the blob ends with an application's name */
};

enum { KEY_TYPES = 8 };
extern const struct key_type key_types[KEY_TYPES]; /* in the order of preference */

/* The first row of that name (len bytes, not terminated), or NULL. */
const struct key_type *key_type_find(const void *name, size_t len);

/* All algorithms as a comma list for libssh; without tokens it is the list for host keys. */
#define KEY_ALGORITHMS 256
void key_algorithms(bool tokens, char list[KEY_ALGORITHMS]);

/* Checks a public key blob: one of key_types, with the right field sizes, an RSA key of 2048 bits
 * at least, no bytes left over.  Returns the first row of its type; else NULL, with *errstr
 * (static; errstr may be NULL). */
const struct key_type *keyline_check_blob(const uint8_t *blob, size_t len, const char **errstr);

/* Compute the SHA-256 of the blob, and its "SHA256:..."  text (base64 without padding, as
 * ssh-keygen -l prints). */
void keyline_digest(const uint8_t *blob, size_t len, uint8_t digest[KEYLINE_DIGEST]);
void keyline_fingerprint(const uint8_t digest[KEYLINE_DIGEST], char text[KEYLINE_FINGERPRINT]);

/* Strict RFC 4648 base64 (padding required, no blanks).  Returns the number of bytes, or -1. */
long keyline_base64(const char *text, size_t len, uint8_t *out, size_t size);

/* Whether a later word of the text looks like a public key.  A text without one may be part of a
 * file that is no list, even of a secret: no fault quotes it. */
bool keyline_holds_key(const char *words);

#endif
