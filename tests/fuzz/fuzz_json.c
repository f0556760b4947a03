// SPDX-License-Identifier: BSD-2-Clause
/*
 * JSON of somebody who calls himself ours: sound or not, a value found in it is a printable text
 * within its bounds, and what is sound loses that with its last bracket.
 */
#include "fuzz.h"

#include "json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const paths[] = {"endpoint.name", "a", "source"};
	char *text = fuzz_text(data, size), out[16];

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		json_value(text, paths[i], out, sizeof(out));
		EXPECT(strlen(out) < sizeof(out));
		for (const char *p = out; *p; p++)
			EXPECT(*p >= ' ' && *p <= '~');
	}
	if (json_is_object(text)) {
		*strrchr(text, '}') = '\0';
		EXPECT(!json_is_object(text));
	}
	free(text);
	return 0;
}
