// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in every process, called from anywhere but a signal handler and a second thread; a session's
 * lines go to its monitor by log_redirect.  It may not block on a reader of the log, and writes no
 * byte of a text that could end a line or control a terminal.
 */
#include "log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "json.h"
#include "sanitized.h"

#define TEXT_MAX   2048		  /* a message as formatted */
#define CLEAN_MAX  (4 * TEXT_MAX) /* each byte as \xNN */
#define FIELDS_MAX 4096
/* Each byte as a JSON escape, and the frame. */
#define LINE_BYTES   (6 * TEXT_MAX + FIELDS_MAX + 256)
#define LOG_HELD_MAX (64 << 10)

static struct {
	const char *program;
	enum log_sink sink;
	int threshold;
	bool journal;
	int syslog;    /* socket of the syslog sink; -1: not connected */
	time_t second; /* the last one that was formatted, and its text */
	char at[LOG_TIME];
	int out;	  /* stderr, or a file */
	unsigned lost;	  /* lines dropped because the log took none, and not told yet */
	uint64_t dropped; /* all of them */
	void (*gather)(void);
	char lines[LINE_BYTES]; /* ordinary ones that are not written yet; each ends with \n */
	size_t len;
	unsigned n_lines, n_told; /* how many they stand for, and of these: were dropped before */
	char held[LOG_HELD_MAX];  /* the others, which were not taken at once; they come first */
	size_t n_held;
	void (*redirect)(int priority, const char *text);
} state = {.program = "sshipc",
	   .sink = LOG_SINK_STDERR,
	   .threshold = LOG_INFO,
	   .syslog = -1,
	   .out = STDERR_FILENO};

/* Length of the UTF-8 character at s (RFC 3629: shortest form, no surrogates), 0 if it is
 * invalid. */
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

/* C0, DEL, and C1, which terminals interpret too. */
static bool is_control(const unsigned char *s, size_t len)
{
	return (len == 1 && (s[0] < 0x20 || s[0] == 0x7f)) ||
	       (len == 2 && s[0] == 0xc2 && s[1] < 0xa0);
}

enum how { CLEAN, ASCII, JSON };

/* Escapes text.  Cuts between characters or escapes, never within one; cut ASCII ends in "...". */
static size_t escape(char *out, size_t size, const void *text, size_t len, enum how how)
{
	const unsigned char *s = text;
	size_t used = 0, mark = 0, n; /* mark: the longest cut that leaves space for "..." */

	out[0] = '\0';
	for (size_t i = 0; i < len; i += n) {
		const size_t whole = how == ASCII ? s[i] < 0x80 : utf8_length(s + i, len - i);
		const bool plain = whole && !is_control(s + i, whole);
		const bool quoted = how != CLEAN && (s[i] == '"' || s[i] == '\\');
		char piece[8] = "";

		if (plain && !quoted && whole == 1 && size - used > 1) { /* nearly all */
			n = 1;
			out[used++] = (char)s[i];
			out[used] = '\0';
			mark = used + sizeof("...") <= size ? used : mark;
			continue;
		}
		n = plain || (how == JSON && whole) ? whole : 1;
		if (plain && !quoted)
			memcpy(piece, s + i, n);
		else if (plain && how == JSON)
			snprintf(piece, sizeof(piece), "\\%c", s[i]);
		else if (how == JSON) /* the second byte of a C1 character is its code */
			snprintf(piece, sizeof(piece), "\\u%04x", whole ? s[i + n - 1] : 0xfffd);
		else
			snprintf(piece, sizeof(piece), "\\x%02x", s[i]);
		if (strlen(piece) >= size - used) {
			if (how == ASCII)
				memcpy(out + mark, "...", sizeof("..."));
			break;
		}
		memcpy(out + used, piece, strlen(piece) + 1);
		used += strlen(piece);
		if (used + sizeof("...") <= size)
			mark = used;
	}
	return used;
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

/* JOURNAL_STREAM names the journal's stream; stderr may have been redirected since. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev = 0, ino = 0;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

/* syslog(3) would block on a daemon that does not read, and the whole server with it. */
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
	state.journal = state.out == STDERR_FILENO && stderr_is_journal();
	state.second = 0;
	tzset(); /* reads /etc/localtime, which a confined process cannot */
	if (sink == LOG_SINK_SYSLOG && !connect_syslog()) {
		state.sink = LOG_SINK_STDERR;
		log_msg(LOG_WARNING, "log: syslog: " _PATH_LOG ": %m; the log goes to stderr");
	}
}

void log_use(int fd)
{
	const int old = state.out;

	log_flush();
	state.out = fd;
	state.journal = false;
	if (old != STDERR_FILENO)
		close(old);
}

void log_redirect(void (*sink)(int priority, const char *text))
{
	state.redirect = sink;
}

const char *const log_sinks[] = {
    [LOG_SINK_STDERR] = "stderr", [LOG_SINK_SYSLOG] = "syslog", [LOG_SINK_JSON] = "json"};

const char *const log_levels[] = {[LOG_ERR] = "error",
				  [LOG_WARNING] = "warning",
				  [LOG_NOTICE] = "notice",
				  [LOG_INFO] = "info",
				  [LOG_DEBUG] = "debug"};

const char *log_time(char at[LOG_TIME], time_t t)
{
	struct tm tm;

	strftime(at, LOG_TIME, "%FT%TZ", gmtime_r(&t, &tm));
	return at;
}

/* Fields get at most FIELDS_MAX, so that the text always fits. */
static int format_json(char *out, size_t size, int priority, const char *event,
		       const struct log_field *fields, const char *text)
{
	struct json_out o = {out, FIELDS_MAX, 0};
	const int level = priority & LOG_PRIMASK;
	struct timespec now;
	char at[LOG_TIME];

	clock_gettime(CLOCK_REALTIME, &now);
	json_put(&o, NULL, "{");
	json_put(&o, "time", "\"%.19s.%03ldZ\"", log_time(at, now.tv_sec), now.tv_nsec / 1000000);
	json_text(&o, "level", level == LOG_ERR ? "err" : log_levels[level]);
	json_text(&o, "program", state.program);
	json_put(&o, "pid", "%d", (int)getpid());
	if (event)
		json_text(&o, "event", event);
	for (const struct log_field *f = fields; f && f->name; f++)
		if (f->text)
			json_text(&o, f->name, f->text);
		else
			json_put(&o, f->name, "%llu", (unsigned long long)f->number);
	o.size = size - 1;
	json_text(&o, "msg", text);
	json_close(&o, '}');
	memcpy(out + o.len, "\n", sizeof("\n"));
	return (int)o.len + 1;
}

/* "2026-11-29T14:41:05+01:00" (RFC 3339, whose colon in the offset strftime does not write). */
static const char *local_time(void)
{
	const time_t now = time(NULL);
	unsigned minutes;
	struct tm tm;
	size_t n;

	if (now == state.second) /* formatting it takes as long as the rest of a line */
		return state.at;
	state.second = now;
	n = strftime(state.at, LOG_TIME, "%FT%T", localtime_r(&now, &tm));
	minutes = (unsigned)labs(tm.tm_gmtoff) / 60;
	snprintf(state.at + n, LOG_TIME - n, "%c%02u:%02u", tm.tm_gmtoff < 0 ? '-' : '+',
		 minutes / 60, minutes % 60);
	return state.at;
}

/* A line as the sink has it, with its \n; its length. */
static size_t format_line(char line[LINE_BYTES], int priority, const char *event,
			  const struct log_field *fields, const char *text)
{
	const time_t now = time(NULL);
	char at[LOG_TIME];
	struct tm tm;
	int n = 0;

	if (state.sink == LOG_SINK_SYSLOG) {
		strftime(at, sizeof(at), "%h %e %T", localtime_r(&now, &tm));
		return (size_t)snprintf(line, LINE_BYTES, "<%d>%s %s[%d]: %s\n",
					LOG_AUTHPRIV | priority, at, state.program, (int)getpid(),
					text);
	}
	if (state.journal)
		n = snprintf(line, LINE_BYTES, "<%d>", priority);
	if (state.sink == LOG_SINK_JSON)
		n += format_json(line + n, LINE_BYTES - (size_t)n, priority, event, fields, text);
	else
		n += snprintf(line + n, LINE_BYTES - (size_t)n, "%s%s%s: %s\n",
			      state.journal ? "" : local_time(), state.journal ? "" : " ",
			      state.program, text);
	return (size_t)n;
}

/* Writes whole lines, as many as the log takes at once; returns their bytes.  A reader that is slow
 * or stopped must not stop us.  A pipe or socket that poll reports writable accepts up to PIPE_BUF
 * bytes at once; the descriptor is shared with other processes, so it must stay a blocking one. */
static size_t put(const char *lines, size_t len)
{
	struct pollfd room = {.fd = state.out, .events = POLLOUT};
	const char *end = memchr(lines, '\n', len);
	ssize_t n;

	if (state.sink == LOG_SINK_SYSLOG) { /* a line each; reconnects to a new daemon */
		const size_t line = (size_t)(end - lines);

		return send(state.syslog, lines, line, MSG_NOSIGNAL) >= 0 ||
			       (errno != EAGAIN && connect_syslog() &&
				send(state.syslog, lines, line, MSG_NOSIGNAL) >= 0)
			   ? line + 1
			   : 0;
	}
	if (len > PIPE_BUF && (end = memrchr(lines, '\n', PIPE_BUF)))
		len = (size_t)(end + 1 - lines);
	/* Without room poll returns 0, or -1 (EINTR) if a signal is pending, though it need not
	 * wait. */
	n = poll(&room, 1, 0) > 0 ? write(state.out, lines, len) : -1;
	return n > 0 ? (size_t)n : 0;
}

/* How many of these bytes the log took; a disk that becomes full may take a part of a line. */
static size_t put_all(const char *lines, size_t len)
{
	size_t done = 0, n = 1;

	while (done < len && n > 0)
		done += n = put(lines + done, len - done);
	return done;
}

/* False: there is no room for it. */
static bool hold(const char *line, size_t len)
{
	if (len > sizeof(state.held) - state.n_held)
		return false;
	memcpy(state.held + state.n_held, line, len);
	state.n_held += len;
	return true;
}

/* Writes lines behind those that are held; returns the bytes that were taken, with the rest of a
 * line that was begun. */
static size_t put_behind(const char *lines, size_t len)
{
	size_t done = put_all(state.held, state.n_held), rest;

	state.n_held -= done;
	memmove(state.held, state.held + done, state.n_held);
	if (state.n_held > 0)
		return 0;
	done = put_all(lines, len);
	if (done == len || done == 0 || lines[done - 1] == '\n')
		return done;
	rest = (size_t)((const char *)memchr(lines + done, '\n', len - done) + 1 - lines) - done;
	hold(lines + done, rest);
	return done + rest;
}

/* The lines that it stands for, of which some had been dropped before. */
static void lose(unsigned lines, unsigned again)
{
	state.lost += lines;
	state.dropped += lines - again;
}

uint64_t log_dropped(void)
{
	return state.dropped;
}

/* A signal handler may call this. */
bool log_flush(void)
{
	const size_t done =
	    state.len + state.n_held > 0 ? put_behind(state.lines, state.len) : state.len;

	if (done == 0)
		lose(state.n_lines, state.n_told);
	else
		for (const char *p = state.lines + done; p < state.lines + state.len; p++)
			lose(*p == '\n', 0);
	state.len = state.n_lines = state.n_told = 0;
	return state.n_held == 0;
}

/* Lets a line wait that stands for so many: itself, or those that were dropped. */
static void add(unsigned count, const char *line, size_t len)
{
	if (state.len + len > PIPE_BUF)
		log_flush();
	memcpy(state.lines + state.len, line, len);
	state.len += len;
	state.n_lines += count;
}

static void on_crash(int sig)
{
	log_flush();
	raise(sig); /* SA_RESETHAND: this one ends the process */
}

static void before_fork(void)
{
	log_flush();
}

/* What still waits is the parent's to write. */
static void in_child(void)
{
	state.n_held = 0;
}

void log_gather(void (*first)(void))
{
	static const int crashes[] = {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
	const struct sigaction sa = {.sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND};
	static bool prepared;

	log_flush();
	state.gather = first;
	if (prepared)
		return;
	prepared = true;
	pthread_atfork(before_fork, NULL, in_child);
	for (size_t i = 0; !SANITIZED && i < sizeof(crashes) / sizeof(*crashes); i++)
		sigaction(crashes[i], &sa, NULL);
}

/* Ordinary lines that would block are dropped and counted; the count is written before the next one
 * that succeeds.  The others are held, and dropped only where there are too many of them. */
static void write_or_hold(int priority, bool ordinary, const char *event,
			  const struct log_field *fields, const char *text)
{
	const bool first = state.len + state.n_held == 0;
	char line[LINE_BYTES], count[80];
	unsigned lost;
	size_t n;

	if (state.lost > 0 && log_flush()) {
		lost = state.lost;
		state.lost = 0;
		snprintf(count, sizeof(count),
			 "%u log lines were dropped: the log took none for a while", lost);
		add(lost, line, format_line(line, LOG_WARNING, NULL, NULL, count));
		state.n_told += lost;
	}
	n = format_line(line, priority, event, fields, text);
	if (ordinary)
		add(1, line, n);
	if (!ordinary || !state.gather)
		log_flush();
	if (!ordinary && put_behind(line, n) < n && !hold(line, n))
		lose(1, 0);
	if (state.gather && first && state.len + state.n_held > 0)
		state.gather();
}

void log_event(int priority, const char *event, const struct log_field *fields, const char *fmt,
	       ...)
{
	char raw[TEXT_MAX], text[CLEAN_MAX];
	const bool ordinary =
	    (priority & LOG_ORDINARY) || (!event && (priority & LOG_PRIMASK) >= LOG_INFO);
	int saved = errno, n;
	va_list ap;

	priority &= LOG_PRIMASK;
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
		else
			write_or_hold(priority, ordinary, event, fields, text);
	}
	errno = saved;
}
