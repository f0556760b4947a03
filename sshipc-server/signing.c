// SPDX-License-Identifier: BSD-2-Clause
#include <string.h>

#include "conn_internal.h"
#include "hostkey.h"
#include "loop.h"
#include "proof.h"
#include "sigcalls.h"

/* New keys of one session, at most so often.  An honest one waits for its answer, so that it is
 * slowed by it and never ended. */
enum { REKEY_MS = 100 };

/* The key that the exchange names, and its hash. */
static const struct hostkey *find_key(struct conn *c, const struct field *hashed, size_t n)
{
	for (size_t i = 0; i < c->view->n_hostkeys; i++) {
		const struct hostkey *k = c->view->hostkeys[i];
		struct field blob;

		blob.p = hostkey_blob(k, &blob.len);
		if (proof_exchange(hashed, n, &blob, c->hash))
			return k;
	}
	return NULL;
}

static void answer(struct conn *c)
{
	uint8_t raw[SIGNATURE_MAX];
	size_t n = sizeof(raw);
	struct wire w;

	if (!hostkey_sign(c->hash_key, c->hash_for, c->hash, c->hash_len, raw, &n)) {
		conn_violation(c, "SIGN by no host key");
		return;
	}
	if (c->session_id_len == 0) {
		memcpy(c->session_id, c->hash, c->hash_len);
		c->session_id_len = c->hash_len;
		c->hostkey = c->hash_key;
	}
	c->hash_len = 0;
	c->signed_at = loop_ms();
	wire_start(&w, WIRE_SIGNED);
	wire_put_bytes(&w, raw, n);
	conn_send(c, &w);
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	if (!c->ending)
		answer(c);
}

void signing_on_sign(struct conn *c, struct wire *w)
{
	const bool waiting = c->hash_len > 0, first = c->session_id_len == 0;
	struct field hashed;
	uint64_t now, due;
	size_t n;

	wire_get_text(w, c->hash_for, sizeof(c->hash_for));
	hashed.p = wire_get_bytes(w, &hashed.len, SIGCALLS_HASHED_MAX);
	n = wire_get_u32(w);
	/* Before its login a session has one session id, and the host key's word for that only. */
	if (!wire_done(w) || !c->proof || waiting || !(first || c->authorized) ||
	    !(c->hash_key = find_key(c, &hashed, n))) {
		conn_violation(c, "SIGN");
		return;
	}
	explicit_bzero(w->buf, w->len); /* the secret of the exchange is part of it */
	c->hash_len = n;
	now = loop_ms();
	due = c->signed_at + REKEY_MS;
	if (first || due <= now) {
		answer(c);
		return;
	}
	if (!c->later)
		c->later = loop_timer(c->view->base, on_time, c);
	loop_after(c->later, due - now);
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
