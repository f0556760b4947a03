// SPDX-License-Identifier: BSD-2-Clause
/* Host keys as ssh-keygen writes them: what is read, what is refused, what sessions get of them. */
#include <criterion/criterion.h>
#include <libssh/libssh.h>
#include <openssl/dsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostkey.h"
#include "interposed.h"
#include "keygen.h"
#include "signature.h"

TestSuite(hostkey, .init = set_up, .fini = tear_down, .timeout = 60);

/* OpenSSH 10 makes no DSA keys: this is one that an older ssh-keygen left. */
static void leave_dsa_key(void)
{
	EVP_PKEY *parameters = NULL, *key = NULL;
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_id(EVP_PKEY_DSA, NULL);
	FILE *f;

	clean();
	cr_assert(c && EVP_PKEY_paramgen_init(c) == 1 &&
		  EVP_PKEY_CTX_set_dsa_paramgen_bits(c, 1024) == 1 &&
		  EVP_PKEY_paramgen(c, &parameters) == 1);
	EVP_PKEY_CTX_free(c);
	c = EVP_PKEY_CTX_new(parameters, NULL);
	cr_assert(c && EVP_PKEY_keygen_init(c) == 1 && EVP_PKEY_keygen(c, &key) == 1);
	f = fopen(path, "w");
	cr_assert(f && fchmod(fileno(f), 0600) == 0 &&
		  PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1 && fclose(f) == 0);
	EVP_PKEY_CTX_free(c);
	EVP_PKEY_free(parameters);
	EVP_PKEY_free(key);
}

/* The blob that libssh reads from the public file, and from a private text. */
static size_t public_blob(const char *private, uint8_t blob[KEYLINE_BLOB_MAX])
{
	char pub[80];
	ssh_key key = NULL;
	size_t n;

	snprintf(pub, sizeof(pub), "%s.pub", path);
	cr_assert_eq(private ? ssh_pki_import_privkey_base64(private, NULL, NULL, NULL, &key)
			     : ssh_pki_import_pubkey_file(pub, &key),
		     SSH_OK);
	n = session_key_blob(key, blob);
	ssh_key_free(key);
	return n;
}

static const struct {
	const char *how;
	const char *algorithm;
} rows[] = {
    {"-t ed25519 -N ''", "ssh-ed25519"},
    {"-t ecdsa -b 256 -N ''", "ecdsa-sha2-nistp256"},
    {"-t ecdsa -b 384 -N ''", "ecdsa-sha2-nistp384"},
    {"-t ecdsa -b 521 -N ''", "ecdsa-sha2-nistp521"},
    {"-t rsa -b 2048 -N ''", "rsa-sha2-256"},
    {"-t rsa -b 3000 -N ''", "rsa-sha2-512"},
    {"-t ecdsa -b 521 -m PEM -N ''", "ecdsa-sha2-nistp521"},
    {"-t ecdsa -b 384 -m PKCS8 -N ''", "ecdsa-sha2-nistp384"},
    {"-t rsa -b 2048 -m PEM -N ''", "rsa-sha2-512"},
    {"-t rsa -b 2048 -m PKCS8 -N ''", "rsa-sha2-512"},
};

static bool is_rsa(const char *algorithm)
{
	return strncmp(algorithm, "rsa-sha2-", 9) == 0;
}

Test(hostkey, what_ssh_keygen_makes)
{
	static const uint8_t hash[SIGNATURE_HASH] = "an exchange hash";
	struct selftest libssh;

	session_selftest(&libssh);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t expected[KEYLINE_BLOB_MAX], got[KEYLINE_BLOB_MAX];
		struct signature s;
		struct hostkey *k;
		const uint8_t *blob;
		char text[KEYFILE_TEXT];
		size_t n;

		keygen(rows[i].how);
		k = hostkey_load(path, &why);
		cr_assert(k, "%s", why);
		blob = k->blob;
		n = k->blob_len;
		cr_expect_eq(public_blob(NULL, expected), n, "%s", rows[i].how);
		cr_expect_arr_eq(blob, expected, n, "%s", rows[i].how);
		for (size_t j = 0; j < 6; j++) {
			const char *a = rows[j].algorithm;
			const bool own = strcmp(a, rows[i].algorithm) == 0 ||
					 (is_rsa(a) && is_rsa(rows[i].algorithm));

			snprintf(s.algorithm, sizeof(s.algorithm), "%s", a);
			s.len = sizeof(s.raw);
			cr_expect_eq(signature_make(k->key, a, hash, sizeof(hash), s.raw, &s.len),
				     own, "%s: %s", rows[i].how, a);
			if (own)
				cr_expect_eq(signature_check(&s, blob, n, hash, sizeof(hash)),
					     SIGNATURE_GOOD);
		}
		keyfile_text_public(blob, n, text);
		/* A libssh that derives the public half from the private one gets the whole key. */
		if (libssh.keyless) {
			cr_expect_eq(public_blob(text, got), n, "%s", rows[i].how);
			cr_expect_arr_eq(got, blob, n, "%s", rows[i].how);
		}
		cr_expect_null(hostkey_parse(text), "it has a private half that fits");
		hostkey_free(k);
	}
}

static char *read_text(void)
{
	size_t n;
	char *text = keyfile_read(path, FOLDERS_STRICT, "keygen", &n, &why);

	cr_assert(text, "%s", why);
	return text;
}

/* However much of it is there: read whole or not at all. */
Test(hostkey, cut_or_changed)
{
	for (size_t i = 0; i < 6; i++) {
		char *text, *copy;

		keygen(rows[i].how);
		text = read_text();
		copy = strdup(text);
		cr_assert(copy);
		for (size_t n = strlen(text) - 40; n > 0; n -= n > 64 ? 61 : 1) {
			copy[n] = '\0';
			cr_expect_null(hostkey_parse(copy), "%s: %zu", rows[i].how, n);
			strcpy(copy, text);
		}
		for (size_t n = 40; n + 60 < strlen(text); n += 37) {
			struct hostkey *k;

			copy[n] = copy[n] == 'A' ? 'B' : 'A';
			k = hostkey_parse(copy); /* of padding and comment nothing depends */
			hostkey_free(k);
			copy[n] = text[n];
		}
		keyfile_wipe(copy, strlen(copy));
		keyfile_wipe(text, strlen(text));
	}
}

Test(hostkey, refused)
{
	static const char *const hows[] = {
	    "-t ed25519 -N secret",
	    "-t ed25519 -N secret -Z aes256-gcm@openssh.com",
	    "-t ed25519 -N secret -Z chacha20-poly1305@openssh.com",
	    "-t rsa -m PEM -N secret",
	    "-t ecdsa -m PKCS8 -N secret",
	    "-t rsa -b 1024 -N ''",
	};
	static const char *const texts[] = {
	    "nonsense\n",
	    "-----BEGIN OPENSSH PRIVATE KEY-----\n",
	    "-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n",
	    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE=\n-----END",
	    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END",
	    "-----BEGIN RSA PRIVATE KEY-----\n-----END RSA PRIVATE KEY-----\n",
	};
	FILE *f;

	for (size_t i = 0; i < sizeof(hows) / sizeof(hows[0]); i++) {
		keygen(hows[i]);
		cr_expect_null(hostkey_load(path, &why), "%s", hows[i]);
		cr_expect(strstr(why, strstr(hows[i], "secret")
					  ? "ssh-keygen -p -N '' -f"
					  : ": not an unencrypted private key"),
			  "%s", why);
	}
	leave_dsa_key();
	cr_expect_null(hostkey_load(path, &why));
	cr_expect(strstr(why, ": not an unencrypted private key"), "%s", why);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		cr_expect_null(hostkey_parse(texts[i]), "%zu", i);
	keygen("-t rsa -b 2048 -N ''");
	f = fopen(path, "a");
	cr_assert(f && fprintf(f, "%*s\n", KEYFILE_TEXT - 1024, "padded") > 0 && fclose(f) == 0);
	cr_expect_null(hostkey_load(path, &why), "it fits no message");
	cr_expect(strstr(why, path) && strstr(why, "bytes are too many"), "%s", why);
	clean();
	cr_expect_null(hostkey_load(path, &why));
	cr_expect(strstr(why, path) && strstr(why, "No such file"), "%s", why);
}
