// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_ALGORITHMS_H
#define SSHIPC_ALGORITHMS_H
/*
 * The algorithm lists of both programs, and the libssh options that keep it from reading
 * configuration files.  libssh drops names that it does not know, so one list serves every version.
 *
 * Key exchange: mlkem768x25519 and sntrup761x25519 where libssh has them, curve25519.  No
 * finite-field groups: they are costly, and libssh reads files of moduli for them.  Ciphers:
 * AES-GCM first, if the CPU has AES instructions and the self-test allows it; chacha20-poly1305;
 * AES-CTR with encrypt-then-MAC last.  ALGORITHMS_COMPATIBLE adds hmac-sha2-256 and -512 for old
 * clients, and ecdh-sha2-nistp256, -384 and -521, last, for clients restricted to FIPS 140; nothing
 * else.  Keys: Ed25519, ECDSA, RSA of at least 2048 bits with SHA-2, and the sk- forms for users.
 * No compression.  The monitor signs: an RSA host key costs it some milliseconds per connection,
 * Ed25519 nearly nothing.
 */
#include <libssh/libssh.h>
#include <libssh/server.h>
#include <stdbool.h>

#include "profile.h"

/* Whether the CPU has AES instructions.  The gcm arguments below offer AES-GCM, first; they need
 * this, and a libssh that rejected a changed tag in selftest.h. */
bool algorithms_cpu_has_aes(void);

/* Sets algorithm lists, RSA minimum and our banner text, and disables configuration files and
 * moduli.  0, or -1 (see ssh_get_error). */
int algorithms_set_bind(ssh_bind bind, enum algorithms_profile profile, bool gcm);

/* The same for a client session; hostkeys: comma list, see trust.h. */
int algorithms_set_client(ssh_session session, enum algorithms_profile profile, bool gcm,
			  const char *hostkeys);

/* Sets for a session what ssh_bind cannot: no compression, and a rekey after that many MiB or
 * seconds.  To be called before the key exchange. */
int algorithms_set_session(ssh_session session, int rekey_data, int rekey_time);

#endif
