// SPDX-License-Identifier: BSD-2-Clause
/* What an agent may answer when it is asked for its keys; logins with a real one are in tests/e2e.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent.h"
#include "keys.h"

#define TEXT(s)	 s, sizeof(s) - 1
#define FP_OTHER "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static char path[] = "/tmp/sshipc-agent-XXXXXX";
static struct event_base *base;
static int listener, woken;

static void setup(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	close(mkstemp(path));
	unlink(path);
	memcpy(at.sun_path, path, sizeof(path));
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	cr_assert_eq(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	cr_assert_eq(listen(listener, 4), 0);
	setenv("SSH_AUTH_SOCK", path, 1);
	base = event_base_new();
}

static void teardown(void)
{
	unlink(path);
	event_base_free(base);
}

TestSuite(agent, .init = setup, .fini = teardown);

static void wake(void *arg)
{
	woken++;
}

/* Asks for the keys; the agent gets what is sent and, with end, no more. */
static struct agent *asked(const char *fingerprint, const void *answer, size_t n, bool end)
{
	struct agent *a = agent_new(base, fingerprint);
	char request[16];
	int fd;

	cr_assert_eq(agent_log_in(a, NULL, wake, NULL), SSH_AUTH_AGAIN);
	fd = accept(listener, NULL, NULL);
	event_base_loop(base, EVLOOP_NONBLOCK);
	cr_expect_eq(read(fd, request, sizeof(request)), 5);
	cr_expect_eq(memcmp(request, "\0\0\0\1\13", 5), 0);
	cr_assert_eq(write(fd, answer, n), (ssize_t)n);
	if (end)
		close(fd);
	woken = 0;
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_loop(base, EVLOOP_NONBLOCK);
	return a;
}

Test(agent, refusals)
{
	static const struct {
		const char *answer;
		size_t n;
		bool end;
		const char *says;
	} table[] = {
	    {TEXT("\0\0\0\1\5"), false, "does not show its keys"},
	    {TEXT("\0\0\0\0"), false, "does not show its keys"},
	    {TEXT("\0\0\0\5\14\0\0\0\0"), false, "none of its 0 keys is " FP_OTHER},
	    {TEXT("\0\0\0\1\14"), false, "none of its 0 keys"},
	    {TEXT("\0\0\0\5\14\0\0\0\3"), false, "none of its 3 keys"},
	    {TEXT("\0\0\0\11\14\0\0\0\1\377\377\377\377"), false, "none of its 1 keys"},
	    {TEXT("\0\0\0\12\14\0\0\0\1\0\0\0\2a"), false, "none of its 1 keys"},
	    {TEXT("\0\0\0\5\16\0\0\0\0"), false, "does not show its keys"},
	    {TEXT("\0\4\0\1"), false, "makes no sense"},
	    {TEXT("\377\377\377\377"), false, "makes no sense"},
	    {TEXT("\0\0\0\5"), true, "broke off"},
	    {TEXT(""), true, "broke off"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct agent *a = asked(FP_OTHER, table[i].answer, table[i].n, table[i].end);

		cr_expect_geq(woken, 1, "%zu", i);
		cr_expect_eq(agent_log_in(a, NULL, wake, NULL), SSH_AUTH_ERROR, "%zu", i);
		cr_expect(agent_error(a) && strstr(agent_error(a), table[i].says), "%zu: %s", i,
			  agent_error(a));
		cr_expect_null(agent_line(a));
		agent_free(a);
	}
}

/* The agent's answer with KEY_ED behind an unknown one. */
static size_t two_keys(uint8_t out[256])
{
	static const char head[] = "\0\0\0\0\14\0\0\0\2\0\0\0\4what\0\0\0\4ever\0\0\0\63";
	size_t n = sizeof(head) - 1;

	memcpy(out, head, n);
	n += (size_t)keyline_base64(BLOB_ED, strlen(BLOB_ED), out + n, 256 - n);
	memcpy(out + n, "\0\0\0\1c", 5);
	n += 5;
	out[3] = (uint8_t)(n - 4);
	return n;
}

Test(agent, the_chosen_key)
{
	uint8_t answer[256];
	const size_t n = two_keys(answer);
	struct agent *a = asked(FP_ED, answer, n, false);

	cr_expect_eq(woken, 1);
	cr_expect_null(agent_error(a), "%s", agent_error(a));
	cr_expect_str_eq(agent_line(a), KEY_ED);
	agent_reset(a);
	cr_expect_null(agent_line(a));
	agent_free(a);

	/* Nothing before the whole answer is there, and then at any cut. */
	for (size_t cut = 0; cut < n; cut++) {
		a = asked(FP_ED, answer, cut, false);
		cr_expect_eq(woken, 0, "%zu", cut);
		cr_expect_eq(agent_log_in(a, NULL, wake, NULL), SSH_AUTH_AGAIN);
		agent_free(a);
	}
}

Test(agent, none_there)
{
	static const char *const where[] = {"", "/nonexistent", "relative", "127.0.0.1:1"};

	for (size_t i = 0; i < 4; i++) {
		struct agent *a = agent_new(base, FP_ED);

		setenv("SSH_AUTH_SOCK", where[i], 1);
		cr_expect_eq(agent_log_in(a, NULL, wake, NULL), SSH_AUTH_ERROR);
		cr_expect(strstr(agent_error(a), "SSH_AUTH_SOCK"), "%s", agent_error(a));
		agent_free(a);
	}
}
