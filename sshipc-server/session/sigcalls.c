// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the session process and in the spawner's self-test: libssh calls these functions in place
 * of libcrypto's.  They may change nothing for any other caller, and have no private key.
 *
 *	key exchange	EVP_DigestUpdate(what is hashed)  noted, since only the hash comes next
 *			EVP_DigestSign(hash)		  the signer is asked in libcrypto's place
 *	login		EVP_DigestVerify(request)	  counted; good: kept for sigcalls_take
 *			a callback, if it was good; else nothing (unanswered.c), and
 *			sigcalls_checked tells why
 *
 * Trap: libssh uses these functions for more than that.  The length of the data distinguishes the
 * calls: 32, 48 or 64 bytes are the hash of a key exchange, 69 the data that a token signs, and
 * more are a login.
 */
#include "sigcalls.h"

#include <stdio.h>
#include <string.h>

#include "field.h"
#include "interpose.h"

/* One process has one session. */
static struct {
	sigcalls_signer *sign;
	void *arg;
	bool good;
	unsigned left; /* how many more signatures of logins may be checked */
	bool limited;
	enum sigcalls_check checked;
	struct signature last;
	uint8_t hashed[SIGNATURE_HASHED_MAX]; /* the last data hashed */
	size_t n;			      /* larger than hashed: the data did not fit */
} calls;

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

void sigcalls_limit(unsigned most)
{
	calls.limited = true;
	calls.left = most;
	calls.checked = SIGCALLS_NONE;
}

enum sigcalls_check sigcalls_checked(void)
{
	const enum sigcalls_check checked = calls.checked;

	calls.checked = SIGCALLS_NONE;
	return checked;
}

/* Only the hash of a key exchange is that short: the data that a login signs contains the session
 * id and names. */
static bool is_hash(size_t n)
{
	return n <= SIGNATURE_HASH;
}

/* Notes the data: the last that is hashed before a signature is the key exchange. */
int EVP_DigestUpdate(EVP_MD_CTX *ctx, const void *data, size_t n)
{
	static int (*real)(EVP_MD_CTX *, const void *, size_t);

	if (!real)
		*(void **)&real = interpose_next("EVP_DigestUpdate");
	if (calls.sign && !is_hash(n)) {
		calls.n = n;
		if (n <= sizeof(calls.hashed))
			memcpy(calls.hashed, data, n);
	}
	return real(ctx, data, n);
}

int EVP_DigestSign(EVP_MD_CTX *ctx, unsigned char *raw, size_t *len, const unsigned char *data,
		   size_t n)
{
	static int (*real)(EVP_MD_CTX *, unsigned char *, size_t *, const unsigned char *, size_t);
	sigcalls_signer *sign = calls.sign;
	struct sigcalls_exchange x = {.hashed = calls.hashed, .n = calls.n, .hash_len = n};
	int rc;

	if (!real)
		*(void **)&real = interpose_next("EVP_DigestSign");
	if (sign && raw && is_hash(n) && x.n > 0)
		x.algorithm = signature_algorithm(ctx, false);
	if (!x.algorithm)
		return real(ctx, raw, len, data, n);
	calls.sign = NULL; /* the signer may itself call this function */
	rc = x.n <= sizeof(calls.hashed) && sign(calls.arg, &x, raw, len);
	OPENSSL_cleanse(calls.hashed, sizeof(calls.hashed)); /* contains the shared secret */
	calls.n = 0;
	calls.sign = sign;
	return rc;
}

/* Whether the request names the algorithm of its signature (RFC 4252 section 7), which libssh does
 * not check.  A token signs a hash of the request, so its name cannot be checked here. */
static bool names_algorithm(const char *algorithm, const unsigned char *data, size_t n)
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

	if (!algorithm || len > sizeof(calls.last.raw) ||
	    !(token || names_algorithm(algorithm, data, n)))
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

/* Called before a login's signature is verified. */
static enum sigcalls_check may_check(const EVP_MD_CTX *ctx)
{
	uint8_t blob[KEYLINE_BLOB_MAX];
	EVP_PKEY_CTX *key = EVP_MD_CTX_get_pkey_ctx(ctx);

	if (!calls.limited)
		return SIGCALLS_GOOD;
	if (calls.left == 0)
		return SIGCALLS_TOO_MANY;
	calls.left--;
	if (!key || signature_blob(EVP_PKEY_CTX_get0_pkey(key), blob) == 0)
		return SIGCALLS_BAD_KEY;
	return SIGCALLS_GOOD;
}

int EVP_DigestVerify(EVP_MD_CTX *ctx, const unsigned char *raw, size_t len,
		     const unsigned char *data, size_t n)
{
	static int (*real)(EVP_MD_CTX *, const unsigned char *, size_t, const unsigned char *,
			   size_t);
	int rc;

	if (!real)
		*(void **)&real = interpose_next("EVP_DigestVerify");
	if (is_hash(n))
		return real(ctx, raw, len, data, n);
	calls.good = false;
	calls.checked = may_check(ctx);
	if (calls.checked != SIGCALLS_GOOD)
		return 0;
	rc = real(ctx, raw, len, data, n);
	if (rc == 1)
		keep(ctx, raw, len, data, n);
	else
		calls.checked = SIGCALLS_BAD;
	return rc;
}
