// SPDX-License-Identifier: BSD-2-Clause
/*
 * Pins and known_hosts files: a key is trusted only where a line names the host and holds this very
 * key.
 */
#include "fuzz.h"

#include "../unit/keys.h"
#include "settings.h"
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
	static char host[] = "ipc.example.org", nowhere[] = "/dev/null", file[64];
	static struct settings t = {
	    .host = host, .known_hosts = file, .global_known_hosts = nowhere};
	char *text = fuzz_text(data, size), said[TRUST_TEXT] = "", algorithms[512];
	enum trust_verdict verdict;

	snprintf(file, sizeof(file), "%s", fuzz_file(data, size));
	t.port = size % 2 ? 22 : 2245;
	t.n_pins = 0;
	verdict = trust_check(&t, false, key, said);
	EXPECT((verdict == TRUST_OK) == !said[0] && strlen(said) < TRUST_TEXT);
	EXPECT(verdict != TRUST_OK || memmem(data, size, point, strlen(point)));
	trust_algorithms(&t, algorithms, sizeof(algorithms));
	EXPECT(algorithms[0]);
	if (trust_pin_valid(text)) {
		EXPECT(strlen(text) == 50);
		t.pins[0] = text;
		t.n_pins = 1;
		EXPECT((trust_check(&t, false, key, said) == TRUST_OK) == !strcmp(text, FP_ED));
	}
	free(text);
	return 0;
}
