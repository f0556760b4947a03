// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_WINDOW_H
#define SSHIPC_WINDOW_H
/*
 * When a key is valid: until a time (expiry-time), and in periods of the week (valid).  The current
 * time is an argument; local time is the process's (TZ, /etc/localtime).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define WINDOW_PERIODS 16
#define WINDOW_TEXT    48 /* a time in words, with NUL */

struct window_period {
	uint8_t days;	     /* bit 0: Sunday */
	uint16_t start, end; /* minutes of the day; an end before the start is of the next day */
};

struct window {
	struct window_period periods[WINDOW_PERIODS];
	size_t n; /* 0: always */
	bool utc;
};

/* "YYYYMMDD[HHMM[SS]][Z]", Z for UTC.  NULL, or the reason (static), as for all parsers here. */
const char *window_parse_expiry(const char *text, time_t *at);

/* The same for the form "YYYY-MM-DD HH:MM[:SS][Z]". */
const char *window_parse_time(const char *text, time_t *at);

/* "DAYS HH:MM-HH:MM[;...][Z]": DAYS of Mon..Sun, with ranges (also over the weekend's end) and
 * commas; start included, end (up to 24:00) not.  An end before its start is that of the next day;
 * the period belongs to the day on which it starts.  One Z at the very end makes all of it UTC. */
const char *window_parse(const char *text, struct window *out);

/* True if t lies in a period, by local time: an hour that daylight saving time repeats counts
 * twice, one that it skips not at all. */
bool window_open(const struct window *w, time_t t);

/* The first second after t at which the result of window_open changes; 0: never. */
time_t window_next_change(const struct window *w, time_t t);

/* "Mon 2026-11-23 09:00:00 +0100".  Returns buf. */
const char *window_format_time(time_t t, char buf[WINDOW_TEXT]);

#endif
