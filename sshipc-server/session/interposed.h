// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_INTERPOSED_H
#define SSHIPC_SERVER_INTERPOSED_H
/*
 * Tests whether this libssh calls the functions that the server interposes in it.
 */
#include <libssh/libssh.h>

#include "keyblob.h"
#include "selftest.h"

/* Runs the self-test with all functions that the server interposes in libssh. */
void session_selftest(struct selftest *out);

/* Writes the blob of a libssh key; returns its length, or 0. */
size_t session_key_blob(ssh_key key, uint8_t blob[KEYLINE_BLOB_MAX]);

#endif
