// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, which signs and checks, and in the session, which names the algorithm of a
 * signature that libssh makes or checks.  It takes fields of known length and keeps no key.
 */
#include "signature.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/sha.h>
#include <string.h>

#include "field.h"

enum {
	USER_PRESENT = 1, /* of a token's flags */
	RSA_NUMBER = 2049,
	ED25519_KEY = 32,
};

static const struct key_type *find(const char *algorithm)
{
	for (size_t i = 0; i < KEY_TYPES; i++)
		if (strcmp(key_types[i].algorithm, algorithm) == 0)
			return &key_types[i];
	return NULL;
}

static const EVP_MD *digest_of(const struct key_type *t)
{
	return t->digest == NID_undef ? NULL : EVP_get_digestbynid(t->digest);
}

/* A key of that type, and no token's: those make their signatures themselves. */
static bool is_of(const EVP_PKEY *key, const struct key_type *t)
{
	char group[32];

	if (t->token || t->pkey != EVP_PKEY_get_base_id(key))
		return false;
	return !t->group || (EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
			     strcmp(t->group, group) == 0);
}

const char *signature_algorithm(const EVP_MD_CTX *ctx, bool token)
{
	EVP_PKEY_CTX *key = EVP_MD_CTX_get_pkey_ctx(ctx);
	const EVP_MD *md = EVP_MD_CTX_get0_md(ctx);
	const int pkey = key ? EVP_PKEY_get_base_id(EVP_PKEY_CTX_get0_pkey(key)) : 0;

	for (const struct key_type *t = key_types; t < key_types + KEY_TYPES; t++)
		if (t->pkey == pkey && t->token == token &&
		    t->digest == (md ? EVP_MD_get_type(md) : NID_undef))
			return t->algorithm;
	return NULL;
}

/* ---- public keys ---- */

EVP_PKEY *signature_build_key(const char *type, OSSL_PARAM_BLD *fields, int selection)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	OSSL_PARAM *params = fields ? OSSL_PARAM_BLD_to_param(fields) : NULL;
	EVP_PKEY *key = NULL;

	if (ctx && params && EVP_PKEY_fromdata_init(ctx) == 1 &&
	    EVP_PKEY_fromdata(ctx, &key, selection, params) != 1)
		key = NULL;
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(fields);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static EVP_PKEY *rsa_key(struct field e, struct field n)
{
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	BIGNUM *be = BN_bin2bn(e.p, (int)e.len, NULL), *bn = BN_bin2bn(n.p, (int)n.len, NULL);
	EVP_PKEY *key;

	OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, be);
	OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, bn);
	key = signature_build_key("RSA", b, EVP_PKEY_PUBLIC_KEY);
	BN_free(be);
	BN_free(bn);
	return key;
}

static EVP_PKEY *ec_key(const char *group, struct field point)
{
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();

	OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
	OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point.p, point.len);
	return signature_build_key("EC", b, EVP_PKEY_PUBLIC_KEY);
}

/* Of a blob of that type, else NULL; application: hashed, where it is a token's. */
static EVP_PKEY *public_key(const struct key_type *t, const uint8_t *blob, size_t len,
			    uint8_t application[SHA256_DIGEST_LENGTH])
{
	const struct key_type *is = keyline_check_blob(blob, len, NULL);
	struct field_reader r = {blob, len};
	struct field f;
	EVP_PKEY *key;

	if (!is || strcmp(is->name, t->name) != 0)
		return NULL;
	field_take(&r);
	if (t->group)
		field_take(&r);
	f = field_take(&r);
	if (t->pkey == EVP_PKEY_RSA)
		key = rsa_key(f, field_take(&r));
	else if (t->group)
		key = ec_key(t->group, f);
	else
		key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, f.p, f.len);
	f = field_take(&r);
	SHA256(f.p, f.len, application);
	return key;
}

/* ---- signatures ---- */

bool signature_make(EVP_PKEY *key, const char *algorithm, const void *data, size_t n, uint8_t *raw,
		    size_t *len)
{
	const struct key_type *t = find(algorithm);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool made = false;

	if (t && ctx && is_of(key, t) &&
	    EVP_DigestSignInit(ctx, NULL, digest_of(t), NULL, key) == 1)
		made = EVP_DigestSign(ctx, raw, len, data, n) == 1;
	EVP_MD_CTX_free(ctx);
	return made;
}

static bool verify(const struct key_type *t, EVP_PKEY *key, const struct signature *s,
		   const void *data, size_t n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const bool good = ctx && EVP_DigestVerifyInit(ctx, NULL, digest_of(t), NULL, key) == 1 &&
			  EVP_DigestVerify(ctx, s->raw, s->len, data, n) == 1;

	EVP_MD_CTX_free(ctx);
	return good;
}

enum signature_verdict signature_check(const struct signature *s, const uint8_t *blob,
				       size_t blob_len, const void *data, size_t n)
{
	const struct key_type *t = find(s->algorithm);
	uint8_t token[SIGNATURE_TOKEN_DATA];
	struct field_writer w = {token, SIGNATURE_TOKEN_FLAGS, sizeof(token)};
	const uint8_t flags = (uint8_t)s->flags;
	EVP_PKEY *key = t ? public_key(t, blob, blob_len, token) : NULL;
	bool good = false;

	if (key && !t->token) {
		good = verify(t, key, s, data, n);
	} else if (key) {
		field_put_bytes(&w, &flags, 1);
		field_put_u32(&w, s->counter);
		SHA256(data, n, token + w.len);
		good = s->flags == flags && verify(t, key, s, token, sizeof(token));
	}
	EVP_PKEY_free(key);
	if (!good)
		return SIGNATURE_BAD;
	return t->token && !(flags & USER_PRESENT) ? SIGNATURE_NO_TOUCH : SIGNATURE_GOOD;
}

/* ---- a key's blob ---- */

static void put_number(struct field_writer *w, const EVP_PKEY *key, const char *name)
{
	uint8_t mpint[4 + RSA_NUMBER];
	BIGNUM *number = NULL;

	if (EVP_PKEY_get_bn_param(key, name, &number) == 1 && BN_num_bytes(number) < RSA_NUMBER)
		field_put_bytes(w, mpint, (size_t)BN_bn2mpi(number, mpint));
	BN_free(number);
}

size_t signature_blob(EVP_PKEY *key, uint8_t blob[KEYLINE_BLOB_MAX])
{
	struct field_writer w = {blob, 0, KEYLINE_BLOB_MAX};
	const struct key_type *t = key_types;
	uint8_t raw[ED25519_KEY], *point = NULL;
	size_t n = sizeof(raw);

	while (t < key_types + KEY_TYPES && !is_of(key, t))
		t++;
	if (t == key_types + KEY_TYPES)
		return 0;
	field_put_text(&w, t->name);
	if (t->pkey == EVP_PKEY_RSA) {
		put_number(&w, key, OSSL_PKEY_PARAM_RSA_E);
		put_number(&w, key, OSSL_PKEY_PARAM_RSA_N);
	} else if (t->curve) {
		/* Of a key of its older kind, as libssh makes them, libcrypto's public key
		 * parameter has the point compressed; SSH has it whole (RFC 5656 section 3.1), as
		 * TLS does. */
		n = EVP_PKEY_get1_encoded_public_key(key, &point);
		field_put_text(&w, t->curve);
		field_put(&w, point, n);
		OPENSSL_free(point);
	} else if (EVP_PKEY_get_raw_public_key(key, raw, &n) == 1) {
		field_put(&w, raw, n);
	}
	return keyline_check_blob(blob, w.len, NULL) ? w.len : 0;
}
