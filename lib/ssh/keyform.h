// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_KEYFORM_H
#define SSHIPC_KEYFORM_H
/*
 * Recognises key formats of other programs by how they begin: a format that we or libssh cannot
 * read is named before a read is tried, with the command that converts it.
 */
#include <stdbool.h>
#include <stddef.h>

/* The text of a private key file, terminated.  Refused are PuTTY's and SSH.COM's forms, a public
 * key, and OpenSSH's form where its cipher is not one that libssh decrypts a file with: its AEAD
 * ciphers (ssh-keygen -Z aes256-gcm@openssh.com and its like) make libssh 0.10 call a NULL
 * function, whatever the passphrase.  attended: the user can be asked for a passphrase; else every
 * encrypted key is refused.  NULL, or the reason (reason.h), which begins with path and ends with
 * the remedy. */
const char *keyform_check_private(const char *text, const char *path, bool attended);

/* Checks the beginning of a line where a public key is expected: NULL, or, for one of those
 * formats, its name and the remedy (static).  The lines behind it may contain a secret. */
const char *keyform_public_fault(const char *line, size_t len);

#endif
