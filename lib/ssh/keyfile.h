// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_KEYFILE_H
#define SSHIPC_KEYFILE_H
/*
 * Makes, checks (mode) and reads private key files.  Secrets are wiped (explicit_bzero) before
 * memory is freed.  Every reason (reason.h) begins with the path and ends with the remedy where
 * there is one.
 */
#include <openssl/evp.h>
#include <stddef.h>

#include "folders.h"
#include "keyblob.h"

#define KEYFILE_MAX  32768 /* bytes of a key file */
#define KEYFILE_LINE 1024  /* bytes of a new key's public line, with its comment */

/* OpenSSH's form (PROTOCOL.key). */
#define KEYFILE_BEGIN "-----BEGIN OPENSSH PRIVATE KEY-----\n"
#define KEYFILE_END   "-----END OPENSSH PRIVATE KEY-----\n"
#define KEYFILE_MAGIC "openssh-key-v1" /* with its NUL */
#define KEYFILE_TEXT  12288	       /* size for the text of the longest key */

/* Makes an Ed25519 key, in memory only: blob, text (the caller wipes it) and, if key is not NULL,
 * the key itself.  Returns the blob's length, or 0. */
size_t keyfile_new(uint8_t blob[KEYLINE_BLOB_MAX], char text[KEYFILE_TEXT], EVP_PKEY **key);

/* Writes a private key file's text that has only the public key: its private numbers are
 * meaningless. */
void keyfile_text_public(const uint8_t *blob, size_t n, char text[KEYFILE_TEXT]);

/* Makes an Ed25519 key: path (0600, O_EXCL: an existing file is never touched) and path.pub (0644,
 * "TYPE BASE64 COMMENT"; the comment may be empty and must be one that keyline_parse accepts).  A
 * path that ends in .pub is refused.  Writes fingerprint and the public line.  NULL, or the reason;
 * a failure leaves no file behind. */
const char *keyfile_generate(const char *path, const char *comment,
			     char fingerprint[KEYLINE_FINGERPRINT], char line[KEYFILE_LINE]);

/* Reads a private key file's text into a malloc'ed, terminated buffer (keyfile_wipe it), by
 * folders_open with FOLDERS_SECRET and trust; a path that ends in .pub is refused.  NULL, and *why
 * is the reason; where there is no such file it ends with the command that makes one, which is
 * maker ("sshipc-client --keygen") and the path. */
char *keyfile_read(const char *path, unsigned trust, const char *maker, size_t *len,
		   const char **why);
void keyfile_wipe(char *text, size_t len); /* wipes and frees; NULL is fine */

#endif
