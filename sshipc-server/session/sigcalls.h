// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_SIGCALLS_H
#define SSHIPC_SERVER_SIGCALLS_H
/*
 * The signatures that libssh makes and checks.  Those of key exchanges are made by the monitor, so
 * that this process has no private host key; those of logins are kept for the monitor, and limited
 * in number before they are verified.
 *
 * This interposes libcrypto's public EVP_DigestSign, EVP_DigestVerify and EVP_DigestUpdate, whose
 * calls within libssh go through the dynamic linker; selftest.h proves at each start that they
 * reach us.  Nothing changes for other callers, nor before sigcalls_sign_with and sigcalls_limit.
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

/* Signs the hash in place of libssh, which has no private key.  *len: the size of raw, then the
 * length written. */
typedef bool sigcalls_signer(void *arg, const struct sigcalls_exchange *x, uint8_t *raw,
			     size_t *len);

/* From now on sign makes the signatures of key exchanges (NULL: libcrypto does). */
void sigcalls_sign_with(sigcalls_signer *sign, void *arg);

/* Takes the login's signature that libssh last found good; each is given out once.  False: there
 * was none, or its request names another algorithm. */
bool sigcalls_take(struct signature *out);

/* The result of a login's signature, which libssh checks before it calls back. */
enum sigcalls_check {
	SIGCALLS_NONE, /* none was checked since the last call of sigcalls_checked */
	SIGCALLS_GOOD,
	SIGCALLS_BAD,
	SIGCALLS_BAD_KEY,  /* not checked: no line of an allow list could have that key */
	SIGCALLS_TOO_MANY, /* not checked: the limit of checks was reached */
};

/* From now on at most that many signatures of logins are checked, and none with a key that
 * keyblob.h refuses: an RSA exponent as long as its modulus makes one cost a hundred times as
 * much. */
void sigcalls_limit(unsigned most);
enum sigcalls_check sigcalls_checked(void);

#endif
