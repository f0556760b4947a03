// SPDX-License-Identifier: BSD-2-Clause
/*
 * What a private key file of OpenSSH's form holds (PROTOCOL.key), here without its base64: none of
 * ours, or a key that signs, and whose text for the sessions has the same public half.
 */
#include "fuzz.h"

#include <openssl/evp.h>

#include "hostkey.h"
#include "signature.h"

static void check_key(const struct hostkey *k)
{
	static const char *const algorithms[] = {"ssh-ed25519",		"rsa-sha2-256",
						 "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
						 "ecdsa-sha2-nistp521", "ssh-dss"};
	char text[KEYFILE_TEXT] = "";
	uint8_t raw[2048];
	size_t len, good = 0;
	const size_t n = k->blob_len;
	const uint8_t *blob = k->blob;

	EXPECT(keyline_check_blob(blob, n, NULL));
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(*algorithms); i++) {
		len = sizeof(raw);
		if (signature_make(k->key, algorithms[i], blob, 32, raw, &len))
			EXPECT(++good && len > 0 && len <= sizeof(raw));
	}
	EXPECT(good <= 1);
	keyfile_text_public(blob, n, text);
	EXPECT(strlen(text) < sizeof(text) && strcmp(text, k->text) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char begin[] = "-----BEGIN OPENSSH PRIVATE KEY-----\n",
			  end[] = "\n-----END OPENSSH PRIVATE KEY-----\n";
	char *text = malloc(sizeof(begin) + sizeof(end) + size * 4 / 3 + 4);
	struct hostkey *k;
	int n;

	EXPECT(text);
	strcpy(text, begin);
	n = EVP_EncodeBlock((unsigned char *)text + strlen(begin), data, (int)size);
	strcpy(text + strlen(begin) + n, end);
	k = hostkey_parse(text);
	free(text);
	if (k)
		check_key(k);
	hostkey_free(k);
	return 0;
}
