// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the spawner, before it gets any connection, and in report(): the self-test, with all
 * functions that a session interposes in libssh.  It makes its own host key and has none of the
 * server's.
 */
#include "interposed.h"

#include <string.h>

#include "keyfile.h"
#include "proof.h"
#include "sigcalls.h"
#include "streamlocal.h"
#include "unanswered.h"

size_t session_key_blob(ssh_key key, uint8_t blob[KEYLINE_BLOB_MAX])
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
	EVP_PKEY *key;
	uint8_t blob[KEYLINE_BLOB_MAX];
	uint8_t id[SIGNATURE_HASH];
	size_t blob_len, n;
	char text[KEYFILE_TEXT];
} test;

static bool sign(void *arg, const struct sigcalls_exchange *x, uint8_t *raw, size_t *len)
{
	const struct field hashed = {x->hashed, x->n}, blob = {test.blob, test.blob_len};

	test.n = x->hash_len;
	return proof_exchange(&hashed, test.n, &blob, test.id) &&
	       signature_make(test.key, x->algorithm, test.id, test.n, raw, len);
}

static ssh_key hostkey(bool whole)
{
	char public[KEYFILE_TEXT];
	ssh_key key = NULL;

	if (!test.key)
		test.blob_len = keyfile_new(test.blob, test.text, &test.key);
	if (test.blob_len == 0)
		return NULL;
	sigcalls_sign_with(sign, NULL);
	keyfile_text_public(test.blob, test.blob_len, public);
	ssh_pki_import_privkey_base64(whole ? test.text : public, NULL, NULL, NULL, &key);
	return key;
}

static bool seen_proof(const char *user, ssh_key key)
{
	uint8_t blob[KEYLINE_BLOB_MAX];
	struct signature s;
	const struct proof p = {.session_id = {test.id, test.n},
				.hostkey = {test.blob, test.blob_len},
				.user = {(const uint8_t *)user, strlen(user)},
				.key = {blob, session_key_blob(key, blob)},
				.signature = &s};

	return test.blob_len > 0 && sigcalls_take(&s) && proof_check(&p) == SIGNATURE_GOOD;
}

void session_selftest(struct selftest *out)
{
	static const struct selftest_hooks hooks = {streamlocal_seen_path, hostkey, seen_proof,
						    unanswered_seen};

	selftest_run(&hooks, out);
	sigcalls_sign_with(NULL, NULL);
	EVP_PKEY_free(test.key);
	test.key = NULL;
	test.blob_len = 0;
}
