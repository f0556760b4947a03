// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "callers.h"
#include "link.h"

/* ---- requests ---- */

static const struct {
	const char *line;
	enum control_command command;
	const char *whom;
} good[] = {
    {"who", CONTROL_WHO, ""},
    {"reload", CONTROL_RELOAD, ""},
    {"status", CONTROL_STATUS, ""},
    {"pending", CONTROL_PENDING, ""},
    {"upgrade", CONTROL_UPGRADE, ""},
    {"kill 7", CONTROL_KILL, "7"},
    {"kill blade7", CONTROL_KILL, "blade7"},
    {"kill SHA256:x/+y", CONTROL_KILL, "SHA256:x/+y"},
};

Test(control, requests)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct control_request r = {.uid = 5};
		const char *why = NULL;

		cr_assert_eq(control_parse(good[i].line, strlen(good[i].line), &r, &why), 0,
			     "%s: %s", good[i].line, why);
		cr_expect_eq(r.command, good[i].command);
		cr_expect_str_eq(r.whom, good[i].whom);
		cr_expect_eq(r.uid, 5);
	}
}

static const char unknown[] =
    "unknown request; known are: who, kill, reload, status, pending, upgrade";
static const char argument[] = "this request takes no argument";
static const char kill_one[] = "kill takes one session id, key name or fingerprint";
static const char not_text[] = "the request is not printable ASCII";

#define LINE(text) (text), sizeof(text) - 1
static const struct {
	const char *line;
	size_t len;
	const char *why;
} bad[] = {
    {LINE(""), unknown},
    {LINE(" "), unknown},
    {LINE(" who"), unknown},
    {LINE("wh"), unknown},
    {LINE("whom"), unknown},
    {LINE("WHO"), unknown},
    {LINE("kill7"), unknown},
    {LINE("quit"), unknown},
    {LINE("{\"who\":1}"), unknown},
    {LINE("who "), argument},
    {LINE("who 7"), argument},
    {LINE("reload now"), argument},
    {LINE("status --json"), argument},
    {LINE("pending 1"), argument},
    {LINE("kill"), kill_one},
    {LINE("kill "), kill_one},
    {LINE("kill  7"), kill_one},
    {LINE("kill 7 "), kill_one},
    {LINE("kill 7 8"), kill_one},
    {LINE("who\0"), not_text},
    {LINE("\0"), not_text},
    {LINE("who\r"), not_text},
    {LINE("kill\t7"), not_text},
    {LINE("kill \x1b[2J"), not_text},
    {LINE("kill \x7f"), not_text},
    {LINE("kill m\xc3\xbcller"), not_text},
};

Test(control, refused)
{
	char longest[CONTROL_REQUEST + 1] = "kill ";
	struct control_request r;
	const char *why = NULL;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		why = "";
		cr_expect_eq(control_parse(bad[i].line, bad[i].len, &r, &why), -1, "%s",
			     bad[i].line);
		cr_expect_str_eq(why, bad[i].why, "%s: %s", bad[i].line, why);
	}
	memset(longest + 5, 'x', sizeof(longest) - 5);
	cr_expect_eq(control_parse(longest, CONTROL_REQUEST - 1, &r, &why), 0);
	cr_expect_eq(strlen(r.whom), CONTROL_REQUEST - 1 - 5);
	cr_expect_eq(control_parse(longest, CONTROL_REQUEST, &r, &why), -1);
	cr_expect_str_eq(why, "the request is too long");
}

/* ---- the socket ---- */

static char dir[] = "/tmp/sshipc-control-XXXXXX";
static char path[64], err[CONTROL_ERROR];
static struct event_base *base;
static struct callers *callers;
static size_t answer_size;

static void give(void *arg, struct caller *k)
{
	char line[1024];

	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	cr_expect_eq(k->uid, geteuid());
	cr_expect_str_eq(k->line, "who");
	while (evbuffer_get_length(k->out) < answer_size)
		evbuffer_add_printf(k->out, "%s\n", line);
	evbuffer_add_printf(k->out, "{\"ok\":true}\n");
	callers_answer(k, k->out);
}

static void begin(void)
{
	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	base = event_base_new();
	answer_size = 0;
}

static void finish(void)
{
	callers_free(callers);
	event_base_free(base);
	cr_expect_eq(rmdir(dir), 0, "something was left behind");
}

TestSuite(control_socket, .init = begin, .fini = finish);

static void start_with(const char *group)
{
	struct listening at;

	cr_assert_eq(control_listen(path, group, &at, err), 0, "%s", err);
	callers = callers_new(base, give, NULL, NULL);
	callers_listen(callers, &at);
}

static void start(void)
{
	start_with(NULL);
}

static int dial(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	cr_assert_eq(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	return fd;
}

/* Turns the loop until there is an answer to its end, or the end itself. */
static size_t read_all(int fd, char *out, size_t size)
{
	size_t used = 0;
	ssize_t n = -1;

	for (int i = 0; i < 100000 && n != 0; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		n = recv(fd, out + used, size - 1 - used, MSG_DONTWAIT);
		used += n > 0 ? (size_t)n : 0;
	}
	cr_expect_eq(n, 0, "no end");
	out[used] = '\0';
	return used;
}

static void ask(const char *request, size_t len, const char *want)
{
	char got[1024];
	const int fd = dial();

	cr_assert_eq(send(fd, request, len, MSG_NOSIGNAL), (ssize_t)len);
	read_all(fd, got, sizeof(got));
	cr_expect_str_eq(got, want, "%s: %s", request, got);
	close(fd);
}

Test(control_socket, one_line_one_answer)
{
	char flood[CONTROL_REQUEST];
	struct stat st;

	start();
	cr_assert_eq(stat(path, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0600);
	ask("who\n", 4, "{\"ok\":true}\n");
	ask("who\x80\n", 5, "{\"ok\":false,\"error\":\"the request is not printable ASCII\"}\n");
	memset(flood, 'x', sizeof(flood));
	ask(flood, sizeof(flood), "{\"ok\":false,\"error\":\"the request is too long\"}\n");
}

Test(control_socket, large_answers)
{
	static char got[2 << 20];
	int fd;

	start();
	answer_size = 1 << 20;
	fd = dial();
	cr_assert_eq(send(fd, "who\n", 4, 0), 4);
	cr_expect_eq(read_all(fd, got, sizeof(got)), 1024 * 1024 + 12);
	close(fd);
	answer_size = CONTROL_ANSWER;
	ask("who\n", 4, "{\"ok\":false,\"error\":\"the answer is too long\"}\n");
}

Test(control_socket, files_that_are_too_large_are_not_read)
{
	static const struct {
		off_t size;
		int wanted;
	} table[] = {{0, 0}, {1, 0}, {4096, 0}, {4097, -1}, {(off_t)1 << 40, -1}};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct evbuffer *b = evbuffer_new();
		const int fd = memfd_create("large", 0);

		cr_assert_eq(ftruncate(fd, table[i].size), 0);
		errno = 0;
		cr_expect_eq(link_read_file(fd, 4096, b), table[i].wanted, "%zu", i);
		cr_expect_eq(errno, table[i].wanted ? EFBIG : 0, "%zu", i);
		cr_expect_eq(evbuffer_get_length(b), table[i].wanted ? 0 : (size_t)table[i].size);
		close(fd);
		evbuffer_free(b);
	}
}

Test(control_socket, a_word_at_a_time_and_no_end_of_line)
{
	char got[64];
	int fd;

	start();
	fd = dial();
	for (const char *p = "who\n"; *p; p++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		cr_expect_lt(recv(fd, got, sizeof(got), MSG_DONTWAIT), 0, "an answer too early");
		cr_assert_eq(send(fd, p, 1, MSG_NOSIGNAL), 1);
	}
	cr_expect_gt(read_all(fd, got, sizeof(got)), 0);
	close(fd);
	fd = dial();
	cr_assert_eq(send(fd, "who", 3, MSG_NOSIGNAL), 3);
	shutdown(fd, SHUT_WR);
	cr_expect_eq(read_all(fd, got, sizeof(got)), 0);
	close(fd);
}

Test(control_socket, the_seventeenth_waits_for_room)
{
	int fds[CONTROL_CLIENTS], last;
	char got[64];

	start();
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		fds[i] = dial();
	last = dial();
	cr_assert_eq(send(last, "who\n", 4, MSG_NOSIGNAL), 4);
	for (int i = 0; i < 100; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	cr_expect_lt(recv(last, got, sizeof(got), MSG_DONTWAIT), 0, "more than may at once");
	close(fds[0]);
	cr_expect_gt(read_all(last, got, sizeof(got)), 0);
	close(last);
	for (int i = 1; i < CONTROL_CLIENTS; i++)
		close(fds[i]);
}

static int count_read(const struct event_base *b, const struct event *e, void *n)
{
	*(int *)n += event_pending(e, EV_READ, NULL) != 0;
	return 0;
}

static int reading(void)
{
	int n = 0;

	event_base_foreach_event(base, count_read, &n);
	return n;
}

/* The listener stays readable while there is no descriptor: it is left alone until the pause is
 * over, and the one that waits in the backlog is served then. */
Test(control_socket, no_descriptor_left)
{
	struct rlimit limit, none;
	char got[64];
	int fd, next;

	start();
	fd = dial();
	cr_assert_eq(send(fd, "who\n", 4, 0), 4);
	next = dup(fd);
	close(next);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){(rlim_t)next, limit.rlim_max};
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	cr_expect_eq(reading(), 1);
	event_base_loop(base, EVLOOP_NONBLOCK);
	cr_expect_eq(reading(), 0, "it is still asked");
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	event_base_loop(base, EVLOOP_ONCE); /* the pause is all that there is to wait for */
	cr_expect_eq(reading(), 1);
	read_all(fd, got, sizeof(got));
	cr_expect_str_eq(got, "{\"ok\":true}\n");
	close(fd);
}

Test(control_socket, a_slow_reader_is_cut)
{
	static char got[2 << 20];
	struct pollfd p = {.events = POLLHUP};

	start();
	answer_size = 1 << 20;
	p.fd = dial();
	cr_assert_eq(send(p.fd, "who\n", 4, MSG_NOSIGNAL), 4);
	while (!(p.revents & POLLHUP)) {
		cr_assert_eq(event_base_loop(base, EVLOOP_ONCE), 0);
		poll(&p, 1, 0);
	}
	cr_expect_lt(read_all(p.fd, got, sizeof(got)), 1 << 20);
	close(p.fd);
}

/* The group's members get no more than they need: read and write of the socket, who and status. */
Test(control_socket, a_group)
{
	struct listening at;
	char gid[16];
	struct stat st;

	snprintf(gid, sizeof(gid), "%u", (unsigned)getegid());
	start_with(gid);
	cr_assert_eq(stat(path, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0660);
	cr_expect_eq(st.st_gid, getegid());
	ask("who\n", 4, "{\"ok\":true}\n");
	for (int c = CONTROL_WHO; c <= CONTROL_UPGRADE; c++)
		cr_expect_eq(control_is_for_guests((enum control_command)c),
			     c == CONTROL_WHO || c == CONTROL_STATUS, "%d", c);
	callers_listen(callers, NULL);
	cr_expect_eq(control_listen(path, "no such group", &at, err), -1);
	cr_expect_str_eq(err + strlen(path), ": its control_group does not exist");
}

Test(control_socket, folders)
{
	static const mode_t modes[] = {0777, 0775, 0757, 01777};
	struct listening at;
	char want[256];
	int saved;

	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		cr_assert_eq(chmod(dir, modes[i]), 0);
		cr_expect_eq(control_listen(path, NULL, &at, err), -1);
		saved = errno;
		snprintf(want, sizeof(want),
			 "%s: others can write its folder %s (mode %04o, uid %u): %s", path, dir,
			 (unsigned)modes[i], (unsigned)geteuid(),
			 modes[i] & S_ISVTX ? "use one that only its owner can write"
					    : "chmod go-w /");
		cr_expect_eq(strncmp(err, want, strlen(want)), 0, "%s", err);
		cr_expect_eq(saved, EPERM);
	}
	chmod(dir, 0700);
	if (geteuid() == 0) {
		cr_assert_eq(chown(dir, 65534, 65534), 0);
		cr_expect_eq(control_listen(path, NULL, &at, err), -1);
		cr_expect(strstr(err, "uid 65534"), "%s", err);
		cr_assert_eq(chown(dir, 0, 0), 0);
	}
	cr_expect_eq(control_listen("/nonexistent/s", NULL, &at, err), -1);
	cr_expect_str_eq(
	    err,
	    "/nonexistent/s: its folder /nonexistent: No such file or directory; make it (mkdir)");
	cr_expect_eq(control_listen("@abstract", NULL, &at, err), -1);
	cr_expect_eq(control_listen("127.0.0.1:1", NULL, &at, err), -1);
}
