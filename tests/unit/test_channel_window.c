// SPDX-License-Identifier: BSD-2-Clause
/* How large a channel's window becomes, on paths and with sockets of all kinds. */
#include <criterion/criterion.h>

#include "channel_window.h"

enum { MS = 1000, PIECE = 32 * 1024, HALF = 0, PLENTY = 1 << 30 };

struct window_test {
	const char *name;
	unsigned round_trip;
	size_t many, held, room;
	unsigned trips;
	size_t least, most; /* of its size afterwards */
};

/* Lets bytes arrive at an even pace for some round trips; many: HALF of what libssh renews, or 7/8
 * of the window.  Time goes on from *now. */
static void carry(struct channel_window *w, uint64_t *now, const struct window_test *t)
{
	const unsigned took = t->round_trip > 0 ? t->round_trip : 50 * MS;

	for (unsigned i = 0; i < t->trips; i++) {
		const size_t window = w->size > 0 ? w->size / 8 * 7 : CHANNEL_WINDOW_OWN / 2;
		const size_t pieces = (t->many != HALF ? t->many : window) / PIECE;

		for (size_t j = 0; j < pieces; j++) {
			*now += took / pieces;
			if (channel_window_note(w, PIECE, t->held))
				channel_window_renew(w, *now, t->round_trip,
						     t->room - channel_window_claim(w));
		}
	}
}

static const struct window_test tests[] = {
    {"a short path", 100, HALF, 0, PLENTY, 1000, 0, 0},
    {"a path of unknown length", 0, HALF, 0, PLENTY, 20, 0, 0},
    {"a long path, a fast sender", 50 * MS, HALF, 0, PLENTY, 12, CHANNEL_WINDOW_MOST,
     CHANNEL_WINDOW_MOST},
    {"a very long path", 600 * MS, HALF, 0, PLENTY, 12, CHANNEL_WINDOW_MOST, CHANNEL_WINDOW_MOST},
    {"a slow sender", 50 * MS, 200 * 1024, 0, PLENTY, 50, 0, 0},
    {"a sender of 40 MB/s", 50 * MS, 2000000, 0, PLENTY, 20, 3000000, 6000000},
    {"a slow socket", 50 * MS, HALF, 400000, PLENTY, 20, 0, 0},
    {"a socket that is slow at times", 50 * MS, HALF, 200000, PLENTY, 12, CHANNEL_WINDOW_MOST,
     CHANNEL_WINDOW_MOST},
    {"a limit", 50 * MS, HALF, 0, 1000000, 20, CHANNEL_WINDOW_OWN + 1000000,
     CHANNEL_WINDOW_OWN + 1000000},
    {"no room", 50 * MS, HALF, 0, 0, 20, CHANNEL_WINDOW_OWN, CHANNEL_WINDOW_OWN},
};

Test(channel_window, size)
{
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		const struct window_test *t = &tests[i];
		struct channel_window w = {0};
		uint64_t now = 1;

		carry(&w, &now, t);
		cr_expect(w.size >= t->least && w.size <= t->most, "%s: %zu bytes", t->name,
			  w.size);
		cr_expect_leq(channel_window_claim(&w), t->room, "%s", t->name);
		cr_expect_geq(w.most, w.size, "%s", t->name);
	}
}

/* From its largest size on. */
static const struct window_test later[] = {
    {"the socket falls behind", 50 * MS, HALF, 10000000, PLENTY, 12, 0, 0},
    {"it becomes a trickle", 50 * MS, 2 * PIECE, 0, PLENTY, 1000, 0, 0},
    {"the path is a short one", 100, HALF, 0, PLENTY, 2, 0, 0},
};

Test(channel_window, shrinks)
{
	for (size_t i = 0; i < sizeof(later) / sizeof(*later); i++) {
		struct channel_window w = {0};
		uint64_t now = 1;

		carry(&w, &now, &tests[2]);
		cr_assert_eq(w.size, CHANNEL_WINDOW_MOST);
		carry(&w, &now, &later[i]);
		cr_expect_eq(w.size, later[i].most, "%s: %zu bytes", later[i].name, w.size);
		cr_expect_eq(w.most, CHANNEL_WINDOW_MOST,
			     "the peer may still use what it was granted");
	}
}

/* libssh's buffer keeps its size when the data are gone. */
Test(channel_window, what_was_held_stays_claimed)
{
	struct channel_window w = {0};
	uint64_t now = 1;

	carry(&w, &now, &tests[2]);
	cr_expect_eq(channel_window_claim(&w), CHANNEL_WINDOW_MOST - CHANNEL_WINDOW_OWN);
	carry(&w, &now, &later[0]);
	cr_expect_eq(channel_window_claim(&w), 10000000 - CHANNEL_WINDOW_OWN);
	channel_window_note(&w, 1, 0);
	cr_expect_eq(channel_window_claim(&w), 10000000 - CHANNEL_WINDOW_OWN);
}
