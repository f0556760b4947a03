// SPDX-License-Identifier: BSD-2-Clause
/*
 * client.conf: settings within their bounds, or faults that each name the file.
 */
#include "fuzz.h"

#include "settings.h"

static size_t told;

static void on_fault(void *arg, const char *text)
{
	EXPECT(strstr(text, arg));
	told++;
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
		EXPECT(s->n_specs <= SETTINGS_SPECS && s->n_pins <= SETTINGS_PINS);
		EXPECT(s->n_servers <= SETTINGS_SERVERS);
		for (size_t i = 0; i < s->n_servers; i++)
			EXPECT(s->servers[i].host && s->servers[i].port <= 65535 &&
			       s->servers[i].n_pins <= SETTINGS_PINS);
		if (!told)
			EXPECT(s->keepalive >= 0 && s->connect_timeout >= 0 &&
			       s->reconnect_max >= 0);
	}
	settings_free(s);
	free(s);
	return 0;
}
