// SPDX-License-Identifier: BSD-2-Clause
/* A security key in software for the stock client (OpenSSH's PROTOCOL.u2f and sk-api.h): its key
 * handle is the private key, and it is touched, and has its PIN entered, whenever the client asks
 * for that. */
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { API = 0x000a0000, ECDSA = 0, FAILED = -1, TOUCH = 1, VERIFY = 4 };

struct bytes {
	uint8_t *p;
	size_t n;
};

struct enrolled {
	uint8_t flags;
	struct bytes public_key, handle, signature, certificate, authdata;
};

struct signed_response {
	uint8_t flags;
	uint32_t counter;
	struct bytes r, s;
};

static struct bytes copy(const void *p, size_t n)
{
	struct bytes b = {malloc(n ? n : 1), n};

	memcpy(b.p, p, n);
	return b;
}

uint32_t sk_api_version(void)
{
	return API;
}

int sk_enroll(uint32_t algorithm, const uint8_t *challenge, size_t n_challenge,
	      const char *application, uint8_t flags, const char *pin, void **options,
	      struct enrolled **out)
{
	EVP_PKEY *key =
	    algorithm == ECDSA ? EVP_EC_gen("P-256") : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	uint8_t public[65], *der = NULL;
	size_t n = sizeof(public);
	int n_der;

	(void)challenge, (void)n_challenge, (void)application, (void)pin, (void)options;
	if (EVP_PKEY_get_octet_string_param(key, "pub", public, n, &n) != 1 ||
	    (n_der = i2d_PrivateKey(key, &der)) <= 0)
		return FAILED;
	*out = calloc(1, sizeof(**out));
	(*out)->flags = flags;
	(*out)->public_key = copy(public, n);
	(*out)->handle = copy(der, (size_t)n_der);
	(*out)->signature = (*out)->certificate = (*out)->authdata = (struct bytes){NULL, 0};
	return 0;
}

int sk_sign(uint32_t algorithm, const uint8_t *data, size_t n_data, const char *application,
	    const uint8_t *handle, size_t n_handle, uint8_t flags, const char *pin, void **options,
	    struct signed_response **out)
{
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &handle, (long)n_handle);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t message[69] = {0}, raw[128];
	const uint8_t *p = raw;
	size_t n = sizeof(raw);
	ECDSA_SIG *sig;

	(void)pin, (void)options;
	SHA256((const uint8_t *)application, strlen(application), message);
	message[32] = flags & (TOUCH | VERIFY);
	message[36] = 7;
	SHA256(data, n_data, message + 37);
	if (EVP_DigestSignInit(ctx, NULL, algorithm == ECDSA ? EVP_sha256() : NULL, NULL, key) !=
		1 ||
	    EVP_DigestSign(ctx, raw, &n, message, sizeof(message)) != 1)
		return FAILED;
	*out = calloc(1, sizeof(**out));
	(*out)->flags = message[32];
	(*out)->counter = message[36];
	if (algorithm != ECDSA) {
		(*out)->r = copy(raw, n);
		return 0;
	}
	sig = d2i_ECDSA_SIG(NULL, &p, (long)n);
	n = (size_t)BN_bn2bin(ECDSA_SIG_get0_r(sig), message);
	(*out)->r = copy(message, n);
	n = (size_t)BN_bn2bin(ECDSA_SIG_get0_s(sig), message);
	(*out)->s = copy(message, n);
	return 0;
}

int sk_load_resident_keys(const char *pin, void **options, void ***out, size_t *n)
{
	(void)pin, (void)options, (void)out, (void)n;
	return FAILED;
}
