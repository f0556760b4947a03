// SPDX-License-Identifier: BSD-2-Clause
#include "sigcalls.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "field.h"

/* One process has one session. */
static struct {
	sigcalls_signer *sign;
	void *arg;
	bool good;
	struct signature last;
} calls;

static void *next(const char *name)
{
	void *p = dlsym(RTLD_NEXT, name);

	if (!p)
		abort();
	return p;
}

void sigcalls_sign_with(sigcalls_signer *sign, void *arg)
{
	calls.sign = sign;
	calls.arg = arg;
}

bool sigcalls_take(struct signature *out)
{
	const bool good = calls.good;

	*out = calls.last;
	calls.good = false;
	return good;
}

/* Only the hash of a key exchange is that short: what a login signs has the names in it. */
static bool is_hash(size_t n)
{
	return n <= SIGNATURE_HASH;
}

int EVP_DigestSign(EVP_MD_CTX *ctx, unsigned char *raw, size_t *len, const unsigned char *data,
		   size_t n)
{
	static int (*real)(EVP_MD_CTX *, unsigned char *, size_t *, const unsigned char *, size_t);
	sigcalls_signer *sign = calls.sign;
	const char *algorithm;
	int rc;

	if (!real)
		*(void **)&real = next("EVP_DigestSign");
	algorithm = sign && raw && is_hash(n) ? signature_algorithm(ctx, false) : NULL;
	if (!algorithm)
		return real(ctx, raw, len, data, n);
	calls.sign = NULL; /* whoever signs may do it with this very function */
	rc = sign(calls.arg, algorithm, data, n, raw, len);
	calls.sign = sign;
	return rc;
}

/* libssh takes any name in the request, and signs over that one (RFC 4252 section 7).  Of a token
 * only a hash is seen. */
static bool named(const char *algorithm, const unsigned char *data, size_t n)
{
	struct field_reader r = {data, n};
	struct field f;

	field_take(&r); /* session id, type, user, service, method, yes */
	field_take_bytes(&r, 1);
	for (int i = 0; i < 3; i++)
		field_take(&r);
	field_take_bytes(&r, 1);
	f = field_take(&r);
	return f.len == strlen(algorithm) && memcmp(f.p, algorithm, f.len) == 0;
}

static void keep(const EVP_MD_CTX *ctx, const unsigned char *raw, size_t len,
		 const unsigned char *data, size_t n)
{
	const bool token = n == SIGNATURE_TOKEN_DATA;
	const char *algorithm = signature_algorithm(ctx, token);
	struct field_reader r = {data + SIGNATURE_TOKEN_FLAGS + 1, 4};

	if (!algorithm || len > sizeof(calls.last.raw) || !(token || named(algorithm, data, n)))
		return;
	calls.last = (struct signature){.len = len};
	snprintf(calls.last.algorithm, sizeof(calls.last.algorithm), "%s", algorithm);
	memcpy(calls.last.raw, raw, len);
	if (token) {
		calls.last.flags = data[SIGNATURE_TOKEN_FLAGS];
		calls.last.counter = field_take_u32(&r);
	}
	calls.good = true;
}

int EVP_DigestVerify(EVP_MD_CTX *ctx, const unsigned char *raw, size_t len,
		     const unsigned char *data, size_t n)
{
	static int (*real)(EVP_MD_CTX *, const unsigned char *, size_t, const unsigned char *,
			   size_t);
	int rc;

	if (!real)
		*(void **)&real = next("EVP_DigestVerify");
	rc = real(ctx, raw, len, data, n);
	if (!is_hash(n)) {
		calls.good = false;
		if (rc == 1)
			keep(ctx, raw, len, data, n);
	}
	return rc;
}
