// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "keyblob.h"
#include "keys.h"

static const struct {
	const char *type, *base64, *fingerprint;
} keys[] = {
    {"ssh-ed25519", BLOB_ED, FP_ED},
    {"ssh-ed25519", BLOB_ED2, FP_ED2},
    {"ecdsa-sha2-nistp256", BLOB_P256, FP_P256},
    {"ecdsa-sha2-nistp384", BLOB_P384, FP_P384},
    {"ecdsa-sha2-nistp521", BLOB_P521, FP_P521},
    {"ssh-rsa", BLOB_RSA2048, FP_RSA2048},
    {"sk-ssh-ed25519@openssh.com", BLOB_SK_ED, FP_SK_ED},
    {"sk-ecdsa-sha2-nistp256@openssh.com", BLOB_SK_P256, FP_SK_P256},
};

#define N_KEYS (sizeof(keys) / sizeof(*keys))

static size_t decode(const char *base64, uint8_t *blob, size_t size)
{
	long n = keyline_base64(base64, strlen(base64), blob, size);

	cr_assert_gt(n, 0);
	return (size_t)n;
}

Test(keyblob, good_keys)
{
	for (size_t i = 0; i < N_KEYS; i++) {
		uint8_t blob[KEYLINE_BLOB_MAX], digest[KEYLINE_DIGEST];
		char text[KEYLINE_FINGERPRINT];
		const struct key_type *type;
		const char *why = NULL;
		size_t n = decode(keys[i].base64, blob, sizeof(blob));

		type = keyline_check_blob(blob, n, &why);
		cr_assert(type, "%s: %s", keys[i].type, why);
		cr_expect_str_eq(type->name, keys[i].type);
		cr_expect_eq(key_type_find(type->name, strlen(type->name)), type);
		cr_expect_null(key_type_find(type->name, strlen(type->name) - 1));
		keyline_digest(blob, n, digest);
		keyline_fingerprint(digest, text);
		cr_expect_str_eq(text, keys[i].fingerprint);
	}
}

Test(keyblob, every_cut_and_one_byte_more)
{
	for (size_t i = 0; i < N_KEYS; i++) {
		uint8_t blob[KEYLINE_BLOB_MAX] = {0};
		const char *why = NULL;
		size_t n = decode(keys[i].base64, blob, sizeof(blob) - 1);

		for (size_t cut = 0; cut < n; cut++)
			cr_expect_null(keyline_check_blob(blob, cut, &why), "%s cut to %zu",
				       keys[i].type, cut);
		cr_expect_null(keyline_check_blob(blob, n + 1, &why), "%s and more", keys[i].type);
		cr_expect_str_eq(why, "something follows the key");
	}
}

Test(keyblob, other_lengths_of_fields)
{
	/* Whatever a length field says, nothing outside is read (asan) and nothing is taken. */
	static const uint8_t lengths[][4] = {{0, 0, 0, 0},	    {0, 0, 0, 10},
					     {0, 0, 0, 12},	    {0, 0, 1, 0},
					     {0x7f, 255, 255, 255}, {255, 255, 255, 255}};
	uint8_t blob[KEYLINE_BLOB_MAX];
	const char *why;
	size_t n = decode(BLOB_ED, blob, sizeof(blob));

	for (size_t at = 0; at <= 15; at += 15) {
		for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
			uint8_t changed[64];

			memcpy(changed, blob, n);
			memcpy(changed + at, lengths[i], 4);
			cr_expect_null(keyline_check_blob(changed, n, &why), "%zu at %zu", i, at);
		}
	}
}

/* Blobs made of fields: text fields first, then one of size bytes: first, then zeros, then last. */
struct made {
	uint8_t p[2 * KEYLINE_BLOB_MAX];
	size_t n;
};

static void put(struct made *m, const void *p, size_t n)
{
	const uint8_t len[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
				(uint8_t)n};

	memcpy(m->p + m->n, len, 4);
	memcpy(m->p + m->n + 4, p, n);
	m->n += 4 + n;
}

static void put_number(struct made *m, size_t size, uint8_t first, uint8_t second, uint8_t last)
{
	uint8_t number[KEYLINE_BLOB_MAX] = {first, second};

	number[size - 1] = last;
	put(m, number, size);
}

static const char *judge(const struct made *m)
{
	const char *why = NULL;

	return keyline_check_blob(m->p, m->n, &why) ? "good" : why;
}

Test(keyblob, rsa_numbers)
{
	static const struct {
		const char *e;
		size_t e_len, size;
		uint8_t first, second, last;
		const char *verdict;
	} table[] = {
	    {"\1\0\1", 3, 257, 0, 0x80, 1, "good"}, /* 2048 bits */
	    {"\3", 1, 257, 0, 0xff, 1, "good"},
	    {"\1\0\1", 3, 2049, 0, 0x80, 1, "good"}, /* 16384 */
	    {"\1\0\1", 3, 2049, 1, 0, 1, "an RSA key may have at most 16384 bits"},
	    {"\1\0\1", 3, 256, 0x7f, 0xff, 1, "an RSA key needs at least 2048 bits"},
	    {"\1\0\1", 3, 256, 0x80, 0, 1, "the RSA key is malformed"}, /* negative */
	    {"\1\0\1", 3, 257, 0, 0x7f, 1, "the RSA key is malformed"}, /* not the shortest form */
	    {"\1\0\1", 3, 257, 0, 0x80, 2, "the RSA key is malformed"}, /* even */
	    {"\1\0\1", 3, 1, 0, 0, 0, "the RSA key is malformed"},
	    {"\1", 1, 257, 0, 0x80, 1, "the RSA key is malformed"},
	    {"\1\0\0", 3, 257, 0, 0x80, 1, "the RSA key is malformed"},
	    {"\xff", 1, 257, 0, 0x80, 1, "the RSA key is malformed"},
	    {"\0\1\0\1", 4, 257, 0, 0x80, 1, "the RSA key is malformed"},
	    {"\1\0\0\0\0\0\0\0\1", 9, 257, 0, 0x80, 1, "the RSA key is malformed"},
	    {"", 0, 257, 0, 0x80, 1, "the RSA key is malformed"},
	    {"\1\0\1", 3, 4093, 0, 0x80, 1, "the key is too long"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct made m = {.n = 0};

		put(&m, "ssh-rsa", 7);
		put(&m, table[i].e, table[i].e_len);
		put_number(&m, table[i].size, table[i].first, table[i].second, table[i].last);
		cr_expect_str_eq(judge(&m), table[i].verdict, "row %zu: %s", i, judge(&m));
	}
}

#define WRONG_SIZE "the key has the wrong size for its type (is the line cut off or broken in two?)"

Test(keyblob, points)
{
	static const struct {
		const char *type, *curve;
		size_t size;
		uint8_t first;
		const char *application, *verdict;
	} table[] = {
	    {"ssh-ed25519", NULL, 32, 9, NULL, "good"},
	    {"ssh-ed25519", NULL, 31, 9, NULL, WRONG_SIZE},
	    {"ssh-ed25519", NULL, 33, 9, NULL, WRONG_SIZE},
	    {"ssh-ed25519", NULL, 32, 9, "ssh:", "something follows the key"},
	    {"sk-ssh-ed25519@openssh.com", NULL, 32, 9, "ssh:", "good"},
	    {"sk-ssh-ed25519@openssh.com", NULL, 32, 9, "",
	     "the security key names no application"},
	    {"sk-ssh-ed25519@openssh.com", NULL, 32, 9, NULL,
	     "the security key names no application"},
	    {"ecdsa-sha2-nistp256", "nistp256", 65, 4, NULL, "good"},
	    {"ecdsa-sha2-nistp384", "nistp384", 97, 4, NULL, "good"},
	    {"ecdsa-sha2-nistp521", "nistp521", 133, 4, NULL, "good"},
	    {"ecdsa-sha2-nistp256", "nistp384", 97, 4, NULL,
	     "the key's curve is not that of its type"},
	    {"ecdsa-sha2-nistp256", "nistp25", 65, 4, NULL,
	     "the key's curve is not that of its type"},
	    {"ecdsa-sha2-nistp256", "nistp256", 33, 2, NULL, WRONG_SIZE},
	    {"ecdsa-sha2-nistp256", "nistp256", 65, 2, NULL, "the ECDSA key is malformed"},
	    {"ecdsa-sha2-nistp521", "nistp521", 132, 4, NULL, WRONG_SIZE},
	    {"sk-ecdsa-sha2-nistp256@openssh.com", "nistp256", 65, 4, "ssh:", "good"},
	    {"sk-ecdsa-sha2-nistp256@openssh.com", "nistp256", 65, 4, NULL,
	     "the security key names no application"},
	    {"ssh-ed448", NULL, 57, 9, NULL, "the key's type is not supported"},
	    {"ssh-ed25519\n", NULL, 32, 9, NULL, "the key's type is not supported"},
	    {"", NULL, 32, 9, NULL, "the key is malformed"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct made m = {.n = 0};

		put(&m, table[i].type, strlen(table[i].type));
		if (table[i].curve)
			put(&m, table[i].curve, strlen(table[i].curve));
		put_number(&m, table[i].size, table[i].first, 0, 1);
		if (table[i].application)
			put(&m, table[i].application, strlen(table[i].application));
		cr_expect_str_eq(judge(&m), table[i].verdict, "row %zu: %s", i, judge(&m));
	}
}

Test(keyblob, base64)
{
	static const struct {
		const char *text;
		long n; /* -1: refused */
		const char *bytes;
	} table[] = {
	    {"", 0, ""},	 {"Zg==", 1, "f"},	  {"Zm8=", 2, "fo"},
	    {"Zm9v", 3, "foo"},	 {"Zm9vYg==", 4, "foob"}, {"+/+/", 3, "\xfb\xff\xbf"},
	    {"Zh==", -1, ""},	 {"Zm9=", -1, ""},	  {"Zg=", -1, ""},
	    {"Zg", -1, ""},	 {"Z", -1, ""},		  {"Z===", -1, ""},
	    {"====", -1, ""},	 {"=", -1, ""},		  {"Zg==Zg==", -1, ""},
	    {"Zm 9", -1, ""},	 {"Zm9v\n", -1, ""},	  {"Zm-_", -1, ""},
	    {"Zm9\xc3", -1, ""}, {"Zm9vYmFy", -1, ""},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		uint8_t out[5] = {0};
		long n = keyline_base64(table[i].text, strlen(table[i].text), out, sizeof(out));

		cr_expect_eq(n, table[i].n, "\"%s\" gave %ld", table[i].text, n);
		if (n > 0)
			cr_expect_eq(memcmp(out, table[i].bytes, (size_t)n), 0, "%s",
				     table[i].text);
	}
	cr_expect_eq(keyline_base64("Zm\0v", 4, (uint8_t[4]){0}, 4), -1, "a NUL is no digit");
}
