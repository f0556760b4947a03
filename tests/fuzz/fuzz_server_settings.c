// SPDX-License-Identifier: BSD-2-Clause
/*
 * server.conf: settings within their bounds, or faults that each name the file.
 */
#include "fuzz.h"

#include "settings.h"

static size_t told;

static void on_fault(void *arg, const char *text)
{
	EXPECT(strstr(text, arg));
	told++;
}

static void check_settings(const struct settings *s)
{
	struct address at;

	EXPECT(s->n_listen <= SETTINGS_LISTEN && s->hostkeys.n <= SETTINGS_HOSTKEYS);
	EXPECT(s->n_endpoints <= SETTINGS_ENDPOINTS);
	EXPECT(!s->control || !s->control[0] || !settings_parse_control(s->control, &at));
	for (size_t i = 0; i < s->n_endpoints; i++) {
		const struct endpoint *e = &s->endpoints[i];

		EXPECT(!endpoint_check_name(e->name));
		EXPECT(e->address.len > 0 && e->n_accept <= ENDPOINT_ALIASES);
		for (size_t j = 0; j < e->n_accept; j++)
			EXPECT(!endpoint_check_alias(e->accept[j]));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct settings *s = calloc(1, sizeof(*s));
	const char *path = fuzz_file(data, size);

	EXPECT(s);
	/* An include may name any file of this machine. */
	if (!memmem(data, size, "include", 7)) {
		told = 0;
		EXPECT((size_t)options_read(&settings_options, path, s, on_fault,
					    (void *)(uintptr_t)path) == told);
		if (!told)
			check_settings(s);
	}
	settings_free(s);
	free(s);
	return 0;
}
