// SPDX-License-Identifier: BSD-2-Clause
/*
 * The beginning of a key file: whatever the bytes, a fault with its reason and the path, or nothing
 * said.  What is taken unattended is taken attended, too.
 */
#include "fuzz.h"

#include "keyform.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), err[512] = "";
	const int attended = keyform_check_private(text, "KEY", true, err, sizeof(err));
	const char *fault = keyform_public_fault((const char *)data, size);
	int unattended;

	EXPECT(attended == 0 ? !err[0] : strncmp(err, "KEY: ", 5) == 0);
	EXPECT(!fault || fault[0]);
	unattended = keyform_check_private(text, "KEY", false, err, sizeof(err));
	EXPECT(attended == 0 || unattended < 0);
	for (const char *c = err; *c; c++)
		EXPECT(*c >= ' ' && *c < 0x7f);
	free(text);
	return 0;
}
