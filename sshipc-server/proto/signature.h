// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SIGNATURE_H
#define SSHIPC_SIGNATURE_H
/*
 * Signatures made and checked with libcrypto alone, by the names of SSH's algorithms (RFC 4253,
 * 5656, 8332, 8709, OpenSSH's PROTOCOL.u2f).  raw is what EVP_DigestSign gives: 64 bytes for
 * Ed25519, DER for ECDSA, the size of the modulus for RSA.  Nothing here parses a peer's packet.
 */
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdbool.h>

#include "keyblob.h"

#define SIGNATURE_MAX	     2048 /* RSA-16384 */
#define SIGNATURE_HASH	     64	  /* longest exchange hash: SHA-512 */
#define SIGNATURE_HASHED_MAX 8192 /* what a key exchange hashes */

/* Data that a token (sk-) signs: hash of the application, flags, counter, hash of the data. */
#define SIGNATURE_TOKEN_DATA  69
#define SIGNATURE_TOKEN_FLAGS 32

/* Of a token's flags: it verified its user, by PIN or finger, before it signed. */
#define SIGNATURE_USER_VERIFIED 4

struct signature {
	char algorithm[KEYLINE_TYPE]; /* "rsa-sha2-512", or as the key's type is called */
	uint8_t raw[SIGNATURE_MAX];
	size_t len;
	uint32_t flags, counter; /* tokens only */
};

enum signature_verdict {
	SIGNATURE_BAD,
	SIGNATURE_NO_TOUCH, /* good, but the token's owner was not asked to confirm */
	SIGNATURE_GOOD,
};

/* The algorithm that a context is initialised for, or NULL for none of ours.  token: a sk- one. */
const char *signature_algorithm(const EVP_MD_CTX *ctx, bool token);

/* Signs for algorithm, which must be one of the key's; *len: the room, then what was written.
 * False: it is not, or libcrypto failed. */
bool signature_make(EVP_PKEY *key, const char *algorithm, const void *data, size_t n, uint8_t *raw,
		    size_t *len);

/* Is s a signature of data by the public key blob (RFC 4253 section 6.6)? */
enum signature_verdict signature_check(const struct signature *s, const uint8_t *blob,
				       size_t blob_len, const void *data, size_t n);

/* A key of libcrypto's type ("RSA", "EC") from its fields (freed); selection: EVP_PKEY_PUBLIC_KEY
 * or EVP_PKEY_KEYPAIR.  NULL: they make none. */
EVP_PKEY *signature_build_key(const char *type, OSSL_PARAM_BLD *fields, int selection);

/* The blob of a key, of one of keyblob.h's types.  Its length, or 0. */
size_t signature_blob(EVP_PKEY *key, uint8_t blob[KEYLINE_BLOB_MAX]);

#endif
