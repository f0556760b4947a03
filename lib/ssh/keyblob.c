// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in every process that handles keys, called for each public key that is read, printed or
 * compared; its input may come from a peer.  It allocates nothing, and of libcrypto it calls the
 * hash only.
 */
#include "keyblob.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "field.h"

#define BLANK	     " \t"
#define ALNUM	     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define RSA_MIN_BITS 2048
#define RSA_MAX_BITS 16384

const struct key_type key_types[KEY_TYPES] = {
    {"ssh-ed25519", "ssh-ed25519", EVP_PKEY_ED25519, NID_undef, NULL, NULL, 32, false},
    {"sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519@openssh.com", EVP_PKEY_ED25519, NID_undef, NULL,
     NULL, 32, true},
    {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", EVP_PKEY_EC, NID_sha256, "nistp256",
     "prime256v1", 65, false},
    {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384", EVP_PKEY_EC, NID_sha384, "nistp384", "secp384r1",
     97, false},
    {"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521", EVP_PKEY_EC, NID_sha512, "nistp521", "secp521r1",
     133, false},
    {"sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", EVP_PKEY_EC,
     NID_sha256, "nistp256", "prime256v1", 65, true},
    {"ssh-rsa", "rsa-sha2-512", EVP_PKEY_RSA, NID_sha512, NULL, NULL, 0, false},
    {"ssh-rsa", "rsa-sha2-256", EVP_PKEY_RSA, NID_sha256, NULL, NULL, 0, false},
};

const struct key_type *key_type_find(const void *name, size_t len)
{
	for (size_t i = 0; i < KEY_TYPES; i++)
		if (len == strlen(key_types[i].name) && memcmp(name, key_types[i].name, len) == 0)
			return &key_types[i];
	return NULL;
}

void key_algorithms(bool tokens, char list[KEY_ALGORITHMS])
{
	size_t n = 0;

	for (size_t i = 0; i < KEY_TYPES; i++)
		if (tokens || !key_types[i].token)
			n += (size_t)snprintf(list + n, KEY_ALGORITHMS - n, "%s%s", n ? "," : "",
					      key_types[i].algorithm);
}

/* Bits of a positive mpint in its shortest form (RFC 4251 section 5), else 0. */
static size_t mpint_bits(const struct field *f)
{
	size_t bits = 0;

	if (f->len == 0 || f->p[0] >= 0x80 || (f->p[0] == 0 && (f->len == 1 || f->p[1] < 0x80)))
		return 0;
	for (unsigned top = f->p[0]; top; top >>= 1)
		bits++;
	return bits + 8 * (f->len - 1);
}

static const char *check_rsa(struct field_reader *c)
{
	struct field e = field_take(c), n = field_take(c);
	size_t bits = mpint_bits(&n);

	if (bits == 0 || mpint_bits(&e) < 2 || mpint_bits(&e) > 64 || !(e.p[e.len - 1] & 1) ||
	    !(n.p[n.len - 1] & 1))
		return "the RSA key is malformed";
	if (bits < RSA_MIN_BITS)
		return "an RSA key needs at least 2048 bits";
	return bits > RSA_MAX_BITS ? "an RSA key may have at most 16384 bits" : NULL;
}

static const char *check_point(const struct key_type *t, struct field_reader *c)
{
	struct field curve = {.p = NULL}, point;

	if (t->curve) {
		curve = field_take(c);
		if (curve.len != strlen(t->curve) || memcmp(curve.p, t->curve, curve.len) != 0)
			return "the key's curve is not that of its type";
	}
	point = field_take(c);
	if (point.len != t->point)
		return "the key has the wrong size for its type (is the line cut off or broken in "
		       "two?)";
	/* 4: uncompressed (SEC 1 section 2.3.3), the only form in SSH. */
	if (t->curve && point.p[0] != 4)
		return "the ECDSA key is malformed";
	if (t->token && field_take(c).len == 0)
		return "the security key names no application";
	return NULL;
}

const struct key_type *keyline_check_blob(const uint8_t *blob, size_t len, const char **errstr)
{
	struct field_reader c = {.p = blob, .left = len};
	const struct field name = field_take(&c);
	const struct key_type *t = key_type_find(name.p, name.len);
	const char *why;

	if (len > KEYLINE_BLOB_MAX)
		why = "the key is too long";
	else if (name.len == 0)
		why = "the key is malformed";
	else if (!t)
		why = "the key's type is not supported";
	else
		why = t->pkey == EVP_PKEY_RSA ? check_rsa(&c) : check_point(t, &c);
	if (!why && c.left)
		why = "something follows the key";
	if (errstr)
		*errstr = why;
	return why ? NULL : t;
}

void keyline_digest(const uint8_t *blob, size_t len, uint8_t digest[KEYLINE_DIGEST])
{
	SHA256(blob, len, digest);
}

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void keyline_fingerprint(const uint8_t digest[KEYLINE_DIGEST], char text[KEYLINE_FINGERPRINT])
{
	size_t n = (size_t)snprintf(text, KEYLINE_FINGERPRINT, "SHA256:");
	unsigned bits = 0, have = 0;

	for (size_t i = 0; i < KEYLINE_DIGEST; i++) {
		bits = bits << 8 | digest[i];
		for (have += 8; have >= 6; have -= 6)
			text[n++] = base64[bits >> (have - 6) & 63];
	}
	text[n++] = base64[bits << (6 - have) & 63];
	text[n] = '\0';
}

long keyline_base64(const char *text, size_t len, uint8_t *out, size_t size)
{
	size_t pad = 0, n = 0;
	unsigned bits = 0, have = 0;

	while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
		pad++;
	if (len % 4 != 0)
		return -1;
	for (size_t i = 0; i < len - pad; i++) {
		const char *digit = memchr(base64, text[i], sizeof(base64) - 1);

		if (!digit)
			return -1;
		bits = bits << 6 | (unsigned)(digit - base64);
		have += 6;
		if (have < 8)
			continue;
		if (n == size)
			return -1;
		have -= 8;
		out[n++] = (uint8_t)(bits >> have);
	}
	/* Each key has only one base64 text: unused bits must be zero. */
	return bits & ((1U << have) - 1) ? -1 : (long)n;
}

bool keyline_holds_key(const char *words)
{
	for (const char *w = words; *(w += strspn(w, BLANK)); w += strcspn(w, BLANK)) {
		/* "AAAA": every blob begins with a length below 2^8. */
		if (w != words && !strncmp(w, "AAAA", 4) && strspn(w, ALNUM "+/") >= 20)
			return true;
	}
	return false;
}
