// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "resolve.h"

#define SENTINEL 200 /* a descriptor that the child must not have */

static struct {
	struct event_base *base;
	int calls;
	size_t n;
	struct address addresses[RESOLVE_MAX];
	char error[128];
} got;

static int open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += dup2(fd, fd) == fd;
	return n;
}

/* Stands in for libc's in the child: the name says what is wished. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
		struct addrinfo **list)
{
	static struct sockaddr_in in[RESOLVE_MAX + 4];
	static struct addrinfo info[RESOLVE_MAX + 4];
	int n = 0;

	cr_assert_null(service);
	cr_assert_eq(hints->ai_socktype, SOCK_STREAM);
	if (!strcmp(host, "hangs"))
		pause();
	if (!strcmp(host, "dies"))
		raise(SIGKILL);
	if (!strcmp(host, "lies")) {
		const struct {
			int error, system;
			size_t n;
			struct address addresses[RESOLVE_MAX];
		} answer = {.n = 1 << 20};

		_exit(write(3, &answer, sizeof(answer)) != sizeof(answer));
	}
	if (!strcmp(host, "system")) {
		errno = ENFILE;
		return EAI_SYSTEM;
	}
	if (!strcmp(host, "holds") && dup2(SENTINEL, SENTINEL) >= 0)
		return EAI_FAIL;
	if (sscanf(host, "has-%d", &n) != 1)
		return EAI_NONAME;
	for (int i = 0; i < n; i++) {
		in[i] = (struct sockaddr_in){.sin_family = AF_INET,
					     .sin_addr.s_addr = htonl(0x0a000000U + (unsigned)i)};
		info[i] = (struct addrinfo){.ai_addr = (struct sockaddr *)&in[i],
					    .ai_addrlen = sizeof(in[i]),
					    .ai_next = i + 1 < n ? &info[i + 1] : NULL};
	}
	*list = n ? info : NULL;
	return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
}

static void setup(void)
{
	got.base = event_base_new();
	cr_assert(got.base);
	cr_assert_eq(dup2(1, SENTINEL), SENTINEL);
}

static void teardown(void)
{
	event_base_free(got.base);
}

/* Not even a dead one. */
static void expect_no_child(void)
{
	cr_expect_eq(waitpid(-1, NULL, WNOHANG), -1);
	cr_expect_eq(errno, ECHILD);
}

static void done(void *arg, struct address *addresses, size_t n, const char *error)
{
	cr_expect_eq(arg, &got);
	cr_assert_leq(n, RESOLVE_MAX);
	got.calls++;
	got.n = n;
	memcpy(got.addresses, addresses, n * sizeof(*addresses));
	snprintf(got.error, sizeof(got.error), "%s", error ? error : "");
}

static struct resolve *start(const char *host, int timeout_s)
{
	return resolve_start(got.base, host, 2245, timeout_s, done, &got);
}

TestSuite(resolve, .init = setup, .fini = teardown);

Test(resolve, numeric_needs_no_child_but_the_loop)
{
	static const char *const hosts[][2] = {{"127.0.0.1", "127.0.0.1:2245"},
					       {"::1", "[::1]:2245"},
					       {"localhost", "127.0.0.1:2245"}};
	char buf[ADDRESS_TEXT];

	for (size_t i = 0; i < 3; i++) {
		got.calls = 0;
		cr_assert(start(hosts[i][0], 20));
		expect_no_child();
		cr_expect_eq(got.calls, 0);
		event_base_dispatch(got.base);
		cr_expect_eq(got.calls, 1);
		cr_expect_eq(got.n, 1);
		cr_expect_str_eq(got.error, "");
		cr_expect_str_eq(address_format(&got.addresses[0], buf, sizeof(buf)), hosts[i][1]);
	}
}

/* The child's answer: how many addresses, or why not. */
static const struct {
	const char *host;
	size_t n;
	const char *error;
} names[] = {
    {"has-1", 1, ""},
    {"has-3", 3, ""},
    {"has-16", 16, ""},
    {"has-20", RESOLVE_MAX, ""},
    {"has-0", 0, "no address"},
    {"holds", 0, "Name or service not known"},
    {"unknown", 0, "Name or service not known"},
    {"system", 0, "Too many open files in system"},
    {"dies", 0, "the look-up process died"},
    {"lies", 0, "the look-up process died"}, /* more addresses than an answer has */
};

Test(resolve, names)
{
	int before = open_fds();

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char buf[ADDRESS_TEXT], want[64];

		got.calls = 0;
		cr_assert(start(names[i].host, 60));
		cr_expect_eq(got.calls, 0);
		event_base_dispatch(got.base);
		cr_expect_eq(got.calls, 1, "%s", names[i].host);
		cr_expect_eq(got.n, names[i].n, "%s: %zu", names[i].host, got.n);
		cr_expect_str_eq(got.error, names[i].error);
		for (size_t k = 0; k < got.n; k++) {
			snprintf(want, sizeof(want), "10.0.0.%zu:2245", k);
			cr_expect_str_eq(address_format(&got.addresses[k], buf, sizeof(buf)), want);
		}
	}
	cr_expect_eq(open_fds(), before);
	expect_no_child();
}

Test(resolve, timeout_ends_the_child, .timeout = 60)
{
	cr_assert(start("hangs", 1));
	event_base_dispatch(got.base);
	cr_expect_eq(got.calls, 1);
	cr_expect_eq(got.n, 0);
	cr_expect_str_eq(got.error, "timed out");
	expect_no_child();
}

Test(resolve, cancelled_never_reports, .timeout = 60)
{
	static const char *const hosts[] = {"hangs", "has-1", "127.0.0.1"};
	int before = open_fds();

	for (size_t i = 0; i < 3; i++) {
		struct resolve *r = start(hosts[i], 20);

		cr_assert(r);
		resolve_cancel(r);
		event_base_dispatch(got.base);
		cr_expect_eq(got.calls, 0);
	}
	cr_expect_eq(open_fds(), before);
	expect_no_child();
	resolve_cancel(NULL);
}
