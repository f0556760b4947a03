// SPDX-License-Identifier: BSD-2-Clause
/*
 * Pins and known_hosts files: a key is trusted only where a line names the host and holds this very
 * key.
 */
#include "fuzz.h"

#include "../unit/keys.h"
#include "trust.h"

static ssh_key key;
/* The key itself; of what stands before it libssh reads lengths only. */
static const char *const point = &BLOB_ED[sizeof(BLOB_ED) - 1 - 40];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return ssh_pki_import_pubkey_base64(BLOB_ED, SSH_KEYTYPE_ED25519, &key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), said[TRUST_TEXT] = "", algorithms[512];
	struct trust t = {.host = "ipc.example.org",
			  .port = size % 2 ? 22 : 2245,
			  .user_file = fuzz_file(data, size),
			  .global_file = "/dev/null"};
	const enum trust_verdict verdict = trust_check(&t, key, said);

	EXPECT((verdict == TRUST_OK) == !said[0] && strlen(said) < TRUST_TEXT);
	EXPECT(verdict != TRUST_OK || memmem(data, size, point, strlen(point)));
	trust_algorithms(&t, algorithms, sizeof(algorithms));
	EXPECT(algorithms[0]);
	if (trust_pin_valid(text)) {
		char *const pins[] = {text};

		EXPECT(strlen(text) == 50);
		t.pins = pins;
		t.n_pins = 1;
		EXPECT((trust_check(&t, key, said) == TRUST_OK) == !strcmp(text, FP_ED));
	}
	free(text);
	return 0;
}
