// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"
#include "fds.h"
#include "loop.h"

static char dir[] = "/tmp/sshipc-status-XXXXXX";
static char sock[64], file[64], absent[64], abstract[] = "@sshipc-status";
static struct settings settings = {.n_endpoints = 1, .max_channels = 256};
static struct endpoint *const endpoint = settings.endpoints;
static struct allow_entry entry;
static struct key_use use;
static struct dial_record dial;
static const struct launch_user users[] = {{.demote = false}, {.demote = true, .uid = 64001}};
static struct monitor_view view = {.users = users, .settings = &settings, .dials = &dial};
static struct conn conn = {.view = &view, .entry = &entry, .use = &use, .state = CONN_UP};

static void set_up(void)
{
	struct listening l = {.fd = -1};
	struct address a;
	char err[256];
	FILE *f;

	cr_assert(mkdtemp(dir));
	snprintf(sock, sizeof(sock), "%s/s", dir);
	snprintf(file, sizeof(file), "%s/f", dir);
	snprintf(absent, sizeof(absent), "%s/none", dir);
	f = fopen(file, "w");
	cr_assert(f && fclose(f) == 0);
	cr_assert_null(address_parse(sock, 0, &a));
	cr_assert_eq(address_listen(&a, 1, NULL, &l, err, sizeof(err)), 0, "%s", err);
	close(l.fd); /* the file stays */

	*endpoint = (struct endpoint){.name = "confd", .kind = ENDPOINT_CONFD};
	cr_assert_null(address_parse("127.0.0.1:4565", 0, &endpoint->address));
	snprintf(use.name, sizeof(use.name), "blade7");
	snprintf(use.fingerprint, sizeof(use.fingerprint), "SHA256:abc");
	snprintf(conn.login.version, sizeof(conn.login.version), "SSH-2.0-x");
	use.channels = 3;
	conn.endpoint = endpoint;
	conn.id = 7;
	conn.opens.count = 2;
	conn.activity.to_endpoint = 40;
	conn.activity.from_endpoint = 50;
	conn.activity.since = conn.activity.last =
	    loop_seconds() + 5; /* the ages are -5, or soon -4 */
	cr_assert_null(address_parse("192.0.2.1:50000", 0, &conn.from));
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
	const int fd = status_socket(&conn);
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
	static const char before[] =
	    "{\"version\":\"" SSHIPC_VERSION
	    "\",\"connection\":7,\"generation\":0,\"state\":\"up\",\"channels\":2,"
	    "\"max_channels\":256,"
	    "\"claimed_bytes_to_endpoint\":40,\"claimed_bytes_from_endpoint\":50,\"age_seconds\":";
	static const char after[] =
	    ",\"endpoint\":{\"name\":\"confd\",\"kind\":\"confd\","
	    "\"idle_timeout_seconds\":null,\"present\":null,"
	    "\"accessible\":null,\"last_dial\":"
	    "null},"
	    "\"key\":{\"name\":\"blade7\",\"fingerprint\":\"SHA256:abc\",\"connect_as\":null,"
	    "\"expires\":null,\"max_lifetime_seconds\":null,\"idle_timeout_seconds\":null,"
	    "\"sessions\":0,\"max_sessions\":null,\"channels\":3,\"max_channels\":null},"
	    "\"source\":\"192.0.2.1\",\"source_port\":50000,\"via\":null,"
	    "\"client\":\"SSH-2.0-x\",\"last_refusal\":null,\"last_refusal_code\":null}\n";
	const char *got = answer();

	cr_expect_eq(strncmp(got, before, strlen(before)), 0, "%s", got);
	cr_expect_str_eq(strstr(got, ",\"endpoint\""), after);
	settings.max_lifetime = 86400;
	entry.key.idle_timeout = 600;
	endpoint->idle_timeout = 60;
	got = answer();
	cr_expect(strstr(got, "\"confd\",\"idle_timeout_seconds\":60,"), "%s", got);
	cr_expect(strstr(got, "\"max_lifetime_seconds\":86400,\"idle_timeout_seconds\":600,"), "%s",
		  got);
	entry.key.max_lifetime = 9;
	cr_expect(strstr(answer(), "\"max_lifetime_seconds\":9,"), "the line has the last word");
	cr_assert_null(address_parse("192.0.2.9:7", 0, &conn.via));
	cr_expect(strstr(answer(), "\"source_port\":50000,\"via\":\"192.0.2.9:7\","));
}

/* As whom its line connects, and whether that user may. */
Test(status, of_another_user)
{
	static char ann[] = "ann";
	const char *got;

	entry.key.connect_as = ann;
	conn.user = 1;
	cr_assert_null(address_parse(sock, 0, &endpoint->address));
	got = answer();
	cr_expect(strstr(got, "\"present\":true,\"accessible\":false,"), "%s", got);
	cr_expect(strstr(got, "\"connect_as\":\"ann\","), "%s", got);
}

static const struct {
	const char *address, *present, *accessible;
} places[] = {
    {sock, "true", "true"},	    {file, "false", "null"},	{dir, "false", "null"},
    {absent, "false", "null"},	    {abstract, "null", "null"}, {"127.0.0.1:4565", "null", "null"},
    {"[::1]:4565", "null", "null"},
};

Test(status, whether_a_socket_stands_there)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		char want[64];

		cr_assert_null(address_parse(places[i].address, 0, &endpoint->address));
		snprintf(want, sizeof(want), "\"present\":%s,\"accessible\":%s,", places[i].present,
			 places[i].accessible);
		cr_expect(strstr(answer(), want), "%s: not %s", places[i].address, want);
	}
}

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

		snprintf(use.name, sizeof(use.name), "%s", nasty[i].text);
		snprintf(use.last_refusal.text, sizeof(use.last_refusal.text), "%s", nasty[i].text);
		use.last_refusal.verdict = POLICY_WRONG_DESTINATION;
		got = answer();
		snprintf(want, sizeof(want), "\"key\":{\"name\":\"%s\",", nasty[i].json);
		cr_expect(strstr(got, want), "%zu: %s", i, got);
		snprintf(want, sizeof(want),
			 "\"last_refusal\":\"%s\",\"last_refusal_code\":\"destination\"}\n",
			 nasty[i].json);
		cr_expect(strstr(got, want), "%zu: %s", i, got);
	}
}

/* Everything as long as it gets. */
Test(status, long_texts_are_whole)
{
	memset(use.last_refusal.text, 1, sizeof(use.last_refusal.text) - 1);
	use.last_refusal.verdict = POLICY_USER_NOT_VERIFIED;
	memset(use.name, 1, KEYLINE_NAME - 1);
	memset(endpoint->name, 'e', ENDPOINT_NAME - 1);
	memset(use.fingerprint, 'f', KEYLINE_FINGERPRINT - 1);
	memset(conn.login.version, 'v', sizeof(conn.login.version) - 1);
	conn.id = UINT32_MAX;
	conn.opens.count = use.channels = SIZE_MAX;
	conn.activity.to_endpoint = conn.activity.from_endpoint = UINT64_MAX;
	dial = (struct dial_record){.at = 1, .error = EPROTONOSUPPORT};
	cr_expect(strstr(answer(), "\\u0001\",\"last_refusal_code\":\"verification\"}\n"));
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
	cr_expect_eq(status_socket(&conn), -1);
	cr_expect_eq(errno, EMFILE);
}
