// SPDX-License-Identifier: BSD-2-Clause
#include "log.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define TEXT_MAX   2048		  /* a message as formatted */
#define CLEAN_MAX  (4 * TEXT_MAX) /* each byte as \xNN */
#define FIELD_MAX  1024
#define FIELDS_MAX 4096
#define LINE_MAX   (6 * TEXT_MAX + FIELDS_MAX + 256) /* each byte as a JSON escape, and the frame */

static struct {
	const char *program;
	enum log_sink sink;
	int threshold;
	bool journal;
	int syslog;    /* socket of the syslog sink; -1: not connected */
	unsigned lost; /* lines that their reader left no room for */
	void (*redirect)(int priority, const char *text);
} state = {.program = "sshipc", .sink = LOG_SINK_STDERR, .threshold = LOG_INFO, .syslog = -1};

static const char lost_lines[] = "%u lines of this log were lost: nobody read it";

/* A bounded string that is cut between pieces, never within one, and keeps room for a mark. */
struct text {
	char *s;
	size_t size, len, mark; /* mark: the longest len that leaves room for "..." */
	bool full;
};

static struct text text_start(char *out, size_t size)
{
	out[0] = '\0';
	return (struct text){.s = out, .size = size};
}

static void text_add(struct text *t, const char *piece, size_t n)
{
	if (t->full || n >= t->size - t->len) {
		t->full = true;
		return;
	}
	memcpy(t->s + t->len, piece, n);
	t->len += n;
	t->s[t->len] = '\0';
	if (t->len + sizeof("...") <= t->size)
		t->mark = t->len;
}

static void text_add_code(struct text *t, bool json, unsigned v)
{
	char hex[8];

	snprintf(hex, sizeof(hex), json ? "\\u%04x" : "\\x%02x", v & 0xffff);
	text_add(t, hex, strlen(hex));
}

/* Length of the UTF-8 character at s (RFC 3629: shortest form, no surrogates), 0 when there is
 * none. */
static size_t utf8_length(const unsigned char *s, size_t n)
{
	size_t len = s[0] < 0x80		   ? 1
		     : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
		     : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
						   : 4;

	if (s[0] >= 0xf5 || (s[0] >= 0x80 && s[0] < 0xc2) || len > n)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90))
		return 0;
	return len;
}

/* C0, DEL, and C1, which terminals obey too. */
static bool is_control(const unsigned char *s, size_t len)
{
	return (len == 1 && (s[0] < 0x20 || s[0] == 0x7f)) ||
	       (len == 2 && s[0] == 0xc2 && s[1] < 0xa0);
}

enum how { CLEAN, ASCII, JSON };

static size_t escape(char *out, size_t size, const void *text, size_t len, enum how how)
{
	const unsigned char *s = text;
	struct text t = text_start(out, size);
	size_t n;

	for (size_t i = 0; i < len && !t.full; i += n) {
		const size_t whole = how == ASCII ? s[i] < 0x80 : utf8_length(s + i, len - i);
		const bool plain = whole && !is_control(s + i, whole);

		n = how == JSON && whole ? whole : plain ? whole : 1;
		if (plain && (how == CLEAN || (s[i] != '"' && s[i] != '\\')))
			text_add(&t, (const char *)s + i, n);
		else if (plain && how == JSON)
			text_add(&t, (const char[]){'\\', (char)s[i]}, 2);
		else /* The second byte of a C1 character is its code. */
			text_add_code(&t, how == JSON,
				      how == JSON && !whole ? 0xfffd : s[i + n - 1]);
	}
	if (t.full && how == ASCII)
		memcpy(out + t.mark, "...", sizeof("..."));
	return t.len;
}

const char *log_clean(char *out, size_t size, const char *text, size_t len)
{
	escape(out, size, text, len, CLEAN);
	return out;
}

const char *log_escape_to(char *out, size_t size, const void *text, size_t len)
{
	escape(out, size, text, len, ASCII);
	return out;
}

const char *log_escape(struct log_text *buf, const void *text, size_t len)
{
	return log_escape_to(buf->s, sizeof(buf->s), text, len);
}

size_t log_json_escape(char *out, size_t size, const char *text, size_t len)
{
	return escape(out, size, text, len, JSON);
}

/* systemd names the stream that it reads; stderr may since have been sent elsewhere. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev = 0, ino = 0;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

/* syslog(3) would wait for a daemon that does not read, and the whole server with it. */
static bool connect_syslog(void)
{
	const struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = _PATH_LOG};

	if (state.syslog < 0)
		state.syslog = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return connect(state.syslog, (const struct sockaddr *)&un, sizeof(un)) == 0;
}

void log_init(const char *program, enum log_sink sink, int threshold)
{
	state.program = program;
	state.sink = sink;
	state.threshold = threshold;
	state.journal = stderr_is_journal();
	tzset(); /* reads /etc/localtime, which a process that is confined later cannot */
	if (sink == LOG_SINK_SYSLOG && !connect_syslog()) {
		state.sink = LOG_SINK_STDERR;
		log_msg(LOG_WARNING, "log: syslog: " _PATH_LOG ": %m; the log goes to stderr");
	}
}

void log_redirect(void (*sink)(int priority, const char *text))
{
	state.redirect = sink;
}

static const char *const sinks[] = {
    [LOG_SINK_STDERR] = "stderr", [LOG_SINK_SYSLOG] = "syslog", [LOG_SINK_JSON] = "json"};

static const char *const levels[] = {[LOG_ERR] = "error",
				     [LOG_WARNING] = "warning",
				     [LOG_NOTICE] = "notice",
				     [LOG_INFO] = "info",
				     [LOG_DEBUG] = "debug"};

static int find(const char *text, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (names[i] && !strcmp(text, names[i]))
			return (int)i;
	}
	return -1;
}

int log_sink_parse(const char *text, enum log_sink *sink)
{
	int i = find(text, sinks, sizeof(sinks) / sizeof(*sinks));

	if (i >= 0)
		*sink = (enum log_sink)i;
	return i < 0 ? -1 : 0;
}

int log_level_parse(const char *text, int *threshold)
{
	int i = find(text, levels, sizeof(levels) / sizeof(*levels));

	if (i >= 0)
		*threshold = i;
	return i < 0 ? -1 : 0;
}

const char *log_sink_text(enum log_sink sink)
{
	return sinks[sink];
}

const char *log_level_text(int threshold)
{
	return levels[threshold];
}

/* ,"name":"text" or ,"name":number for each; a field that does not fit is left out whole. */
static size_t format_fields(char *out, size_t size, const struct log_field *fields)
{
	char value[FIELD_MAX];
	size_t used = 0;
	int n;

	for (const struct log_field *f = fields; f && f->name; f++) {
		if (f->text) {
			log_json_escape(value, sizeof(value), f->text, strlen(f->text));
			n = snprintf(out + used, size - used, ",\"%s\":\"%s\"", f->name, value);
		} else {
			n = snprintf(out + used, size - used, ",\"%s\":%llu", f->name,
				     (unsigned long long)f->number);
		}
		if (n < 0 || (size_t)n >= size - used)
			break;
		used += (size_t)n;
	}
	out[used] = '\0';
	return used;
}

static int format_json(char *out, size_t size, int priority, const char *event,
		       const struct log_field *fields, const char *text)
{
	static const char *const priorities[] = {"emerg",   "alert",  "crit", "err",
						 "warning", "notice", "info", "debug"};
	const struct log_field name[] = {{"event", event, 0}, {NULL, NULL, 0}};
	char msg[6 * TEXT_MAX], more[FIELDS_MAX], day[32];
	struct timespec now = {0};
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	log_json_escape(msg, sizeof(msg), text, strlen(text));
	n = format_fields(more, sizeof(more), event ? name : NULL);
	format_fields(more + n, sizeof(more) - n, fields);
	return snprintf(out, size,
			"{\"time\":\"%s.%03ldZ\",\"level\":\"%s\",\"program\":\"%s\",\"pid\":%d%s,"
			"\"msg\":\"%s\"}\n",
			day, now.tv_nsec / 1000000, priorities[priority & LOG_PRIMASK],
			state.program, (int)getpid(), more, msg);
}

/* Who does not read must not hold us up.  A pipe or socket that poll calls writable takes a line of
 * up to PIPE_BUF bytes at once; its descriptor is shared with others, so it stays a blocking one.
 */
static bool has_room(void)
{
	struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};

	return poll(&p, 1, 0) != 0;
}

/* False: the daemon does not read.  One that was started anew wants a new connection. */
static bool send_syslog(int priority, const char *text)
{
	char line[CLEAN_MAX + 128], at[32];
	const time_t now = time(NULL);
	struct tm tm;
	int n;

	strftime(at, sizeof(at), "%h %e %T", localtime_r(&now, &tm));
	n = snprintf(line, sizeof(line), "<%d>%s %s[%d]: %s", LOG_DAEMON | priority, at,
		     state.program, (int)getpid(), text);
	if (n >= (int)sizeof(line))
		n = sizeof(line) - 1;
	return send(state.syslog, line, (size_t)n, MSG_NOSIGNAL) >= 0 ||
	       (errno != EAGAIN && connect_syslog() &&
		send(state.syslog, line, (size_t)n, MSG_NOSIGNAL) >= 0);
}

/* What was lost is told before the line that goes through again. */
static void write_syslog(int priority, const char *text)
{
	char told[80];

	snprintf(told, sizeof(told), lost_lines, state.lost);
	if (state.lost > 0 && send_syslog(LOG_WARNING, told))
		state.lost = 0;
	if (state.lost > 0 || !send_syslog(priority, text))
		state.lost++;
}

/* "2026-11-29T14:41:05+01:00": RFC 3339 wants a colon in the offset, strftime writes none. */
static const char *local_time(char at[32])
{
	const time_t now = time(NULL);
	struct tm tm;
	const size_t n = strftime(at, 31, "%FT%T%z", localtime_r(&now, &tm));

	if (n > 2) {
		at[n + 1] = '\0';
		at[n] = at[n - 1];
		at[n - 1] = at[n - 2];
		at[n - 2] = ':';
	}
	return at;
}

static void write_line(int priority, const char *event, const struct log_field *fields,
		       const char *text)
{
	char line[LINE_MAX], at[32];
	int n = 0;

	if (state.lost > 0 && has_room()) {
		char told[80];

		snprintf(told, sizeof(told), lost_lines, state.lost);
		state.lost = 0;
		write_line(LOG_WARNING, NULL, NULL, told);
	}
	if (!has_room()) {
		state.lost++;
		return;
	}
	if (state.journal)
		n = snprintf(line, sizeof(line), "<%d>", priority & LOG_PRIMASK);
	if (state.sink == LOG_SINK_JSON)
		n += format_json(line + n, sizeof(line) - (size_t)n, priority, event, fields, text);
	else
		n += snprintf(line + n, sizeof(line) - (size_t)n, "%s%s%s: %s\n",
			      state.journal ? "" : local_time(at), state.journal ? "" : " ",
			      state.program, text);
	/* Nobody could be told that the log itself is gone. */
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}

void log_event(int priority, const char *event, const struct log_field *fields, const char *fmt,
	       ...)
{
	char raw[TEXT_MAX], text[CLEAN_MAX];
	int saved = errno, n;
	va_list ap;

	if (priority > state.threshold)
		return;
	va_start(ap, fmt);
	n = vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(raw))
		memcpy(raw + sizeof(raw) - sizeof("..."), "...", sizeof("..."));
	if (n >= 0) {
		log_clean(text, sizeof(text), raw, strlen(raw));
		if (state.redirect)
			state.redirect(priority, text);
		else if (state.sink == LOG_SINK_SYSLOG)
			write_syslog(priority, text);
		else
			write_line(priority, event, fields, text);
	}
	errno = saved;
}
