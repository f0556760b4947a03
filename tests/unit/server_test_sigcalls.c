// SPDX-License-Identifier: BSD-2-Clause
/* Calls EVP_DigestSign and EVP_DigestVerify as libssh does. */
#include <criterion/criterion.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <string.h>

#include "field.h"
#include "sigcalls.h"

static EVP_PKEY *key;
static unsigned asked;
static bool refuse;

static void set_up(void)
{
	key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	cr_assert(key);
}

static void tear_down(void)
{
	EVP_PKEY_free(key);
}

TestSuite(sigcalls, .init = set_up, .fini = tear_down);

static int call_sign(const void *data, size_t n, uint8_t *raw, size_t *len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int rc;

	cr_assert_eq(EVP_DigestSignInit(ctx, NULL, NULL, NULL, key), 1);
	rc = EVP_DigestSign(ctx, raw, len, data, n);
	EVP_MD_CTX_free(ctx);
	return rc;
}

static int call_verify(const void *data, size_t n, const uint8_t *raw, size_t len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int rc;

	cr_assert_eq(EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key), 1);
	rc = EVP_DigestVerify(ctx, raw, len, data, n);
	EVP_MD_CTX_free(ctx);
	return rc;
}

static uint8_t hashed[SIGNATURE_HASHED_MAX + 1] = "a key exchange";
static size_t hashed_len;

/* As libssh makes the hash of a key exchange. */
static void call_hash(size_t n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t hash[EVP_MAX_MD_SIZE];

	hashed_len = n;
	cr_assert_eq(EVP_DigestInit_ex(ctx, EVP_sha256(), NULL), 1);
	cr_assert_eq(EVP_DigestUpdate(ctx, hashed, n), 1);
	cr_assert_eq(EVP_DigestFinal(ctx, hash, NULL), 1);
	EVP_MD_CTX_free(ctx);
}

/* Signs itself, with the very function that asked it. */
static bool signer(void *arg, const struct sigcalls_exchange *x, uint8_t *raw, size_t *len)
{
	static const uint8_t data[SIGNATURE_HASH];

	cr_expect_eq(arg, &asked);
	cr_expect_str_eq(x->algorithm, "ssh-ed25519");
	cr_expect_leq(x->hash_len, (size_t)SIGNATURE_HASH);
	cr_expect_eq(x->n, hashed_len);
	cr_expect_arr_eq(x->hashed, hashed, hashed_len);
	asked++;
	return !refuse && signature_make(key, x->algorithm, data, x->hash_len, raw, len);
}

Test(sigcalls, only_hashes_are_signed_elsewhere)
{
	static const uint8_t data[200];
	static const struct {
		size_t n;
		bool asked;
	} rows[] = {{20, true}, {32, true}, {64, true}, {65, false}, {69, false}, {200, false}};
	uint8_t raw[SIGNATURE_MAX];

	for (int with = 0; with < 2; with++) {
		sigcalls_sign_with(with ? signer : NULL, &asked);
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			size_t len = sizeof(raw);

			asked = 0;
			call_hash(200);
			cr_expect_eq(call_sign(data, rows[i].n, raw, &len), 1);
			cr_expect_eq(call_verify(data, rows[i].n, raw, len), 1);
			cr_expect_eq(asked, with && rows[i].asked, "%zu", rows[i].n);
		}
	}
	refuse = true;
	call_hash(200);
	cr_expect_eq(call_sign(data, 32, raw, &(size_t){sizeof(raw)}), 0);
	refuse = false;
	asked = 0;
	cr_expect_eq(call_sign(data, 32, raw, &(size_t){sizeof(raw)}), 1, "each once");
	cr_expect_eq(asked, 0);
	call_hash(SIGNATURE_HASHED_MAX);
	cr_expect_eq(call_sign(data, 32, raw, &(size_t){sizeof(raw)}), 1);
	cr_expect_eq(asked, 1);
	call_hash(SIGNATURE_HASHED_MAX + 1);
	cr_expect_eq(call_sign(data, 32, raw, &(size_t){sizeof(raw)}), 0, "too much");
	cr_expect_eq(asked, 1);
	sigcalls_sign_with(NULL, NULL);
}

/* What a login signs (RFC 4252 section 7). */
static void make_login(uint8_t data[200], const char *algorithm)
{
	struct field_writer w = {data, 0, 200};

	memset(data, 0, 200);
	field_put_text(&w, "the hash of a key exchange, 32 b");
	field_put_bytes(&w, "\x32", 1);
	field_put_text(&w, "ssh-ed25519"); /* a user's name */
	field_put_text(&w, "ssh-connection");
	field_put_text(&w, "publickey");
	field_put_bytes(&w, "\x01", 1);
	field_put_text(&w, algorithm);
}

Test(sigcalls, the_last_good_one_is_kept_once)
{
	uint8_t data[200], raw[SIGNATURE_MAX], hash_raw[SIGNATURE_MAX];
	size_t len = sizeof(raw), hash_len = sizeof(hash_raw);
	struct signature s;

	make_login(data, "ssh-ed25519");
	cr_expect_not(sigcalls_take(&s));
	cr_assert_eq(call_sign(data, sizeof(data), raw, &len), 1);
	cr_assert_eq(call_sign(data, 32, hash_raw, &hash_len), 1);
	cr_expect_not(sigcalls_take(&s), "nothing was checked");
	cr_expect_eq(call_verify(data, sizeof(data), raw, len), 1);
	cr_expect_eq(call_verify(data, 32, hash_raw, hash_len), 1, "the hash of a key exchange");
	cr_expect(sigcalls_take(&s));
	cr_expect_str_eq(s.algorithm, "ssh-ed25519");
	cr_expect_eq(s.len, len);
	cr_expect_arr_eq(s.raw, raw, len);
	cr_expect(s.flags == 0 && s.counter == 0);
	cr_expect_not(sigcalls_take(&s));
	cr_expect_eq(call_verify(data, sizeof(data), raw, len), 1);
	raw[0] ^= 1;
	cr_expect_neq(call_verify(data, sizeof(data), raw, len), 1);
	cr_expect_not(sigcalls_take(&s), "a bad one takes the place of a good one");
}

/* libssh takes any name in the request; the monitor would take it for a lie of ours. */
Test(sigcalls, one_whose_request_names_another_algorithm_is_not_kept)
{
	static const char *const names[] = {"ssh-rsa", "ssh-ed25519x", "ssh-ed2551", ""};
	uint8_t data[200], raw[SIGNATURE_MAX];
	struct signature s;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t len = sizeof(raw);

		make_login(data, names[i]);
		cr_assert_eq(call_sign(data, sizeof(data), raw, &len), 1);
		cr_expect_eq(call_verify(data, sizeof(data), raw, len), 1);
		cr_expect_not(sigcalls_take(&s), "\"%s\"", names[i]);
	}
}

/* An RSA key whose exponent has so many bits; its signatures are wrong. */
static EVP_PKEY *rsa_key(int modulus, int exponent)
{
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	BIGNUM *n = BN_new(), *e = BN_new();
	EVP_PKEY *rsa;

	cr_assert(BN_rand(n, modulus, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD) &&
		  BN_rand(e, exponent, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD));
	OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, e);
	OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, n);
	rsa = signature_build_key("RSA", b, EVP_PKEY_PUBLIC_KEY);
	cr_assert(rsa);
	BN_free(n);
	BN_free(e);
	return rsa;
}

Test(sigcalls, what_no_list_can_have_is_not_checked)
{
	static const struct {
		int modulus, exponent;
		enum sigcalls_check checked;
	} rows[] = {
	    {2048, 17, SIGCALLS_BAD},	   {2048, 64, SIGCALLS_BAD},
	    {2048, 65, SIGCALLS_BAD_KEY},  {3072, 3071, SIGCALLS_BAD_KEY},
	    {2040, 17, SIGCALLS_BAD_KEY},  {16384, 17, SIGCALLS_BAD},
	    {16392, 17, SIGCALLS_BAD_KEY},
	};
	static const uint8_t data[200], raw[16384 / 8] = {0, 1};
	EVP_PKEY *const ours = key;

	sigcalls_limit(100);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		key = rsa_key(rows[i].modulus, rows[i].exponent);
		cr_expect_neq(call_verify(data, sizeof(data), raw, (size_t)rows[i].modulus / 8), 1);
		cr_expect_eq(sigcalls_checked(), rows[i].checked, "%d bits, exponent %d",
			     rows[i].modulus, rows[i].exponent);
		EVP_PKEY_free(key);
	}
	key = ours;
}

Test(sigcalls, no_more_are_checked_than_may_be)
{
	uint8_t data[200], raw[SIGNATURE_MAX];
	size_t len = sizeof(raw);
	struct signature s;

	make_login(data, "ssh-ed25519");
	cr_assert_eq(call_sign(data, sizeof(data), raw, &len), 1);
	sigcalls_limit(2);
	cr_expect_eq(sigcalls_checked(), SIGCALLS_NONE);
	raw[0] ^= 1;
	cr_expect_neq(call_verify(data, sizeof(data), raw, len), 1);
	cr_expect_eq(sigcalls_checked(), SIGCALLS_BAD);
	raw[0] ^= 1;
	cr_expect_eq(call_verify(data, sizeof(data), raw, len), 1);
	cr_expect_eq(sigcalls_checked(), SIGCALLS_GOOD);
	cr_expect(sigcalls_take(&s));
	cr_expect_eq(call_verify(data, 32, raw, len) == 1, false, "of a key exchange: not counted");
	cr_expect_eq(call_verify(data, sizeof(data), raw, len), 0, "good, but too many");
	cr_expect_eq(sigcalls_checked(), SIGCALLS_TOO_MANY);
	cr_expect_not(sigcalls_take(&s));
}

Test(sigcalls, a_tokens_flags_and_counter)
{
	uint8_t data[SIGNATURE_TOKEN_DATA] = {0}, raw[SIGNATURE_MAX];
	size_t len = sizeof(raw);
	struct signature s;

	memcpy(data + SIGNATURE_TOKEN_FLAGS, "\x05\x01\x02\x03\x04", 5);
	cr_assert_eq(call_sign(data, sizeof(data), raw, &len), 1);
	cr_expect_eq(call_verify(data, sizeof(data), raw, len), 1);
	cr_expect(sigcalls_take(&s));
	cr_expect_str_eq(s.algorithm, "sk-ssh-ed25519@openssh.com");
	cr_expect_eq(s.flags, 5);
	cr_expect_eq(s.counter, 0x01020304);
}
