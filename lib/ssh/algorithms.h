// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_ALGORITHMS_H
#define SSHIPC_ALGORITHMS_H
/*
 * The algorithm lists of both programs, and libssh's switches that keep it from reading files of
 * its own. Names that this libssh does not know are dropped by it, so one list serves every
 * version.
 *
 * Key exchange: mlkem768x25519 and sntrup761x25519 where libssh has them, curve25519.  No
 * finite-field groups: they are costly, and libssh reads files of moduli for them.  Ciphers:
 * AES-GCM first, if the CPU has AES instructions and the self-test allows it; chacha20-poly1305;
 * AES-CTR with encrypt-then-MAC last.  ALGORITHMS_COMPATIBLE adds hmac-sha2-256 and -512 for old
 * clients, and ecdh-sha2-nistp256, -384 and -521, last, for those that keep to FIPS 140; nothing
 * else.  Keys: Ed25519, ECDSA, RSA of at least 2048 bits with SHA-2, and the sk- forms for users.
 * No compression.  The monitor signs: RSA costs it some milliseconds a connection, Ed25519 nearly
 * nothing.
 */
#include <libssh/libssh.h>
#include <libssh/server.h>
#include <stdbool.h>

#include "profile.h"

/* AES-GCM is offered, and first, only when gcm: the CPU has AES and selftest.h saw this libssh
 * reject a changed tag. */
bool algorithms_cpu_has_aes(void);

/* Sets lists, RSA minimum, no configuration file, no moduli; banner text is ours.  0, or -1
 * (ssh_get_error tells). */
int algorithms_set_bind(ssh_bind bind, enum algorithms_profile profile, bool gcm);

/* The same for a client session; hostkeys: comma list, see trust.h. */
int algorithms_set_client(ssh_session session, enum algorithms_profile profile, bool gcm,
			  const char *hostkeys);

/* What every session needs that ssh_bind cannot set: no compression, and new keys after so many MiB
 * or seconds.  Before the key exchange. */
int algorithms_set_session(ssh_session session, int rekey_data, int rekey_time);

#endif
