// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../sshipc-server/conn.h"
#include "fds.h"

static char dir[] = "/tmp/sshipc-status-XXXXXX";
static char sock[64], file[64], absent[64], abstract[] = "@sshipc-status";
static struct endpoint endpoint;
static struct allow_entry entry = {.endpoint = &endpoint};
static struct dial_record dial;
static struct status_view view;

static void set_up(void)
{
	struct listening l = {.fd = -1};
	struct address a;
	char err[256];
	const char *why = NULL;
	FILE *f;

	cr_assert(mkdtemp(dir));
	snprintf(sock, sizeof(sock), "%s/s", dir);
	snprintf(file, sizeof(file), "%s/f", dir);
	snprintf(absent, sizeof(absent), "%s/none", dir);
	f = fopen(file, "w");
	cr_assert(f && fclose(f) == 0);
	cr_assert_eq(address_parse(sock, 0, &a, &why), 0);
	cr_assert_eq(address_listen(&a, 1, NULL, &l, err, sizeof(err)), 0, "%s", err);
	close(l.fd); /* the file stays */

	endpoint = (struct endpoint){.name = "confd", .kind = ENDPOINT_CONFD};
	cr_assert_eq(address_parse("127.0.0.1:4565", 0, &endpoint.address, &why), 0);
	snprintf(entry.key.name, sizeof(entry.key.name), "blade7");
	snprintf(entry.key.fingerprint, sizeof(entry.key.fingerprint), "SHA256:abc");
	dial = (struct dial_record){0};
	view = (struct status_view){.entry = &entry,
				    .dial = &dial,
				    .channels = 2,
				    .max_channels = 256,
				    .last_refusal = "",
				    .conn = 7};
	cr_assert_eq(address_parse("192.0.2.1:50000", 0, &view.source, &why), 0);
}

static void tear_down(void)
{
	unlink(sock);
	unlink(file);
	check_at_end(rmdir(dir) == 0, "a file was left behind");
}

TestSuite(status, .init = set_up, .fini = tear_down);

static void check_json(const char *text)
{
	FILE *f = popen("python3 -c 'import json, sys; json.load(sys.stdin.buffer)'", "w");

	cr_assert(f);
	cr_expect_neq(fputs(text, f), EOF);
	cr_expect_eq(pclose(f), 0, "not JSON: %s", text);
}

/* Everything up to the end of file, which must be there already. */
static const char *answer(void)
{
	static char text[8192];
	const size_t before = count_fds();
	const int fd = status_socket(&view);
	ssize_t n;

	cr_assert_geq(fd, 0);
	cr_expect_eq(count_fds(), before + 1, "only our end stays");
	n = recv(fd, text, sizeof(text) - 1, 0);
	cr_assert_gt(n, 0);
	text[n] = '\0';
	cr_expect_eq(recv(fd, text + n, 1, 0), 0, "the end of file follows");
	cr_expect_eq(send(fd, "x", 1, MSG_NOSIGNAL), -1, "nobody reads");
	close(fd);
	cr_expect_eq(strchr(text, '\n'), text + n - 1, "one line: %s", text);
	check_json(text);
	return text;
}

Test(status, the_whole_answer)
{
	cr_expect_str_eq(
	    answer(),
	    "{\"version\":\"" SSHIPC_VERSION "\",\"connection\":7,"
	    "\"endpoint\":{\"name\":\"confd\",\"kind\":\"confd\",\"present\":null,\"last_dial\":"
	    "null},"
	    "\"key\":{\"name\":\"blade7\",\"fingerprint\":\"SHA256:abc\",\"expires\":null,"
	    "\"sessions\":0,\"max_sessions\":null,\"channels\":0,\"max_channels\":null},"
	    "\"source\":\"192.0.2.1\",\"channels\":2,\"max_channels\":256,\"last_refusal\":null}"
	    "\n");
}

static const struct {
	const char *address, *present;
} places[] = {
    {sock, "true"},	    {file, "false"},	{dir, "false"},
    {absent, "false"},	    {abstract, "null"}, {"127.0.0.1:4565", "null"},
    {"[::1]:4565", "null"},
};

Test(status, whether_a_socket_stands_there)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		char want[64];
		const char *why = NULL;

		cr_assert_eq(address_parse(places[i].address, 0, &endpoint.address, &why), 0);
		snprintf(want, sizeof(want), "\"present\":%s,", places[i].present);
		cr_expect(strstr(answer(), want), "%s: not %s", places[i].address, want);
	}
}

/* Escapes for a name or a refusal; the name is cut where its room ends. */
static const struct {
	const char *text, *json;
} nasty[] = {
    {"\"}],\"admin\":true", "\\\"}],\\\"admin\\\":true"},
    {"a\\", "a\\\\"},
    {"a\nb\x1b[31m", "a\\u000ab\\u001b[31m"},
    {"\xff\xc0", "\\ufffd\\ufffd"},
    {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
};

Test(status, nasty_texts_are_escaped)
{
	for (size_t i = 0; i < sizeof(nasty) / sizeof(*nasty); i++) {
		char want[256];
		const char *got;

		snprintf(entry.key.name, sizeof(entry.key.name), "%s", nasty[i].text);
		view.last_refusal = nasty[i].text;
		got = answer();
		snprintf(want, sizeof(want), "\"key\":{\"name\":\"%s\",", nasty[i].json);
		cr_expect(strstr(got, want), "%zu: %s", i, got);
		snprintf(want, sizeof(want), "\"last_refusal\":\"%s\"}\n", nasty[i].json);
		cr_expect(strstr(got, want), "%zu: %s", i, got);
	}
}

/* Everything as long as it gets. */
Test(status, long_texts_are_cut)
{
	char refusal[8192];

	memset(refusal, 1, sizeof(refusal));
	refusal[sizeof(refusal) - 1] = '\0';
	memset(entry.key.name, '"', KEYLINE_NAME - 1);
	memset(endpoint.name, 'e', ENDPOINT_NAME - 1);
	memset(entry.key.fingerprint, 'f', KEYLINE_FINGERPRINT - 1);
	view.last_refusal = refusal;
	view.conn = UINT32_MAX;
	view.channels = view.max_channels = SIZE_MAX;
	dial = (struct dial_record){.at = 1, .error = EPROTONOSUPPORT};
	cr_expect(strstr(answer(), "\\u0001"));
	memset(entry.key.name, 1, KEYLINE_NAME - 1);
	answer();
}

Test(status, the_last_dial)
{
	struct timespec now;
	const char *got;

	clock_gettime(CLOCK_MONOTONIC, &now);
	dial = (struct dial_record){.at = now.tv_sec};
	got = answer();
	cr_expect(strstr(got, "\"last_dial\":{\"result\":\"connected\",\"age_seconds\":"), "%s",
		  got);
	dial = (struct dial_record){.at = 1, .error = ECONNREFUSED};
	got = answer();
	cr_expect(strstr(got, "\"last_dial\":{\"result\":\"Connection refused\",\"age_seconds\":"),
		  "%s", got);
}

Test(status, no_descriptor_left)
{
	int fd = dup(0);

	cr_assert_geq(fd, 0);
	while (fd >= 0) /* until there is no more */
		fd = dup(0);
	cr_expect_eq(status_socket(&view), -1);
	cr_expect_eq(errno, EMFILE);
}
