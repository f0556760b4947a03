// SPDX-License-Identifier: BSD-2-Clause
/* What of a session process can be seen without a peer; the rest is in tests/e2e. */
#include <criterion/criterion.h>

#include "session_internal.h"

/* Slots: 0 and 1 of channels, 2 of .status. */
static const struct {
	const char *what;
	uint32_t id;
	int slot; /* -1: nobody's */
} ids[] = {
    {"a channel", 0x30000, 0},
    {"the one of .status", 0x70002, 2},
    {"one that had the slot before", 0x20000, -1},
    {"one that will have it", 0x40000, -1},
    {"a free slot", 0x30001, -1},
    {"a slot that there is not", 0x30003, -1},
    {"the largest", UINT32_MAX, -1},
    {"none", 0, -1},
};

Test(session, an_answer_names_its_channel)
{
	struct chan first = {.id = 0x30000}, status = {.id = 0x70002};
	struct chan *slots[] = {&first, NULL, &status};
	const struct session before_login = {.max = 0}, s = {.max = 2, .slots = slots};

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		const struct chan *wanted = ids[i].slot < 0 ? NULL : slots[ids[i].slot];

		cr_expect_eq(session_chan(&s, ids[i].id), wanted, "%s", ids[i].what);
		cr_expect_null(session_chan(&before_login, ids[i].id), "%s", ids[i].what);
	}
}
