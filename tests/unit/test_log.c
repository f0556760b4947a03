// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "logfile.h"
#include "loop.h"
#include "sanitized.h"

static char got[65536];
static int saved_stderr = -1;
static FILE *capture;

static void capture_start(void)
{
	capture = tmpfile();
	cr_assert(capture);
	saved_stderr = dup(STDERR_FILENO);
	cr_assert_geq(dup2(fileno(capture), STDERR_FILENO), 0);
}

static void capture_end(void)
{
	ssize_t n = pread(fileno(capture), got, sizeof(got) - 1, 0);

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	fclose(capture);
	cr_assert_geq(n, 0);
	got[n] = '\0';
}

/* Where the line after its time begins. */
static const char *line(void)
{
	const char *blank = strchr(got, ' ');

	return blank ? blank + 1 : got;
}

static void expect_matches(const char *pattern)
{
	regex_t re;

	cr_assert_eq(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
	cr_expect_eq(regexec(&re, got, 0, NULL, 0), 0, "%s does not match %s", got, pattern);
	regfree(&re);
}

static const struct {
	const char *in, *escaped, *json, *line;
	size_t len;
} texts[] = {
#define T(in, escaped, json, line)                                                                 \
	{                                                                                          \
		in, escaped, json, line, sizeof(in) - 1                                            \
	}
    T("", "", "", ""),
    T("plain ~!", "plain ~!", "plain ~!", "plain ~!"),
    T("a\"b\\c", "a\\x22b\\x5cc", "a\\\"b\\\\c", "a\"b\\c"),
    T("a\nb\r\t", "a\\x0ab\\x0d\\x09", "a\\u000ab\\u000d\\u0009", "a\\x0ab\\x0d\\x09"),
    T("\x1b[2J\x7f", "\\x1b[2J\\x7f", "\\u001b[2J\\u007f", "\\x1b[2J\\x7f"),
    T("\xc3\xa4", "\\xc3\\xa4", "\xc3\xa4", "\xc3\xa4"),
    T("\xc2\x9b", "\\xc2\\x9b", "\\u009b", "\\xc2\\x9b"),		  /* C1: CSI */
    T("\xc2\xa0", "\\xc2\\xa0", "\xc2\xa0", "\xc2\xa0"),		  /* just past C1 */
    T("\xe2\x82\xac", "\\xe2\\x82\\xac", "\xe2\x82\xac", "\xe2\x82\xac"), /* euro */
    T("\xf0\x9f\x98\x80", "\\xf0\\x9f\\x98\\x80", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"),
    T("\xff", "\\xff", "\\ufffd", "\\xff"),
    T("\x80z", "\\x80z", "\\ufffdz", "\\x80z"),			 /* stray continuation */
    T("\xc3", "\\xc3", "\\ufffd", "\\xc3"),			 /* cut short */
    T("\xc3z", "\\xc3z", "\\ufffdz", "\\xc3z"),			 /* no continuation */
    T("\xc0\x8a", "\\xc0\\x8a", "\\ufffd\\ufffd", "\\xc0\\x8a"), /* overlong newline */
    T("\xe0\x80\x8a", "\\xe0\\x80\\x8a", "\\ufffd\\ufffd\\ufffd", "\\xe0\\x80\\x8a"),
    T("\xed\xa0\x80", "\\xed\\xa0\\x80", "\\ufffd\\ufffd\\ufffd",
      "\\xed\\xa0\\x80"), /* surrogate */
    T("\xf0\x8f\xbf\xbf", "\\xf0\\x8f\\xbf\\xbf", "\\ufffd\\ufffd\\ufffd\\ufffd",
      "\\xf0\\x8f\\xbf\\xbf"),
    T("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "\\ufffd\\ufffd\\ufffd\\ufffd",
      "\\xf4\\x90\\x80\\x80"),
};

Test(log, escape_tables)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct log_text t;
		char json[128], want[128];
		size_t n = log_json_escape(json, sizeof(json), texts[i].in, texts[i].len);

		cr_expect_str_eq(log_escape(&t, texts[i].in, texts[i].len), texts[i].escaped);
		cr_expect_str_eq(json, texts[i].json);
		cr_expect_eq(n, strlen(texts[i].json));

		capture_start();
		log_init("prog", LOG_SINK_STDERR, LOG_INFO);
		log_msg(LOG_INFO, "%s", texts[i].in);
		capture_end();
		snprintf(want, sizeof(want), "prog: %s\n", texts[i].line);
		cr_expect_str_eq(line(), want);
	}
}

Test(log, escape_nul)
{
	struct log_text t;
	char json[32];

	cr_expect_str_eq(log_escape(&t, "a\0b", 3), "a\\x00b");
	log_json_escape(json, sizeof(json), "a\0b", 3);
	cr_expect_str_eq(json, "a\\u0000b");
}

Test(log, escape_is_cut_between_pieces)
{
	struct log_text t;
	char in[1000], out[16];

	memset(in, 'x', sizeof(in));
	cr_expect_eq(strlen(log_escape(&t, in, LOG_ESCAPED - 1)), LOG_ESCAPED - 1,
		     "fits to the byte");
	cr_expect_not(strstr(t.s, "..."));
	cr_expect_eq(strlen(log_escape(&t, in, LOG_ESCAPED)), LOG_ESCAPED - 1);
	cr_expect_str_eq(t.s + LOG_ESCAPED - 4, "...");
	memset(in, 0, sizeof(in));
	log_escape(&t, in, sizeof(in));
	cr_expect_str_eq(t.s + strlen(t.s) - 7, "\\x00...");

	cr_expect_str_eq(log_escape_to(out, 4, "abc", 3), "abc");
	cr_expect_str_eq(log_escape_to(out, 4, "abcd", 4), "...");
	cr_expect_str_eq(log_escape_to(out, 8, "ab\ncd", 5), "ab...");
}

Test(log, json_is_cut_at_a_character)
{
	char out[8];

	cr_expect_eq(log_json_escape(out, sizeof(out), "abcdef\xc3\xa4", 8), 6);
	cr_expect_str_eq(out, "abcdef");
	cr_expect_eq(log_json_escape(out, sizeof(out), "ab\ncd", 5), 2,
		     "nothing after what did not fit");
	cr_expect_eq(log_json_escape(out, sizeof(out), "abcdefgh", 8), 7);
	cr_expect_eq(log_json_escape(out, 1, "a", 1), 0);
	cr_expect_str_eq(out, "");
}

Test(log, before_init_and_threshold)
{
	capture_start();
	log_msg(LOG_DEBUG, "no");
	log_msg(LOG_INFO, "yes");
	capture_end();
	cr_expect_str_eq(line(), "sshipc: yes\n");

	log_init("p", LOG_SINK_STDERR, LOG_ERR);
	capture_start();
	log_msg(LOG_WARNING, "no");
	log_msg(LOG_ERR, "yes %d", 1);
	capture_end();
	cr_expect_str_eq(line(), "p: yes 1\n");
}

Test(log, errno_is_kept)
{
	capture_start();
	close(STDERR_FILENO); /* so that the write fails */
	errno = ENOTTY;
	log_msg(LOG_INFO, "%m");
	cr_expect_eq(errno, ENOTTY);
	capture_end();
}

Test(log, long_messages)
{
	char big[20000];

	memset(big, '\n', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	for (int sink = 0; sink < 2; sink++) {
		capture_start();
		log_init("p", sink ? LOG_SINK_JSON : LOG_SINK_STDERR, LOG_INFO);
		log_msg(LOG_INFO, "%s", big);
		capture_end();
		cr_expect_eq(strcspn(got, "\n"), strlen(got) - 1, "one line");
		cr_expect(strstr(got, sink ? "\\\\x0a...\"}\n" : "\\x0a...\n"));
	}
}

Test(log, json_line)
{
	capture_start();
	log_init("sshipc-server", LOG_SINK_JSON, LOG_DEBUG);
	log_msg(LOG_WARNING, "who \"%s\" \x01", "me");
	capture_end();
	expect_matches("^\\{\"time\":\"20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6]["
		       "0-9]\\.[0-9]{3}Z\","
		       "\"level\":\"warning\",\"program\":\"sshipc-server\",\"pid\":[0-9]+,"
		       "\"msg\":\"who \\\\\"me\\\\\" \\\\\\\\x01\"\\}\n$");
}

Test(log, local_time)
{
	setenv("TZ", "Somewhere-05:30", 1);
	capture_start();
	log_init("p", LOG_SINK_STDERR, LOG_INFO);
	log_msg(LOG_INFO, "a");
	capture_end();
	expect_matches(
	    "^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9][+]05:30 p: "
	    "a\n$");

	/* The text of a second is kept, but not over a change of the zone. */
	setenv("TZ", "Elsewhere03", 1);
	capture_start();
	log_init("p", LOG_SINK_STDERR, LOG_INFO);
	log_msg(LOG_INFO, "b");
	log_msg(LOG_INFO, "c");
	capture_end();
	expect_matches("^20[^ ]+-03:00 p: b\n20[^ ]+-03:00 p: c\n$");
}

Test(log, journal_priority)
{
	char stream[64];
	struct stat st;

	capture_start();
	cr_assert_eq(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_init("p", LOG_SINK_STDERR, LOG_DEBUG);
	log_msg(LOG_ERR, "a");
	log_msg(LOG_DEBUG, "b");
	capture_end();
	cr_expect_str_eq(got, "<3>p: a\n<7>p: b\n");

	/* The variable is inherited, but stderr is elsewhere. */
	capture_start();
	cr_assert_eq(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino + 1);
	setenv("JOURNAL_STREAM", stream, 1);
	log_init("p", LOG_SINK_STDERR, LOG_DEBUG);
	log_msg(LOG_ERR, "a");
	capture_end();
	cr_expect_str_eq(line(), "p: a\n");
}

/* ---- gathered lines ---- */

static unsigned firsts;

static void on_first(void)
{
	firsts++;
}

/* What stderr has by now, without the times: "a b " for lines with these texts. */
static const char *texts_so_far(void)
{
	static char out[65536];
	size_t used = 0;
	ssize_t n = pread(fileno(capture), got, sizeof(got) - 1, 0);

	cr_assert_geq(n, 0);
	got[n] = '\0';
	out[0] = '\0';
	for (const char *p = got; (p = strstr(p, "p: ")); p++)
		used += (size_t)snprintf(out + used, sizeof(out) - used, "%.*s ",
					 (int)strcspn(p + 3, "\n"), p + 3);
	return out;
}

static void gather(void)
{
	capture_start();
	log_init("p", LOG_SINK_STDERR, LOG_DEBUG);
	firsts = 0;
	log_gather(on_first);
}

Test(log, lines_wait_for_the_flush)
{
	gather();
	log_msg(LOG_INFO, "a");
	log_msg(LOG_DEBUG, "b");
	cr_expect_str_eq(texts_so_far(), "");
	cr_expect_eq(firsts, 1);
	log_flush();
	cr_expect_str_eq(texts_so_far(), "a b ");
	log_msg(LOG_INFO, "c");
	cr_expect_eq(firsts, 2);
	log_msg(LOG_NOTICE, "d");
	cr_expect_str_eq(texts_so_far(), "a b c d ", "what is rare is written at once, in order");
	log_msg(LOG_INFO, "e");
	log_gather(NULL);
	log_msg(LOG_INFO, "f");
	cr_expect_str_eq(texts_so_far(), "a b c d e f ");
	capture_end();
}

Test(log, no_more_lines_wait_than_a_pipe_takes_at_once)
{
	const char *so_far;

	gather();
	for (int i = 0; i < 1000; i++)
		log_msg(LOG_INFO, "%03d", i);
	cr_expect_gt(strlen(texts_so_far()), 3500, "%s", got);
	log_flush();
	so_far = texts_so_far();
	for (int i = 0; i < 1000; i++)
		cr_expect_eq(atoi(so_far + (size_t)i * 4), i);
	capture_end();
}

Test(log, a_fork_and_a_fault_lose_no_line)
{
	static const int ends[] = {0, SIGABRT, SIGSEGV};
	int status;

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends) - (SANITIZED ? 2 : 0); i++) {
		pid_t pid;

		gather();
		log_msg(LOG_INFO, "before");
		pid = fork();
		if (pid == 0) {
			log_msg(LOG_INFO, "child");
			if (ends[i] == SIGABRT)
				abort();
			if (ends[i])
				raise(ends[i]);
			log_flush();
			_exit(0);
		}
		waitpid(pid, &status, 0);
		cr_expect_eq(ends[i], WIFSIGNALED(status) ? WTERMSIG(status) : 0);
		log_gather(NULL);
		cr_expect_str_eq(texts_so_far(), "before child ");
		capture_end();
	}
}

Test(log, lines_that_a_full_pipe_does_not_take_are_counted)
{
	char fill[4096] = "";
	int ends[2];

	gather();
	cr_assert_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	while (write(ends[1], fill, sizeof(fill)) > 0)
		;
	fcntl(ends[1], F_SETFL, 0); /* from here on a write would block */
	dup2(ends[1], STDERR_FILENO);
	for (int i = 0; i < 3; i++)
		log_msg(LOG_INFO, "lost");
	log_flush();
	log_msg(LOG_INFO, "lost"); /* with the count of the others, which is not a line itself */
	log_flush();
	dup2(fileno(capture), STDERR_FILENO);
	log_msg(LOG_INFO, "a");
	log_flush();
	log_msg(LOG_INFO, "b");
	log_flush();
	cr_expect_eq(log_dropped(), 4);
	cr_expect_str_eq(texts_so_far(),
			 "4 log lines were dropped: the log took none for a while a b ");
	capture_end();
}

/* A pipe of 4096 bytes that is full, in place of stderr; its other end. */
static int fill_stderr(void)
{
	char fill[4096] = "";
	int ends[2];

	cr_assert_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	cr_assert_eq(fcntl(ends[1], F_SETPIPE_SZ, 4096), 4096);
	while (write(ends[1], fill, sizeof(fill)) > 0)
		;
	fcntl(ends[1], F_SETFL, 0);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	return ends[0];
}

static const struct log_field no_fields[] = {{NULL, NULL, 0}};

/* What matters for security waits for the reader, in its order, and is not dropped. */
Test(log, what_is_not_ordinary_is_the_last_to_be_dropped)
{
	char big[1200], word[32], *told;
	int end, held = 0;
	ssize_t n;

	gather();
	end = fill_stderr();
	firsts = 0;
	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	for (int i = 0; i < 200; i++) {
		log_event(LOG_INFO, "login", no_fields, "event %d %s", i, big);
		log_event(LOG_NOTICE | LOG_ORDINARY, "note", no_fields, "note %d", i);
		log_msg(LOG_INFO, "text %d", i);
	}
	cr_expect_geq(firsts, 1);
	cr_expect_not(log_flush());
	cr_assert_eq(read(end, got, 4096), 4096, "what filled it");
	for (bool all = false; !all;) {
		all = log_flush();
		n = read(end, got, 4096);
		cr_assert_gt(n, 0);
		got[n] = '\0';
		for (told = got; (told = strstr(told, "event ")); told++) {
			snprintf(word, sizeof(word), "event %d ", held++);
			cr_expect_eq(strncmp(told, word, strlen(word)), 0, "%.20s", told);
		}
		cr_expect_not(strstr(got, "note "));
	}
	cr_expect(held > 40 && held < 60, "%d lines of 64 KiB", held);
	dup2(fileno(capture), STDERR_FILENO);
	log_msg(LOG_WARNING, "a");
	snprintf(big, sizeof(big), "%d log lines were dropped: the log took none for a while a ",
		 600 - held);
	cr_expect_str_eq(texts_so_far(), big);
	close(end);
	capture_end();
}

static bool interrupted;

/* In place of libc's, which poll is here (sshsocket.c): a full pipe, and a signal within the call.
 */
int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *wait, const sigset_t *mask)
{
	struct timespec left = wait ? *wait : (struct timespec){0};

	if (!interrupted)
		return (int)syscall(SYS_ppoll, fds, n, wait ? &left : NULL, mask, _NSIG / 8);
	errno = EINTR;
	return -1;
}

Test(log, a_signal_does_not_make_a_full_pipe_writable)
{
	gather();
	interrupted = true;
	log_msg(LOG_WARNING, "lost");
	interrupted = false;
	cr_expect_str_eq(texts_so_far(), "", "written though a write might have blocked");
	log_msg(LOG_WARNING, "a");
	cr_expect_str_eq(texts_so_far(), "lost a ", "it was not lost");
	capture_end();
}

/* ---- a file ---- */

static char folder[64], path[128];

static void make_folder(void)
{
	snprintf(folder, sizeof(folder), "/tmp/sshipc-log-XXXXXX");
	cr_assert(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/log", folder);
}

static void remove_folder(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	cr_expect_eq(system(command), 0);
}

static const char *content(const char *of)
{
	FILE *f = fopen(of, "r");
	size_t n = f ? fread(got, 1, sizeof(got) - 1, f) : 0;

	got[n] = '\0';
	if (f)
		fclose(f);
	return got;
}

Test(log, a_file_is_opened_anew, .init = make_folder, .fini = remove_folder)
{
	struct log_target to = {LOG_SINK_STDERR, NULL};
	char value[160], moved[160], shown[1024];
	struct stat st;

	umask(022);
	snprintf(value, sizeof(value), "json:%s", path);
	snprintf(moved, sizeof(moved), "%s.1", path);
	cr_assert_null(logfile_set(&to, value));
	cr_expect_str_eq(logfile_show(&to, 0, shown), value);
	log_init("p", to.sink, LOG_INFO);
	cr_assert_eq(logfile_start(&to, false), 0);
	log_msg(LOG_INFO, "first");
	cr_expect(strstr(content(path), "\"msg\":\"first\"}\n"), "%s", got);
	cr_expect(stat(path, &st) == 0 && (st.st_mode & 07777) == 0640, "%04o", st.st_mode);
	cr_assert_eq(rename(path, moved), 0);
	log_msg(LOG_INFO, "second");
	logfile_reopen();
	log_msg(LOG_INFO, "third");
	cr_expect(strstr(content(moved), "first") && strstr(got, "second"), "%s", got);
	cr_expect_not(strstr(got, "third"));
	cr_expect(strstr(content(path), "opened anew") && strstr(got, "third"), "%s", got);
	/* Where that fails it goes on, and says so. */
	cr_assert_eq(rename(path, moved), 0);
	cr_assert_eq(mkdir(path, 0755), 0);
	logfile_reopen();
	log_msg(LOG_INFO, "fourth");
	cr_expect(strstr(content(moved), "SIGUSR1: log file") && strstr(got, "fourth"), "%s", got);
	free(to.path);
}

Test(log, a_file_that_others_could_change, .init = make_folder, .fini = remove_folder)
{
	static const char *const wrong[] = {"file", "json:", "json:x", "/file", ""};
	struct log_target to = {LOG_SINK_STDERR, NULL};
	char link[160];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		cr_expect(logfile_set(&to, wrong[i]), "%s", wrong[i]);
	cr_assert_null(logfile_set(&to, path));
	for (int i = 0; i < 5; i++) {
		unlink(path);
		if (i == 0)
			cr_assert_eq(chmod(folder, 0777), 0);
		else
			cr_assert_eq(chmod(folder, 0755), 0);
		snprintf(link, sizeof(link), "%s.other", path);
		if (i == 1)
			cr_assert_eq(symlink(link, path), 0);
		if (i == 2)
			cr_assert_eq(mkfifo(path, 0600), 0);
		if (i >= 3)
			close(open(path, O_CREAT | O_WRONLY, 0600));
		if (i == 3)
			cr_assert_eq(chmod(path, 0666), 0);
		if (i == 4 && (geteuid() != 0 || chown(path, 12345, 12345) != 0))
			continue;
		capture_start();
		log_init("p", LOG_SINK_STDERR, LOG_INFO);
		cr_expect_eq(logfile_start(&to, false), -1, "%d", i);
		capture_end();
		cr_expect(strstr(got, "p: log file /tmp/"), "%d: %s", i, got);
	}
	cr_expect_neq(access(link, F_OK), 0, "made through a link");
	free(to.path);
}

Test(log, what_cannot_be_opened_anew)
{
	capture_start();
	log_init("p", LOG_SINK_STDERR, LOG_INFO);
	logfile_reopen();
	capture_end();
	cr_expect(strstr(
	    got, "SIGUSR1: the log goes to no file: stderr and syslog cannot be opened anew"));
}

static void log_twice(evutil_socket_t fd, short what, void *arg)
{
	log_msg(LOG_INFO, "a");
	log_msg(LOG_INFO, "b");
	cr_expect_str_eq(texts_so_far(), "");
	loop_after(arg, 0);
}

static void look_and_leave(evutil_socket_t fd, short what, void *arg)
{
	cr_expect_str_eq(texts_so_far(), "a b ", "at the end of the round");
	log_msg(LOG_INFO, "c");
	event_base_loopbreak(arg);
}

Test(log, a_loop_writes_at_the_end_of_a_round)
{
	struct event_base *base = loop_new();
	struct event *second = loop_timer(base, look_and_leave, base);
	struct event *first = loop_timer(base, log_twice, second);

	capture_start();
	log_init("p", LOG_SINK_STDERR, LOG_INFO);
	log_msg(LOG_INFO, "before the loop");
	cr_expect_str_eq(texts_so_far(), "before the loop ");
	capture_end();
	capture_start();
	loop_after(first, 0);
	loop_run(base);
	cr_expect_str_eq(texts_so_far(), "a b c ");
	capture_end();
	event_free(first);
	event_free(second);
	event_base_free(base);
}
