// SPDX-License-Identifier: BSD-2-Clause
/*
 * The beginning of a key file: whatever the bytes, a fault with its reason and the path, or nothing
 * said.  What is taken unattended is taken attended, too.
 */
#include "fuzz.h"

#include "keyform.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	const char *why = keyform_check_private(text, "KEY", true);
	const bool attended = !why;
	const char *fault = keyform_public_fault((const char *)data, size);

	EXPECT(!why || strncmp(why, "KEY: ", 5) == 0);
	EXPECT(!fault || fault[0]);
	why = keyform_check_private(text, "KEY", false);
	EXPECT(attended || why);
	for (const char *c = why; c && *c; c++)
		EXPECT(*c >= ' ' && *c < 0x7f);
	free(text);
	return 0;
}
