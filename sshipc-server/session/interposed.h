// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_INTERPOSED_H
#define SSHIPC_SERVER_INTERPOSED_H
/*
 * Is what we interpose in libssh called by this very libssh?
 */
#include <libssh/libssh.h>

#include "keyblob.h"
#include "selftest.h"

/* The self-test with all that the server interposes in libssh. */
void session_selftest(struct selftest *out);

/* The blob of a key of libssh's: its length, or 0. */
size_t session_key_blob(ssh_key key, uint8_t blob[KEYLINE_BLOB_MAX]);

#endif
