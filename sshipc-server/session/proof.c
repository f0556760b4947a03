// SPDX-License-Identifier: BSD-2-Clause
#include "proof.h"

#include <openssl/sha.h>
#include <string.h>

#include "hostkey.h"
#include "sigcalls.h"
#include "streamlocal.h"
#include "unanswered.h"

enum { USERAUTH_REQUEST = 50, TEXTS = 512 };

bool proof_exchange(const struct field *hashed, size_t n, const struct field *hostkey,
		    uint8_t hash[SIGNATURE_HASH])
{
	struct field_reader r = {hashed->p, hashed->len};
	struct field named;

	for (int i = 0; i < 4; i++) /* versions and KEXINIT of both sides */
		field_take(&r);
	named = field_take(&r);
	if (named.len != hostkey->len || memcmp(named.p, hostkey->p, named.len) != 0)
		return false;
	if (n == SHA256_DIGEST_LENGTH)
		SHA256(hashed->p, hashed->len, hash);
	else if (n == SHA384_DIGEST_LENGTH) /* ecdh-sha2-nistp384 */
		SHA384(hashed->p, hashed->len, hash);
	else if (n == SHA512_DIGEST_LENGTH)
		SHA512(hashed->p, hashed->len, hash);
	else
		return false;
	return true;
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

size_t proof_blob(ssh_key key, uint8_t blob[KEYLINE_BLOB_MAX])
{
	char *text = NULL;
	long n = -1;

	if (ssh_pki_export_pubkey_base64(key, &text) == SSH_OK)
		n = keyline_base64(text, strlen(text), blob, KEYLINE_BLOB_MAX);
	ssh_string_free_char(text);
	return n > 0 ? (size_t)n : 0;
}

/* ---- the self-test ---- */

static struct {
	struct hostkey *key;
	uint8_t id[SIGNATURE_HASH];
	size_t n;
} test;

static bool sign(void *arg, const struct sigcalls_exchange *x, uint8_t *raw, size_t *len)
{
	const struct field hashed = {x->hashed, x->n};
	struct field blob;

	blob.p = hostkey_blob(test.key, &blob.len);
	test.n = x->hash_len;
	return proof_exchange(&hashed, test.n, &blob, test.id) &&
	       hostkey_sign(test.key, x->algorithm, test.id, test.n, raw, len);
}

static ssh_key keyless(const char *text)
{
	char public[WIRE_MAX];
	ssh_key key = NULL;

	test.key = hostkey_parse(text); /* may itself sign */
	sigcalls_sign_with(sign, NULL);
	if (!test.key)
		return NULL;
	hostkey_text_public(test.key, public);
	ssh_pki_import_privkey_base64(public, NULL, NULL, NULL, &key);
	return key;
}

static bool seen_proof(const char *user, ssh_key key)
{
	uint8_t blob[KEYLINE_BLOB_MAX];
	struct signature s;
	struct proof p = {.session_id = {test.id, test.n},
			  .user = {(const uint8_t *)user, strlen(user)},
			  .key = {blob, proof_blob(key, blob)},
			  .signature = &s};

	if (!test.key || !sigcalls_take(&s))
		return false;
	p.hostkey.p = hostkey_blob(test.key, &p.hostkey.len);
	return proof_check(&p) == SIGNATURE_GOOD;
}

void proof_selftest(struct selftest *out)
{
	static const struct selftest_hooks hooks = {streamlocal_seen_path, keyless, seen_proof,
						    unanswered_seen};

	selftest_run(&hooks, out);
	sigcalls_sign_with(NULL, NULL);
	hostkey_free(test.key);
	test.key = NULL;
}
