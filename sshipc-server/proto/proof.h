// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_PROOF_H
#define SSHIPC_SERVER_PROOF_H
/*
 * Does the peer of a session have a key?  Decided from the session id, the key and the signature,
 * without a word that anybody else would have to be believed (RFC 4252 section 7).
 */
#include "field.h"
#include "signature.h"

#define PROOF_USER_MAX 256 /* bytes of a user's name; nobody with a longer one is let in */

struct proof {
	struct field session_id; /* the first exchange hash */
	struct field hostkey;	 /* blob of the key that signed it */
	struct field user, key;	 /* of the request; the key's blob */
	const struct signature *signature;
};

/* The hash of n bytes of a key exchange, from what is hashed (RFC 4253 section 8); false where it
 * is not one with this host key: one that another server made is not to become a session id. */
bool proof_exchange(const struct field *hashed, size_t n, const struct field *hostkey,
		    uint8_t hash[SIGNATURE_HASH]);

enum signature_verdict proof_check(const struct proof *p);

#endif
