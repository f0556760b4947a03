// SPDX-License-Identifier: BSD-2-Clause
/* Signatures of every algorithm by fresh keys; then everything that may be wrong with them. */
#define OPENSSL_SUPPRESS_DEPRECATED /* to make keys as libssh does */
#include <criterion/criterion.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "field.h"
#include "signature.h"

static const char data[] = "session id, user, service, method, algorithm, key";

static const struct row {
	const char *algorithm, *type, *of, *group;
	bool token;
} rows[] = {
    {"ssh-ed25519", "ssh-ed25519", "ED25519", NULL, false},
    {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", "EC", "P-256", false},
    {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384", "EC", "P-384", false},
    {"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521", "EC", "P-521", false},
    {"rsa-sha2-256", "ssh-rsa", "RSA", NULL, false},
    {"rsa-sha2-512", "ssh-rsa", "RSA", NULL, false},
    {"sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519@openssh.com", "ED25519", NULL, true},
    {"sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", "EC", "P-256",
     true},
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static struct made {
	EVP_PKEY *key;
	uint8_t blob[KEYLINE_BLOB_MAX];
	size_t len;
	struct signature s;
} made[ROWS];

static EVP_PKEY *make_key(const struct row *r)
{
	if (r->group)
		return EVP_EC_gen(r->group);
	return strcmp(r->of, "RSA") == 0 ? EVP_RSA_gen(2048) : EVP_PKEY_Q_keygen(NULL, NULL, r->of);
}

/* The blob of a token's key is the plain one with another name and an application behind it. */
static void make_token(struct made *m, const char *type)
{
	uint8_t plain[KEYLINE_BLOB_MAX];
	struct field_reader r = {plain, m->len};
	struct field_writer w = {m->blob, 0, sizeof(m->blob)};

	memcpy(plain, m->blob, m->len);
	field_take(&r);
	field_put_text(&w, type);
	field_put_bytes(&w, r.p, r.left);
	field_put_text(&w, "ssh:");
	m->len = w.len;
}

static void sign(const struct row *r, struct made *m, uint8_t flags, uint32_t counter)
{
	static const char *const plain[2] = {"ssh-ed25519", "ecdsa-sha2-nistp256"};
	uint8_t token[SIGNATURE_TOKEN_DATA];
	struct field_writer w = {token, SIGNATURE_TOKEN_FLAGS, sizeof(token)};

	m->s = (struct signature){.len = sizeof(m->s.raw), .flags = flags, .counter = counter};
	snprintf(m->s.algorithm, sizeof(m->s.algorithm), "%s", r->algorithm);
	if (!r->token) {
		cr_assert(
		    signature_make(m->key, r->algorithm, data, sizeof(data), m->s.raw, &m->s.len));
		return;
	}
	SHA256((const uint8_t *)"ssh:", 4, token);
	field_put_bytes(&w, &flags, 1);
	field_put_u32(&w, counter);
	SHA256((const uint8_t *)data, sizeof(data), token + w.len);
	cr_assert(signature_make(m->key, plain[r->group != NULL], token, sizeof(token), m->s.raw,
				 &m->s.len));
}

static void set_up(void)
{
	for (size_t i = 0; i < ROWS; i++) {
		made[i].key = make_key(&rows[i]);
		made[i].len = signature_blob(made[i].key, made[i].blob);
		cr_assert_gt(made[i].len, 0);
		if (rows[i].token)
			make_token(&made[i], rows[i].type);
		sign(&rows[i], &made[i], rows[i].token, rows[i].token ? 0x01020304 : 0);
	}
}

static void tear_down(void)
{
	for (size_t i = 0; i < ROWS; i++)
		EVP_PKEY_free(made[i].key);
}

TestSuite(signature, .init = set_up, .fini = tear_down, .timeout = 60);

static enum signature_verdict check(const struct signature *s, const struct made *m)
{
	return signature_check(s, m->blob, m->len, data, sizeof(data));
}

Test(signature, good_ones)
{
	for (size_t i = 0; i < ROWS; i++) {
		const struct key_type *type = keyline_check_blob(made[i].blob, made[i].len, NULL);

		cr_assert(type);
		cr_expect_str_eq(type->name, rows[i].type);
		cr_expect_eq(check(&made[i].s, &made[i]), SIGNATURE_GOOD, "%s", rows[i].algorithm);
	}
}

/* libssh makes its keys in the older way: the blob is the same. */
Test(signature, blob_of_an_older_kind_of_key)
{
	static const struct {
		const char *group;
		int nid;
	} groups[] = {
	    {"P-256", NID_X9_62_prime256v1}, {"P-384", NID_secp384r1}, {"P-521", NID_secp521r1}};

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		EVP_PKEY *key = EVP_EC_gen(groups[i].group), *older = EVP_PKEY_new();
		uint8_t want[KEYLINE_BLOB_MAX], got[KEYLINE_BLOB_MAX], point[133];
		size_t n = signature_blob(key, want), len = sizeof(point);
		EC_KEY *ec = EC_KEY_new_by_curve_name(groups[i].nid);

		cr_assert(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, len,
							  &len) == 1);
		cr_assert(EC_KEY_oct2key(ec, point, len, NULL) == 1);
		cr_assert(EVP_PKEY_assign_EC_KEY(older, ec) == 1);
		cr_expect_gt(n, 0);
		cr_expect_eq(signature_blob(older, got), n, "%s", groups[i].group);
		cr_expect_arr_eq(got, want, n);
		EVP_PKEY_free(key);
		EVP_PKEY_free(older);
	}
}

/* Every bit of signature and data counts, and every length. */
Test(signature, changed)
{
	for (size_t i = 0; i < ROWS; i++) {
		struct signature s = made[i].s;
		char other[sizeof(data)];

		for (size_t at = 0; at < s.len; at++) {
			s.raw[at] ^= 1;
			cr_expect_eq(check(&s, &made[i]), SIGNATURE_BAD, "%s, byte %zu",
				     rows[i].algorithm, at);
			s.raw[at] ^= 1;
		}
		for (s.len = 0; s.len < made[i].s.len; s.len++)
			cr_expect_eq(check(&s, &made[i]), SIGNATURE_BAD);
		for (s.len++; s.len < made[i].s.len + 3; s.len++)
			cr_expect_eq(check(&s, &made[i]), SIGNATURE_BAD);
		memcpy(other, data, sizeof(data));
		other[5] ^= 1;
		cr_expect_eq(
		    signature_check(&made[i].s, made[i].blob, made[i].len, other, sizeof(other)),
		    SIGNATURE_BAD);
		cr_expect_eq(
		    signature_check(&made[i].s, made[i].blob, made[i].len, data, sizeof(data) - 1),
		    SIGNATURE_BAD);
	}
}

/* By every other key, and under every other name. */
Test(signature, of_another_kind)
{
	for (size_t i = 0; i < ROWS; i++)
		for (size_t j = 0; j < ROWS; j++) {
			struct signature s = made[i].s;

			if (i == j)
				continue;
			cr_expect_eq(check(&s, &made[j]), SIGNATURE_BAD);
			snprintf(s.algorithm, sizeof(s.algorithm), "%s", rows[j].algorithm);
			cr_expect_eq(check(&s, &made[i]), SIGNATURE_BAD, "%s as %s",
				     rows[i].algorithm, rows[j].algorithm);
			cr_expect_eq(check(&s, &made[j]), SIGNATURE_BAD);
		}
}

Test(signature, unknown_names_and_blobs)
{
	static const char *const names[] = {"", "ssh-rsa", "ssh-dss",
					    "ssh-ed25519-cert-v01@openssh.com", "none"};

	for (size_t i = 0; i < ROWS; i++) {
		struct signature s = made[i].s;
		size_t n = sizeof(s.raw);

		for (size_t at = 0; at < made[i].len; at++)
			cr_expect_eq(signature_check(&s, made[i].blob, at, data, sizeof(data)),
				     SIGNATURE_BAD);
		for (size_t j = 0; j < sizeof(names) / sizeof(names[0]); j++) {
			snprintf(s.algorithm, sizeof(s.algorithm), "%s", names[j]);
			cr_expect_eq(check(&s, &made[i]), SIGNATURE_BAD);
			cr_expect_not(signature_make(made[i].key, names[j], data, 1, s.raw, &n));
		}
	}
}

Test(signature, tokens)
{
	static const struct {
		uint8_t flags;
		enum signature_verdict verdict;
	} flags[] = {{1, SIGNATURE_GOOD},     {5, SIGNATURE_GOOD},     {0xff, SIGNATURE_GOOD},
		     {0, SIGNATURE_NO_TOUCH}, {4, SIGNATURE_NO_TOUCH}, {0xfe, SIGNATURE_NO_TOUCH}};

	for (size_t i = 0; i < ROWS; i++) {
		if (!rows[i].token)
			continue;
		for (size_t j = 0; j < sizeof(flags) / sizeof(flags[0]); j++) {
			struct signature s;

			sign(&rows[i], &made[i], flags[j].flags, 7);
			s = made[i].s;
			cr_expect_eq(check(&s, &made[i]), flags[j].verdict, "%u", flags[j].flags);
			s.counter++;
			cr_expect_eq(check(&s, &made[i]), SIGNATURE_BAD);
			s.counter--;
			s.flags ^= 1; /* touch that was not signed */
			cr_expect_eq(check(&s, &made[i]), SIGNATURE_BAD);
			s.flags ^= 1 | SIGNATURE_USER_VERIFIED; /* a PIN that was not signed */
			cr_expect_eq(check(&s, &made[i]), SIGNATURE_BAD);
			s.flags ^= 0x100 | SIGNATURE_USER_VERIFIED;
			cr_expect_eq(check(&s, &made[i]), SIGNATURE_BAD);
		}
		made[i].blob[made[i].len - 1] ^= 1; /* another application */
		cr_expect_eq(check(&made[i].s, &made[i]), SIGNATURE_BAD);
	}
}

Test(signature, keys_that_have_no_blob)
{
	static const char *const others[] = {"X25519", "ED448"};
	uint8_t blob[KEYLINE_BLOB_MAX];
	EVP_PKEY *keys[] = {EVP_PKEY_Q_keygen(NULL, NULL, others[0]),
			    EVP_PKEY_Q_keygen(NULL, NULL, others[1]), EVP_EC_gen("secp256k1"),
			    EVP_RSA_gen(1024)};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		cr_assert(keys[i]);
		cr_expect_eq(signature_blob(keys[i], blob), 0, "%zu", i);
		EVP_PKEY_free(keys[i]);
	}
}

Test(signature, what_a_context_is_for)
{
	for (size_t i = 0; i < ROWS; i++) {
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();
		static const char *const digests[ROWS] = {NULL,	    "SHA256", "SHA384", "SHA512",
							  "SHA256", "SHA512", NULL,	"SHA256"};

		cr_assert_eq(EVP_DigestVerifyInit(
				 ctx, NULL, digests[i] ? EVP_get_digestbyname(digests[i]) : NULL,
				 NULL, made[i].key),
			     1);
		cr_expect_str_eq(signature_algorithm(ctx, rows[i].token), rows[i].algorithm);
		EVP_MD_CTX_free(ctx);
		ctx = EVP_MD_CTX_new();
		cr_expect_null(signature_algorithm(ctx, false));
		EVP_MD_CTX_free(ctx);
	}
}
