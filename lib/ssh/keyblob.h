// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_KEYBLOB_H
#define SSHIPC_KEYBLOB_H
/*
 * Public keys as bytes (RFC 4253 section 6.6): base64, form, digest, fingerprint.  The only parser
 * of key blobs.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYLINE_DIGEST	    32	 /* SHA-256 */
#define KEYLINE_FINGERPRINT 52	 /* "SHA256:" + 43 + NUL, padded */
#define KEYLINE_BLOB_MAX    4096 /* longest public key blob taken; RSA-16384 has 2,071 bytes */
#define KEYLINE_TYPE	    48	 /* name of a key type, with NUL */

/* True for a type that keyline_check_blob takes (len bytes, not terminated). */
bool keyline_type_known(const char *type, size_t len);

/* Checks a public key blob: one of the supported types (ssh-ed25519, sk-ssh-ed25519@openssh.com,
 * ecdsa-sha2-nistp256/384/521, sk-ecdsa-sha2-nistp256@openssh.com, ssh-rsa of at least 2048 bits),
 * right field sizes, nothing left over.  0, or -1 with *errstr (static).  type receives the name.
 */
int keyline_check_blob(const uint8_t *blob, size_t len, char type[KEYLINE_TYPE],
		       const char **errstr);

/* SHA-256 of the blob, and its "SHA256:..." text (base64 without padding, as ssh-keygen -l prints).
 */
void keyline_digest(const uint8_t *blob, size_t len, uint8_t digest[KEYLINE_DIGEST]);
void keyline_fingerprint(const uint8_t digest[KEYLINE_DIGEST], char text[KEYLINE_FINGERPRINT]);

/* Strict RFC 4648 base64 (padding required, no blanks).  Returns the number of bytes, or -1. */
long keyline_base64(const char *text, size_t len, uint8_t *out, size_t size);

/* Has a later word of it the look of a public key?  What has none may be a piece of something that
 * is no list, a secret even: no fault quotes it. */
bool keyline_holds_key(const char *words);

#endif
