// SPDX-License-Identifier: BSD-2-Clause
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "conn_internal.h"
#include "hostkey.h"
#include "proof.h"

/* New keys of one session, at most so often.  An honest one waits for its answer, so that it is
 * slowed by it and never ended. */
enum { REKEY_MS = 100 };

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* The key that the session's libssh took: of several of a type the last. */
static const struct hostkey *sign(const struct conn *c, struct signature *s)
{
	const struct hostkey *k = NULL;

	for (size_t i = c->view->n_hostkeys; i-- > 0 && !k;) {
		k = c->view->hostkeys[i];
		s->len = sizeof(s->raw);
		if (!hostkey_sign(k, s->algorithm, c->hash, c->hash_len, s->raw, &s->len))
			k = NULL;
	}
	return k;
}

static void answer(struct conn *c)
{
	struct signature s;
	const struct hostkey *k;
	struct wire w;

	memcpy(s.algorithm, c->hash_for, sizeof(s.algorithm));
	k = sign(c, &s);
	if (!k) {
		conn_violation(c, "SIGN by no host key");
		return;
	}
	if (c->session_id_len == 0) {
		memcpy(c->session_id, c->hash, c->hash_len);
		c->session_id_len = c->hash_len;
		c->hostkey = k;
	}
	c->hash_len = 0;
	c->signed_at = now_ms();
	wire_start(&w, WIRE_SIGNED);
	wire_put_bytes(&w, s.raw, s.len);
	conn_send(c, &w);
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	if (!c->ending)
		answer(c);
}

void signing_on_sign(struct conn *c, struct wire *w)
{
	const bool waiting = c->hash_len > 0, first = c->session_id_len == 0;
	struct timeval wait = {0};
	const void *hash;
	uint64_t now, due;

	wire_get_text(w, c->hash_for, sizeof(c->hash_for));
	hash = wire_get_bytes(w, &c->hash_len, sizeof(c->hash));
	/* Before its login a session has one session id, and the host key's word for that only. */
	if (!wire_done(w) || !c->proof || waiting || !(first || c->authorized) ||
	    (c->hash_len != SHA256_DIGEST_LENGTH && c->hash_len != SHA512_DIGEST_LENGTH)) {
		conn_violation(c, "SIGN");
		return;
	}
	memcpy(c->hash, hash, c->hash_len);
	now = now_ms();
	due = c->signed_at + REKEY_MS;
	if (first || due <= now) {
		answer(c);
		return;
	}
	wait.tv_usec = (suseconds_t)(due - now) * 1000;
	if (!c->later)
		c->later = event_new(c->view->base, -1, 0, on_time, c);
	if (!c->later || event_add(c->later, &wait) != 0)
		abort();
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
