// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_KEYFORM_H
#define SSHIPC_KEYFORM_H
/*
 * The forms in which other programs write keys, known by how they begin: what we, or libssh, cannot
 * read is named before it is tried, with the command that makes of it what can be read.
 */
#include <stdbool.h>
#include <stddef.h>

/* The text of a private key file, terminated.  Refused are PuTTY's and SSH.COM's forms, a public
 * key, and OpenSSH's form where its cipher is not one that libssh decrypts a file with: its AEAD
 * ciphers (ssh-keygen -Z aes256-gcm@openssh.com and its like) make libssh 0.10 call a NULL
 * function, whatever the passphrase.  attended: somebody can be asked for a passphrase; else every
 * encrypted key is refused.  NULL, or the reason (reason.h), which begins with path and ends with
 * the remedy. */
const char *keyform_check_private(const char *text, const char *path, bool attended);

/* The beginning of a line where a public key is expected: NULL, or, where it begins one of those
 * forms, what it is and what to do (static).  With what follows it there may be a secret. */
const char *keyform_public_fault(const char *line, size_t len);

#endif
