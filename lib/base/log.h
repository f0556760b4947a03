// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_LOG_H
#define SSHIPC_LOG_H
/*
 * The one place that writes a log line.  Owns the sink (stderr, syslog, JSON on stderr), the level
 * and the escaping of text that came from a peer.  The caller decides whether an event is worth a
 * line.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <syslog.h>
#include <time.h>

enum log_sink { LOG_SINK_STDERR, LOG_SINK_SYSLOG, LOG_SINK_JSON };

/* Size of an escaped text, with NUL; longer input is cut and ends in "...". */
#define LOG_ESCAPED 256
struct log_text {
	char s[LOG_ESCAPED];
};

/* Sets the program's name (first word of every line; static storage), the sink and the threshold:
 * syslog(3) priorities, LOG_INFO by default.  Before this call lines go to stderr at LOG_INFO. */
void log_init(const char *program, enum log_sink sink, int threshold);

/* From now on each formatted text goes to sink, without program, time and prefix: a confined
 * process has no file to write to. */
void log_redirect(void (*sink)(int priority, const char *text));

/* The names of sinks and, from LOG_ERR to LOG_DEBUG, of thresholds. */
extern const char *const log_sinks[], *const log_levels[];

/* From now on lines for stderr go to this descriptor, which is closed when it is replaced. */
void log_use(int fd);

/* From now on ordinary lines wait for log_flush, up to PIPE_BUF bytes of them; others, which are
 * rare, are written at once behind them.  first is called when lines begin to wait, and has to see
 * to the flush.  They are written before a fork(2), too, and where a signal ends the process
 * because of a fault; exec(2) and _exit(2) need a log_flush before them.  NULL: writes them; each
 * line is written at once again. */
void log_gather(void (*first)(void));

/* How many lines the log did not take and that were dropped, since the start. */
uint64_t log_dropped(void);

/* Writes the lines that wait; ordinary ones that the log does not take are counted as dropped.
 * False: others still wait, for a call a little later.  Async-signal-safe. */
bool log_flush(void);

/* Writes one line (one write(2), unless lines are gathered): "<N>" prefix when stderr is the
 * journal (JOURNAL_STREAM set), else the local time (RFC 3339, to the second) and a blank;
 * "program: " and the text; JSON:
 * {"time":RFC3339 UTC,"level":...,"program":...,"pid":N,"msg":...}.  Control bytes, DEL and invalid
 * UTF-8 in the finished text are escaped as \xNN, so no caller can forge a second line.  If the
 * log takes none (a full pipe or disk, a daemon that hangs), ordinary lines are dropped and
 * counted, and the count is logged later; others wait, 64 KiB of them.  Peer text in quotes should
 * still go through log_escape.  errno is kept. */
#define log_msg(priority, ...) log_event(priority, NULL, NULL, __VA_ARGS__)

/* A further member of a JSON line: a string or, if text is NULL, a number.  A list of them ends
 * with name NULL. */
struct log_field {
	const char *name; /* plain ASCII */
	const char *text;
	uint64_t number;
};

/* Fields in braces, ended as log_event wants them. */
#define LOG_FIELDS(...) ((const struct log_field[]){__VA_ARGS__, {NULL, NULL, 0}})

/* Added to a priority: the line is one of many, and a log that takes no more goes without it first.
 * So is a line of LOG_INFO or LOG_DEBUG that is no event. */
#define LOG_ORDINARY (1 << 3)

/* The same, for an event (sshipc-log(5)): JSON lines contain "event" and the fields, others the
 * text alone, which should have the same facts. */
void log_event(int priority, const char *event, const struct log_field *fields, const char *fmt,
	       ...) __attribute__((format(printf, 4, 5)));

/* "2026-11-29T13:41:05Z" (RFC 3339, UTC).  Returns at. */
#define LOG_TIME 32
const char *log_time(char at[LOG_TIME], time_t t);

/* Escapes len bytes of peer text into buf: printable ASCII but '"' and '\\' as it is, everything
 * else as \xNN; cut to fit.  Returns buf->s. */
const char *log_escape(struct log_text *buf, const void *text, size_t len);

/* The same into a buffer of any size (at least 4).  Returns out. */
const char *log_escape_to(char *out, size_t size, const void *text, size_t len);

/* The escaping of every finished line: control bytes, DEL and invalid UTF-8 as \xNN, all else
 * unchanged; cut to fit.  Returns out. */
const char *log_clean(char *out, size_t size, const char *text, size_t len);

/* Escapes text for a JSON string (without the quotes) into out (size bytes, always terminated; cut
 * at a character when too long).  Invalid UTF-8 becomes U+FFFD.  Returns the length written. */
size_t log_json_escape(char *out, size_t size, const char *text, size_t len);

#endif
