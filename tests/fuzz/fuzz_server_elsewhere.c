// SPDX-License-Identifier: BSD-2-Clause
/*
 * What other generations say of their keys: the first byte is the generation, the rest its file.
 * The sums fit together, and nothing is left of one that has gone.
 */
#include "fuzz.h"

#include "elsewhere.h"
#include "link.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

static void say(struct elsewhere *e, unsigned generation, const void *text, size_t size)
{
	struct evbuffer *b = evbuffer_new();

	evbuffer_add(b, text, size);
	elsewhere_set(e, generation, link_file(b));
	evbuffer_free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char known[] = "SHA256:known 1 2 3\n";
	const unsigned generation = 1 + (size > 0 ? data[0] : 0u);
	struct elsewhere e = {.n = 0};
	size_t sessions = 0;

	say(&e, 300, known, strlen(known));
	say(&e, generation, data + (size > 0), size - (size > 0));
	for (size_t i = 0; i < e.n; i++) {
		EXPECT(strlen(e.uses[i].fingerprint) < KEYLINE_FINGERPRINT);
		sessions += e.uses[i].sessions;
	}
	EXPECT(sessions == e.sessions);
	EXPECT(elsewhere_sum(&e, "SHA256:known").generation != 0);
	say(&e, generation, "", 0);
	EXPECT(e.n == 1 && e.sessions == 1 && elsewhere_sum(&e, "SHA256:known").channels == 3);
	elsewhere_keep(&e, "1 2 ");
	EXPECT(e.n == 0 && e.sessions == 0);
	elsewhere_free(&e);
	return 0;
}
