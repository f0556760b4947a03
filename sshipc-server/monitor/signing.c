// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by dispatch.c and login.c: signs with a host key what names that key,
 * and checks signatures of logins.  Decides nothing else.
 */
#include <string.h>

#include "conn.h"
#include "hostkey.h"
#include "proof.h"

/* The key that the exchange names, and its hash. */
static const struct hostkey *find_key(const struct conn *c, const struct field *hashed, size_t n,
				      uint8_t hash[SIGNATURE_HASH])
{
	for (size_t i = 0; i < c->view->n_hostkeys; i++) {
		const struct hostkey *k = c->view->hostkeys[i];
		struct field blob;

		blob.p = hostkey_blob(k, &blob.len);
		if (proof_exchange(hashed, n, &blob, hash))
			return k;
	}
	return NULL;
}

enum heard signing_on_sign(struct conn *c, struct wire *w)
{
	const bool first = c->session_id_len == 0;
	char algorithm[KEYLINE_TYPE];
	uint8_t hash[SIGNATURE_HASH], raw[SIGNATURE_MAX];
	const struct hostkey *key = NULL;
	struct field hashed;
	size_t n, len = sizeof(raw);

	wire_get_text(w, algorithm, sizeof(algorithm));
	hashed.p = wire_get_bytes(w, &hashed.len, SIGNATURE_HASHED_MAX);
	n = wire_get_u32(w);
	/* Before its login a session has one session id, and the host key's word for that only. */
	if (wire_done(w) && c->proof && (first || c->use))
		key = find_key(c, &hashed, n, hash);
	explicit_bzero(w->buf, w->len); /* the secret of the exchange is part of it */
	if (!key || !hostkey_sign(key, algorithm, hash, n, raw, &len))
		return HEARD_WRONG;
	if (first) {
		memcpy(c->session_id, hash, n);
		c->session_id_len = n;
		c->hostkey = key;
	}
	wire_start(w, WIRE_SIGNED);
	wire_put_bytes(w, raw, len);
	peer_send(&c->peer, w);
	return HEARD;
}

enum signature_verdict signing_check(const struct conn *c, const struct field *key,
				     const struct field *user, const struct signature *s)
{
	struct proof p = {.session_id = {c->session_id, c->session_id_len},
			  .user = *user,
			  .key = *key,
			  .signature = s};

	if (c->session_id_len == 0)
		return SIGNATURE_BAD;
	p.hostkey.p = hostkey_blob(c->hostkey, &p.hostkey.len);
	return proof_check(&p);
}
