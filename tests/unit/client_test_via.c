// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fds.h"
#include "loop.h"
#include "via.h"

static struct event_base *base;
static size_t fds_before;

static void set_up(void)
{
	fds_before = count_fds();
	base = loop_new();
}

static void tear_down(void)
{
	event_base_free(base);
	check_at_end(count_fds() == fds_before, "descriptors leaked");
	check_at_end(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "a child was left");
}

TestSuite(via, .init = set_up, .fini = tear_down, .timeout = 60);

static const struct {
	const char *command;
	bool good;
} commands[] = {
    {"ssh -W %h:%p bastion", true}, {"nc %%h", true}, {"nc", true},
    {"ssh %r@%h", false},	    {"nc %", false},  {"nc %%%", false},
};

static const struct {
	const char *host;
	bool good;
} hosts[] = {
    {"manager.example.org", true},
    {"192.0.2.1", true},
    {"fe80::1%eth0", true},
    {"-oProxyCommand=x", false},
    {"a;b", false},
    {"a b", false},
    {"$(id)", false},
    {"`id`", false},
    {"a\nb", false},
    {"a|b", false},
    {"a&b", false},
    {"'", false},
    {"\"", false},
    {"a\\", false},
    {"{a}", false},
};

Test(via, what_a_shell_may_see)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		cr_expect_eq(!via_check(commands[i].command), commands[i].good, "%s",
			     commands[i].command);
	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++)
		cr_expect_eq(via_allows(hosts[i].host), hosts[i].good, "%s", hosts[i].host);
}

static struct via *started(const char *command, struct settings *s, int *fd)
{
	struct via *v;

	*s = (struct settings){.host = (char[]){"manager"}, .port = 2245};
	s->via = strdup(command);
	v = via_start(base, s, fd);
	cr_assert(v);
	cr_expect(fcntl(*fd, F_GETFL) & O_NONBLOCK);
	cr_expect_eq(fcntl(*fd, F_GETFD), FD_CLOEXEC);
	free(s->via);
	return v;
}

/* All that the command writes before it closes its output. */
static const char *said(int fd, char *buf, size_t size)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t n = 0;
	ssize_t got = 1;

	while (got > 0) {
		cr_assert_eq(poll(&p, 1, 30000), 1);
		got = recv(fd, buf + n, size - 1 - n, 0);
		n += got > 0 ? (size_t)got : 0;
	}
	buf[n] = '\0';
	return buf;
}

/* A command, what it says, and what is said of its end. */
static const struct {
	const char *command, *output, *ended;
} runs[] = {
    {"echo %h %p %%", "manager 2245 %\n", "the --via command exited with 0"},
    {"sh -c 'exit 7'", "", "the --via command exited with 7"},
    {"sh -c 'kill -9 $$'", "", "the --via command was ended by a signal (Killed)"},
    {"/nonexistent/program 2>/dev/null", "", "the --via command exited with 127"},
    {"ls /proc/self/fd", "0\n1\n2\n3\n", "the --via command exited with 0"}, /* 3: of ls itself */
    {"head -c 5", "hello", "the --via command exited with 0"},
};

Test(via, a_command_runs)
{
	for (size_t i = 0; i < sizeof(runs) / sizeof(*runs); i++) {
		struct settings s;
		char text[256], ended[VIA_TEXT];
		const char *end = NULL;
		int fd;
		struct via *v = started(runs[i].command, &s, &fd);

		send(fd, "hello", 5, MSG_NOSIGNAL);
		cr_expect_str_eq(said(fd, text, sizeof(text)), runs[i].output, "%zu: %s", i, text);
		for (int n = 0; n < 100 && !end; n++) /* a slow machine */
			end = via_ended(v, ended);
		cr_assert(end, "%zu", i);
		cr_expect_str_eq(end, runs[i].ended, "%zu: %s", i, end);
		close(fd);
		via_end(v);
		via_free(v);
	}
}

/* It neither reads nor ends by itself. */
Test(via, a_command_ends_with_its_connection)
{
	static const char *const stubborn[] = {
	    "sleep 1000",
	    "sh -c 'trap \"\" TERM; echo; while :; do sleep 1; done'",
	};

	for (size_t i = 0; i < sizeof(stubborn) / sizeof(*stubborn); i++) {
		struct settings s;
		char ended[VIA_TEXT], c;
		int fd;
		struct via *v = started(stubborn[i], &s, &fd);

		cr_expect_null(via_ended(v, ended), "it runs");
		if (i == 1) { /* the signal is ignored by now */
			struct pollfd p = {.fd = fd, .events = POLLIN};

			cr_assert_eq(poll(&p, 1, 30000), 1);
			cr_assert_eq(recv(fd, &c, 1, 0), 1);
		}
		close(fd);
		via_end(v);
		event_base_dispatch(base); /* until it is reaped */
		cr_expect_not_null(via_ended(v, ended));
		via_free(v);
		v = started(stubborn[i], &s, &fd);
		close(fd);
		via_free(v); /* at once */
	}
}

/* Nothing is left of one that cannot be started. */
Test(via, no_process_can_be_made)
{
	const struct settings s = {
	    .host = (char[]){"manager"}, .port = 1, .via = (char[]){"sleep 1000"}};
	const size_t before = count_fds();
	struct rlimit few = {0};
	int fd = -1;

	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &few), 0);
	few.rlim_cur = 3;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	cr_expect_null(via_start(base, &s, &fd));
	cr_expect_eq(errno, EMFILE);
	few.rlim_cur = few.rlim_max;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	cr_expect_eq(count_fds(), before);
	via_free(NULL);
	via_end(NULL);
}
