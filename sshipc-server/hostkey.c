// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the process that becomes the monitor, called by start.c before anything is bound. Private
 * keys leave this process only as signatures (monitor/signing.c), and this file calls libcrypto,
 * never libssh.
 */
#include "hostkey.h"

#include <ctype.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "field.h"
#include "keyform.h"
#include "reason.h"
#include "signature.h"

enum {
	LOCKED = 1 << 18, /* bytes of locked memory for all secrets */
	SEED = 32,
};

/* ---- OpenSSH's form ---- */

static BIGNUM *take_number(struct field_reader *r)
{
	const struct field f = field_take(r);

	return BN_bin2bn(f.p, (int)f.len, BN_secure_new());
}

/* libcrypto derives the public key from the seed and would not check the one in the file: compare
 * them. */
static EVP_PKEY *take_ed25519(struct field_reader *r)
{
	const struct field public = field_take(r), secret = field_take(r);
	uint8_t derived[SEED];
	size_t n = sizeof(derived);
	EVP_PKEY *key = NULL;

	if (secret.len == 2 * SEED)
		key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret.p, SEED);
	if (key && EVP_PKEY_get_raw_public_key(key, derived, &n) == 1 && public.len == n &&
	    memcmp(public.p, derived, n) == 0)
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

static EVP_PKEY *take_ecdsa(struct field_reader *r)
{
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	const struct field curve = field_take(r), point = field_take(r);
	BIGNUM *secret = take_number(r);
	char group[8] = "";
	EVP_PKEY *key;

	if (curve.len == strlen("nistp256")) /* "P-256" to libcrypto */
		snprintf(group, sizeof(group), "P-%.3s", (const char *)curve.p + strlen("nistp"));
	OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
	OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point.p, point.len);
	OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, secret);
	key = signature_build_key("EC", b, EVP_PKEY_KEYPAIR);
	BN_clear_free(secret);
	return key;
}

static EVP_PKEY *take_rsa(struct field_reader *r)
{
	/* In the order of the file; then d modulo (p - 1) and d modulo (q - 1). */
	static const char *const names[8] = {
	    OSSL_PKEY_PARAM_RSA_N,	   OSSL_PKEY_PARAM_RSA_E,
	    OSSL_PKEY_PARAM_RSA_D,	   OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
	    OSSL_PKEY_PARAM_RSA_FACTOR1,   OSSL_PKEY_PARAM_RSA_FACTOR2,
	    OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2};
	enum { D = 2, P = 4, REST = 6, ALL = 8 };
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	BN_CTX *ctx = BN_CTX_secure_new();
	BIGNUM *numbers[ALL], *less = BN_secure_new();
	EVP_PKEY *key;

	for (int i = 0; i < ALL; i++) {
		numbers[i] = i < REST ? take_number(r) : BN_secure_new();
		if (i >= REST && BN_copy(less, numbers[P + i - REST]) && BN_sub_word(less, 1))
			BN_mod(numbers[i], numbers[D], less, ctx);
		OSSL_PARAM_BLD_push_BN(b, names[i], numbers[i]);
	}
	key = signature_build_key("RSA", b, EVP_PKEY_KEYPAIR);
	for (int i = 0; i < ALL; i++)
		BN_clear_free(numbers[i]);
	BN_clear_free(less);
	BN_CTX_free(ctx);
	return key;
}

static EVP_PKEY *take_key(struct field_reader *r)
{
	struct field cipher, secret, type;
	const struct key_type *t;
	struct field_reader in;
	uint32_t check;

	type = field_take_bytes(r, sizeof(KEYFILE_MAGIC));
	if (type.len == 0 || memcmp(type.p, KEYFILE_MAGIC, sizeof(KEYFILE_MAGIC)) != 0)
		return NULL;
	cipher = field_take(r);
	field_take(r); /* KDF name and options */
	field_take(r);
	if (cipher.len != 4 || memcmp(cipher.p, "none", 4) != 0 || field_take_u32(r) != 1)
		return NULL;
	field_take(r);
	secret = field_take(r);
	in = (struct field_reader){secret.p, secret.len};
	check = field_take_u32(&in);
	if (field_take_u32(&in) != check)
		return NULL;
	type = field_take(&in);
	t = key_type_find(type.p, type.len);
	if (!t || t->token)
		return NULL;
	return t->curve			 ? take_ecdsa(&in)
	       : t->pkey == EVP_PKEY_RSA ? take_rsa(&in)
					 : take_ed25519(&in);
}

static EVP_PKEY *from_openssh(const char *text)
{
	const size_t room = strlen(text);
	char *base64 = OPENSSL_secure_malloc(room);
	uint8_t *bytes = OPENSSL_secure_malloc(room);
	const char *stop = strstr(text, "\n-----END");
	EVP_PKEY *key = NULL;
	size_t n = 0;

	for (const char *p = text + strlen(KEYFILE_BEGIN); base64 && stop && p < stop; p++)
		if (!isspace((unsigned char)*p))
			base64[n++] = *p;
	if (n > 0 && bytes) {
		const long len = keyline_base64(base64, n, bytes, room);
		struct field_reader r = {bytes, len > 0 ? (size_t)len : 0};

		key = take_key(&r);
	}
	OPENSSL_secure_clear_free(base64, room);
	OPENSSL_secure_clear_free(bytes, room);
	return key;
}

static int no_passphrase(char *buf, int size, int writing, void *arg)
{
	return -1;
}

static EVP_PKEY *from_pem(const char *text)
{
	BIO *bio = BIO_new_mem_buf(text, -1);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;

	BIO_free(bio);
	return key;
}

/* ---- keys ---- */

/* The first row of key_types that fits the key. */
static const struct key_type *type_of(const struct hostkey *k)
{
	return keyline_check_blob(k->blob, k->blob_len, NULL);
}

/* Takes key over.  Checks that its private and public parts belong together. */
static struct hostkey *new_key(EVP_PKEY *key)
{
	struct signature s = {.len = sizeof(s.raw)};
	struct hostkey *k;

	if (!key)
		return NULL;
	k = xcalloc(1, sizeof(*k));
	k->key = key;
	k->blob_len = signature_blob(key, k->blob);
	if (k->blob_len > 0)
		snprintf(s.algorithm, sizeof(s.algorithm), "%s", type_of(k)->algorithm);
	if (k->blob_len > 0 && signature_make(k->key, s.algorithm, k->blob, 32, s.raw, &s.len) &&
	    signature_check(&s, k->blob, k->blob_len, k->blob, 32) == SIGNATURE_GOOD)
		return k;
	hostkey_free(k);
	return NULL;
}

struct hostkey *hostkey_parse(const char *text)
{
	const size_t size = strlen(text) + 1;
	struct hostkey *k =
	    new_key(strncmp(text, KEYFILE_BEGIN, strlen(KEYFILE_BEGIN)) == 0 ? from_openssh(text)
									     : from_pem(text));

	if (!k)
		return NULL;
	k->text = alloc_or_abort(OPENSSL_secure_malloc(size));
	memcpy(k->text, text, size);
	return k;
}

struct hostkey *hostkey_load(const char *path, const char **why)
{
	struct hostkey *k = NULL;
	size_t len;
	char *text;

	/* If RLIMIT_MEMLOCK allows no locked memory, libcrypto uses ordinary memory. */
	if (!CRYPTO_secure_malloc_initialized())
		CRYPTO_secure_malloc_init(LOCKED, 64);
	text = keyfile_read(path, FOLDERS_STRICT, "sshipc-server --generate-hostkey", &len, why);
	if (!text)
		return NULL;
	*why = keyform_check_private(text, path, false);
	if (!*why && !(k = hostkey_parse(text)))
		*why = reasonf("%s: not an unencrypted private key (Ed25519, ECDSA, RSA of 2048 "
			       "bits or more), or damaged (cut off, DOS line ends); another one, "
			       "of which clients have to be told, is made with: sshipc-server "
			       "--generate-hostkey FILE",
			       path);
	if (k && len >= KEYFILE_TEXT) { /* it would not fit into a HOSTKEY message */
		*why = reasonf("%s: %zu bytes are too many for a host key; leave only the key in "
			       "it, or make one with: sshipc-server --generate-hostkey FILE",
			       path, len);
		hostkey_free(k);
		k = NULL;
	}
	keyfile_wipe(text, len);
	return k;
}

void hostkey_free(struct hostkey *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->key);
	if (k->text)
		OPENSSL_secure_clear_free(k->text, strlen(k->text));
	free(k);
}

bool hostkey_same_type(const struct hostkey *a, const struct hostkey *b)
{
	return type_of(a) == type_of(b);
}
