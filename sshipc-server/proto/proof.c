// SPDX-License-Identifier: BSD-2-Clause
/*
 * In the monitor, which decides by it, and in the spawner's self-test, which shows that this libssh
 * signs what is checked here.  Parses no packet: takes fields of known length.
 */
#include "proof.h"

#include <string.h>

enum { USERAUTH_REQUEST = 50, TEXTS = 512 };

bool proof_exchange(const struct field *hashed, size_t n, const struct field *hostkey,
		    uint8_t hash[SIGNATURE_HASH])
{
	const char *name = n == 32   ? "SHA256"
			   : n == 48 ? "SHA384" /* ecdh-sha2-nistp384 */
			   : n == 64 ? "SHA512"
				     : NULL;
	struct field_reader r = {hashed->p, hashed->len};
	struct field named;

	for (int i = 0; i < 4; i++) /* versions and KEXINIT of both sides */
		field_take(&r);
	named = field_take(&r);
	if (named.len != hostkey->len || memcmp(named.p, hostkey->p, named.len) != 0)
		return false;
	return name && EVP_Q_digest(NULL, name, NULL, hashed->p, hashed->len, hash, NULL) == 1;
}

/* What was signed: libssh 0.12 also takes OpenSSH's form of the request that names the server's key
 * (PROTOCOL section 3.1). */
static size_t signed_data(const struct proof *p, bool hostbound, struct field_writer *w)
{
	static const uint8_t request = USERAUTH_REQUEST, yes = 1;

	field_put(w, p->session_id.p, p->session_id.len);
	field_put_bytes(w, &request, 1);
	field_put(w, p->user.p, p->user.len);
	field_put_text(w, "ssh-connection");
	field_put_text(w, hostbound ? "publickey-hostbound-v00@openssh.com" : "publickey");
	field_put_bytes(w, &yes, 1);
	field_put_text(w, p->signature->algorithm);
	field_put(w, p->key.p, p->key.len);
	if (hostbound)
		field_put(w, p->hostkey.p, p->hostkey.len);
	return w->len <= w->size ? w->len : 0;
}

enum signature_verdict proof_check(const struct proof *p)
{
	uint8_t data[2 * KEYLINE_BLOB_MAX + TEXTS];
	enum signature_verdict verdict = SIGNATURE_BAD;

	for (int hostbound = 0; hostbound < 2 && verdict == SIGNATURE_BAD; hostbound++) {
		struct field_writer w = {data, 0, sizeof(data)};
		const size_t n = signed_data(p, hostbound, &w);

		if (n > 0)
			verdict = signature_check(p->signature, p->key.p, p->key.len, data, n);
	}
	return verdict;
}
