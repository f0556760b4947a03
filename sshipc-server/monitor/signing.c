// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by dispatch.c and login.c: signs key exchanges that name one of its
 * host keys with that key, and checks the signatures of logins.  Decides nothing else.
 */
#include <string.h>

#include "conn.h"
#include "proof.h"

/* The host key that the key exchange names; also computes the exchange hash. */
static const struct hostkey *find_key(const struct conn *c, const struct field *hashed, size_t n,
				      uint8_t hash[SIGNATURE_HASH])
{
	for (size_t i = 0; i < c->view->n_hostkeys; i++) {
		const struct hostkey *k = c->view->hostkeys[i];
		const struct field blob = {k->blob, k->blob_len};

		if (proof_exchange(hashed, n, &blob, hash))
			return k;
	}
	return NULL;
}

enum handled signing_on_sign(struct conn *c, struct message *m)
{
	const bool first = c->login.session_id_len == 0;
	struct message_sign *sign = &m->sign;
	const struct field hashed = {sign->hashed, sign->hashed_len};
	struct message_signed answer = {.head = {MESSAGE_SIGNED, 0}, .raw_len = SIGNATURE_MAX};
	uint8_t hash[SIGNATURE_HASH];
	const struct hostkey *key = NULL;

	/* Before its login a session gets one signature only, whose exchange hash is its session
	 * id. */
	if (c->login.proof && (first || c->use))
		key = find_key(c, &hashed, sign->hash_len, hash);
	explicit_bzero(sign->hashed,
		       sizeof(sign->hashed)); /* the shared secret of the exchange is part of it */
	if (!key || !signature_make(key->key, sign->algorithm, hash, sign->hash_len, answer.raw,
				    &answer.raw_len))
		return HANDLED_WRONG;
	c->view->counts[COUNT_REKEYS] += !first;
	if (first) {
		memcpy(c->login.session_id, hash, sign->hash_len);
		c->login.session_id_len = sign->hash_len;
		c->login.hostkey = key;
	}
	peer_send(&c->peer, &answer);
	return HANDLED;
}

enum signature_verdict signing_check(const struct conn *c, const struct message_authorize *m)
{
	const struct hostkey *k = c->login.hostkey;
	struct proof p = {.session_id = {c->login.session_id, c->login.session_id_len},
			  .user = {(const uint8_t *)m->user, strlen(m->user)},
			  .key = {m->key, m->key_len},
			  .signature = &m->signature};

	if (c->login.session_id_len == 0)
		return SIGNATURE_BAD;
	p.hostkey = (struct field){k->blob, k->blob_len};
	return proof_check(&p);
}
