// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by policy.c and by reload.c's timer for the next change, and in -t,
 * -T,
 * --explain and ctl.  Pure: the time is an argument, and the only thing read from outside is the
 * time zone.
 */
#include "window.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DIGITS	    "0123456789"
#define DAY_MINUTES (24 * 60)
/* The search covers two weeks: a period within an hour that the clock skips is missed once. */
#define HORIZON (15 * 24 * 60 * 60)

/* mktime and timegm would accept February 30th as a day in March: refuse that. */
static const char *to_time(struct tm *tm, bool utc, time_t *at)
{
	struct tm real = *tm;

	*at = timegm(&real);
	if (real.tm_mon != tm->tm_mon || real.tm_mday != tm->tm_mday ||
	    real.tm_hour != tm->tm_hour || real.tm_min != tm->tm_min || real.tm_sec != tm->tm_sec)
		return "there is no such date or time of day";
	if (!utc)
		*at = mktime(tm);
	return *at > 0 ? NULL : "that is before 1970";
}

const char *window_parse_expiry(const char *text, time_t *at)
{
	struct tm tm = {.tm_isdst = -1};
	const size_t n = strspn(text, DIGITS);
	const bool utc = text[n] == 'Z';

	if ((n != 8 && n != 12 && n != 14) || text[n + utc])
		return "expected YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, then Z if it is UTC";
	sscanf(text, "%4d%2d%2d%2d%2d%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
	       &tm.tm_min, &tm.tm_sec);
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	return to_time(&tm, utc, at);
}

const char *window_parse_time(const char *text, time_t *at)
{
	static const char form[] = "0000-00-00 00:00:00";
	char compact[16] = "";
	size_t i = 0, n = 0;

	for (; i < strlen(form) && text[i] && text[i] != 'Z'; i++) {
		const bool digit = strchr(DIGITS, text[i]);

		if (digit != (form[i] == '0') || (!digit && text[i] != form[i]))
			break;
		if (digit)
			compact[n++] = text[i];
	}
	if ((i != strlen(form) && i != strlen(form) - 3) || (text[i] && strcmp(text + i, "Z") != 0))
		return "expected YYYY-MM-DD HH:MM or YYYY-MM-DD HH:MM:SS, then Z if it is UTC";
	snprintf(compact + n, sizeof(compact) - n, "%s", text + i);
	return window_parse_expiry(compact, at);
}

static int parse_day(const char **p, unsigned *day)
{
	static const char names[] = "SunMonTueWedThuFriSat";

	for (*day = 0; *day < 7; ++*day) {
		if (strncasecmp(*p, names + (size_t)3 * *day, 3) == 0) {
			*p += 3;
			return 0;
		}
	}
	return -1;
}

static int parse_days(const char **p, uint8_t *days)
{
	unsigned first = 0, last = 0;

	for (*days = 0;; (*p)++) {
		if (parse_day(p, &first) < 0)
			return -1;
		last = first;
		if (**p == '-') {
			(*p)++;
			if (parse_day(p, &last) < 0)
				return -1;
		}
		for (unsigned d = first; d != last; d = (d + 1) % 7)
			*days |= (uint8_t)(1U << d);
		*days |= (uint8_t)(1U << last);
		if (**p != ',')
			return 0;
	}
}

static int parse_clock(const char **p, uint16_t *minutes)
{
	unsigned hour = 0, minute = 0;

	if (strspn(*p, DIGITS) != 2 || (*p)[2] != ':' || strspn(*p + 3, DIGITS) != 2)
		return -1;
	sscanf(*p, "%u:%u", &hour, &minute);
	*p += strlen("HH:MM");
	*minutes = (uint16_t)(60 * hour + minute);
	return minute < 60 && *minutes <= DAY_MINUTES ? 0 : -1;
}

static const char *parse_period(const char **p, struct window_period *w)
{
	if (parse_days(p, &w->days) < 0 || **p != ' ')
		return "expected DAYS HH:MM-HH:MM, where DAYS are like Mon-Fri,Sun";
	*p += strspn(*p, " ");
	if (parse_clock(p, &w->start) < 0 || w->start == DAY_MINUTES || *(*p)++ != '-' ||
	    parse_clock(p, &w->end) < 0)
		return "expected a time as HH:MM-HH:MM, from 00:00 to 24:00";
	return w->start == w->end ? "a period starts when it ends; the whole day is 00:00-24:00"
				  : NULL;
}

const char *window_parse(const char *text, struct window *out)
{
	const char *p = text, *why = NULL;

	*out = (struct window){.n = 0};
	for (;; p++) {
		if (out->n == WINDOW_PERIODS)
			return "there are too many periods";
		p += strspn(p, " ");
		why = parse_period(&p, &out->periods[out->n++]);
		if (why)
			return why;
		if (*p != ';')
			break;
	}
	out->utc = *p == 'Z';
	return !p[out->utc]	    ? NULL
	       : p[out->utc] == ';' ? "Z stands once, at the end, and makes all periods UTC"
				    : "expected ';' and another period, Z, or nothing";
}

static struct tm wall_clock(const struct window *w, time_t t)
{
	struct tm tm = {.tm_sec = 0};

	if (w->utc)
		gmtime_r(&t, &tm);
	else
		localtime_r(&t, &tm);
	return tm;
}

static bool holds(const struct window_period *w, int day, int minute)
{
	const bool today = w->days >> day & 1, yesterday = w->days >> (day + 6) % 7 & 1;

	if (w->start < w->end)
		return today && minute >= w->start && minute < w->end;
	return (today && minute >= w->start) || (yesterday && minute < w->end);
}

bool window_open(const struct window *w, time_t t)
{
	const struct tm tm = wall_clock(w, t);

	for (size_t i = 0; i < w->n; i++) {
		if (holds(&w->periods[i], tm.tm_wday, 60 * tm.tm_hour + tm.tm_min))
			return true;
	}
	return w->n == 0;
}

/* Seconds during which the answer does not change: up to the next start, end or midnight; if the
 * UTC offset changes on the way, in ever smaller steps up to that second. */
static time_t step(const struct window *w, time_t t)
{
	const struct tm tm = wall_clock(w, t);
	const int now = 60 * tm.tm_hour + tm.tm_min;
	int next = DAY_MINUTES;
	time_t s = 0;

	for (size_t i = 0; i < w->n; i++) {
		const int edges[] = {w->periods[i].start, w->periods[i].end};

		for (size_t e = 0; e < 2; e++) {
			if (edges[e] > now && edges[e] < next)
				next = edges[e];
		}
	}
	s = (time_t)60 * (next - now) - tm.tm_sec;
	while (s > 1 && wall_clock(w, t + s).tm_gmtoff != tm.tm_gmtoff)
		s /= 2;
	return s > 0 ? s : 1;
}

time_t window_next_change(const struct window *w, time_t t)
{
	const time_t horizon = t + HORIZON;
	const bool open = window_open(w, t);

	while (w->n && t < horizon) {
		t += step(w, t);
		if (window_open(w, t) != open)
			return t;
	}
	return 0;
}

const char *window_format_time(time_t t, char buf[WINDOW_TEXT])
{
	struct tm tm = {.tm_sec = 0};

	localtime_r(&t, &tm);
	if (strftime(buf, WINDOW_TEXT, "%a %F %T %z", &tm) == 0)
		buf[0] = '\0';
	return buf;
}
