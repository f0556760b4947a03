// SPDX-License-Identifier: BSD-2-Clause
/*
 * Times and periods of the week: a fault with a reason, or a clock that opens and closes at the
 * very seconds that it tells.
 */
#include "fuzz.h"

#include "window.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
}

static void check_moment(const char *why, time_t at)
{
	char text[WINDOW_TEXT];

	if (!why)
		EXPECT(strlen(window_format_time(at, text)) > 0);
	else
		EXPECT(why[0]);
}

static void check_window(const struct window *w)
{
	/* A winter's day, and the days on which the clock goes forward and back, 2026. */
	static const time_t times[] = {1767225600, 1774745999, 1792886400};

	EXPECT(w->n > 0 && w->n <= WINDOW_PERIODS);
	for (size_t i = 0; i < w->n; i++)
		EXPECT(w->periods[i].days && w->periods[i].days < 128 &&
		       w->periods[i].start < 1440 && w->periods[i].end <= 1440);
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		const time_t next = window_next_change(w, times[i]);

		EXPECT(next == 0 || next > times[i]);
		if (next)
			EXPECT(window_open(w, next - 1) == window_open(w, times[i]) &&
			       window_open(w, next) != window_open(w, times[i]));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	const char *why = NULL;
	struct window w = {0};
	time_t at = 0;

	why = window_parse(text, &w);
	if (!why)
		check_window(&w);
	else
		EXPECT(why[0]);
	check_moment(window_parse_expiry(text, &at), at);
	check_moment(window_parse_time(text, &at), at);
	free(text);
	return 0;
}
