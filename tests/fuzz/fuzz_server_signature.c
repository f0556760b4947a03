// SPDX-License-Identifier: BSD-2-Clause
/*
 * A login's signature as a session process may hand it to the monitor: never good, whatever the
 * bytes; and a public key blob of any bytes.  One byte chooses algorithm and key, one the token's
 * flags, the rest is the signature or, for another one, the blob.
 */
#include "fuzz.h"

#include "../unit/keys.h"
#include "signature.h"

static const struct {
	const char *algorithm, *key;
} rows[] = {
    {"ssh-ed25519", BLOB_ED},
    {"ecdsa-sha2-nistp256", BLOB_P256},
    {"ecdsa-sha2-nistp384", BLOB_P384},
    {"ecdsa-sha2-nistp521", BLOB_P521},
    {"rsa-sha2-256", BLOB_RSA2048},
    {"rsa-sha2-512", BLOB_RSA2048},
    {"sk-ssh-ed25519@openssh.com", BLOB_SK_ED},
    {"sk-ecdsa-sha2-nistp256@openssh.com", BLOB_SK_P256},
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char message[] = "session id, user, service, method, algorithm, key";
	uint8_t blob[KEYLINE_BLOB_MAX];
	struct signature s = {.len = 0};
	long n;

	if (size < 2 || size - 2 > sizeof(s.raw))
		return 0;
	strcpy(s.algorithm, rows[data[0] % ROWS].algorithm);
	s.flags = data[1];
	s.len = size - 2;
	memcpy(s.raw, data + 2, s.len);
	n = keyline_base64(rows[data[0] % ROWS].key, strlen(rows[data[0] % ROWS].key), blob,
			   sizeof(blob));
	if (n <= 0 ||
	    signature_check(&s, blob, (size_t)n, message, sizeof(message)) != SIGNATURE_BAD)
		abort();
	if (signature_check(&s, data + 2, size - 2, message, sizeof(message)) != SIGNATURE_BAD)
		abort();
	return 0;
}
