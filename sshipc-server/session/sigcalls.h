// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_SIGCALLS_H
#define SSHIPC_SERVER_SIGCALLS_H
/*
 * The signatures that libssh makes and checks.  Those of key exchanges are made by somebody else
 * (the monitor), so that no private host key is here; those of logins are kept for the monitor, and
 * counted before they cost any arithmetic.
 *
 * For that libcrypto's public EVP_DigestSign, EVP_DigestVerify and EVP_DigestUpdate are interposed,
 * whose calls within libssh go through the dynamic linker; selftest.h proves at each start that
 * they are seen.  Nothing changes for other callers, nor before sigcalls_sign_with and
 * sigcalls_limit.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "signature.h"

/* A key exchange that is to be signed (RFC 4253 section 8), as libssh hashed it. */
struct sigcalls_exchange {
	const char *algorithm;
	const uint8_t *hashed;
	size_t n, hash_len; /* of the hash: 32, 48 or 64 bytes */
};

/* Signs the hash in libssh's place, which then has no private key.  *len: the room, then what was
 * written. */
typedef bool sigcalls_signer(void *arg, const struct sigcalls_exchange *x, uint8_t *raw,
			     size_t *len);

/* From now on sign makes the signatures of this process (NULL: as without us). */
void sigcalls_sign_with(sigcalls_signer *sign, void *arg);

/* The login's signature that libssh last found good; forgotten with it.  False: none was seen, or
 * its request names another algorithm. */
bool sigcalls_take(struct signature *out);

/* What became of the signature of a login, which libssh checks before anyone is asked. */
enum sigcalls_check {
	SIGCALLS_NONE, /* none was checked since the last call of sigcalls_checked */
	SIGCALLS_GOOD,
	SIGCALLS_BAD,
	SIGCALLS_BAD_KEY,  /* not checked: no line of an allow list could have that key */
	SIGCALLS_TOO_MANY, /* not checked: there were as many as there may be */
};

/* From now on most signatures of logins are checked, and none with a key that keyblob.h does not
 * take: an RSA exponent as long as its modulus makes one cost a hundred times as much. */
void sigcalls_limit(unsigned most);
enum sigcalls_check sigcalls_checked(void);

#endif
