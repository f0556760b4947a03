// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_PROOF_H
#define SSHIPC_SERVER_PROOF_H
/*
 * Does the peer of a session have a key?  Decided from the session id, the key and the signature,
 * without a word that anybody else would have to be believed (RFC 4252 section 7).
 *
 * The private host keys stay in the monitor.  libssh in a session has the public halves, with
 * numbers that mean nothing for the private ones; its call of EVP_DigestSign becomes SIGN
 * (sigcalls.h), with what libssh hashed last instead of the hash.  The monitor hashes it itself
 * (RFC 4253 section 8) and signs with the host key that is named in it; where none of its own is,
 * the session broke the protocol.  So what was signed for another server's key exchange is worth
 * nothing here.  The first hash is the session id (section 7.2), which the monitor has from what it
 * signed itself.  The shared secret, a part of what is hashed, is wiped at once.  Before its login
 * a session gets no second signature; later ones, for new keys, count as a tenth of a second each
 * in the pace of its messages: a session that asks more often is slowed (OpenSSH with RekeyLimit 1M
 * gets 10 MB/s), and an honest one, which waits for the answer, is never ended for it.
 *
 * Login: a client's unsigned query becomes PROBE, a request whose signature libssh has verified
 * AUTHORIZE, with that signature as EVP_DigestVerify got it.  The monitor makes anew what must have
 * been signed: its session id, the user's name, the algorithm and the key's blob, also in the form
 * publickey-hostbound-v00@openssh.com, with the host key.  It verifies with the key of the allow
 * list; what does not hold is a violation.  No structure of a peer's is parsed for it: the
 * signature goes to libcrypto as it is.  A request that names another algorithm than its signature
 * has, which libssh takes, is refused by the session before it asks; of a token's the session sees
 * a hash only, so there the monitor ends the session.  A token (sk-) must say that its owner
 * confirmed, else the login is denied; where the line has verify-required, also that it verified
 * its user, which a session whose signature is not seen never did.  An unlisted key is verified too
 * where it would be remembered (pending.h).
 *
 * The session refuses by itself types of key other than Ed25519, ECDSA, RSA and the two sk- types,
 * certificates among them, and methods other than publickey, which the log names.  An unlisted key
 * is denied without a word; the log has the reason, the fingerprint and the remedy.  A listed key
 * that its line refuses gets the reason as a USERAUTH_BANNER.
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
