// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "explain.h"

#define KEY(digit)                                                                                 \
	"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA00000000000000000000000000000000000000000" digit
#define K1   KEY("1")
#define K2   KEY("2")
#define K3   KEY("3")
#define NONE KEY("9")

static char dir[] = "/tmp/sshipc-explain-XXXXXX";
static char list_path[64], key_path[64], captured[64];
static char out[16384]; /* what was printed last */
static struct endpoint endpoints[2];
static struct allowlist *list;

static void write_file(const char *path, const char *content)
{
	FILE *f = fopen(path, "w");

	cr_assert(f);
	fputs(content, f);
	cr_assert_eq(fclose(f), 0);
	cr_assert_eq(chmod(path, 0600), 0);
}

static void on_fault(void *arg, const char *fault)
{
	cr_assert_fail("%s", fault);
}

static char ann[] = "ann", *const users[] = {ann};
static const struct allow_names names = {endpoints, 2, NULL, users, 1, false};

static void set_up(void)
{
	setenv("TZ", "UTC0", 1);
	tzset();
	cr_assert(mkdtemp(dir));
	snprintf(list_path, sizeof(list_path), "%s/list", dir);
	snprintf(key_path, sizeof(key_path), "%s/key", dir);
	snprintf(captured, sizeof(captured), "%s/out", dir);
	cr_assert_null(endpoint_parse("confd=127.0.0.1:4565", &endpoints[0]));
	cr_assert_null(endpoint_parse("nso=/run/nso.sock", &endpoints[1]));
	endpoints[0].idle_timeout = 60;
	write_file(
	    list_path,
	    "# one with everything\n"
	    "endpoint=\"confd\",from=\"10.0.0.0/8,!10.9.0.0/16\",expiry-time=\"20270101Z\","
	    "valid=\"Mon-Fri 08:00-17:00Z\",max-sessions=2,replace-old,max-channels=7,"
	    "max-lifetime=86400,idle-timeout=600,source=\"127.0.0.3\" " K1 " blade1\n"
	    "endpoint=\"nso\",connect-as=\"ann\" " K2 " blade2\n"
	    "endpoint=\"confd\",expiry-time=\"20270101Z\",command=\"id\",permitlisten=\"1\" " K3
	    " blade3\n");
	list = allowlist_load(list_path, &names, on_fault, NULL);
	cr_assert(list);
}

static void tear_down(void)
{
	allowlist_free(list);
	unlink(list_path);
	unlink(key_path);
	unlink(captured);
	cr_expect_eq(rmdir(dir), 0, "a file was left behind");
}

TestSuite(explain, .init = set_up, .fini = tear_down);

/* Runs with stdout and stderr in out. */
static int answer(const struct explain *q)
{
	int saved[2] = {dup(STDOUT_FILENO), dup(STDERR_FILENO)}, code = 0;
	int to = open(captured, O_RDWR | O_CREAT | O_TRUNC, 0600);
	ssize_t n = 0;

	cr_assert(to >= 0);
	fflush(NULL);
	dup2(to, STDOUT_FILENO);
	dup2(to, STDERR_FILENO);
	if (q)
		code = explain_answer(q, "LIST", list);
	else
		explain_access(list);
	fflush(NULL);
	dup2(saved[0], STDOUT_FILENO);
	dup2(saved[1], STDERR_FILENO);
	close(saved[0]);
	close(saved[1]);
	n = pread(to, out, sizeof(out) - 1, 0);
	cr_assert(n >= 0);
	out[n] = '\0';
	close(to);
	return code;
}

typedef const char *take(void *explain, const char *value);

static void set(struct explain *q, take *take_it, const char *value)
{
	if (value)
		cr_assert_null(take_it(q, value), "%s", value);
}

static void set_key(struct explain *q, const char *path)
{
	free(q->key);
	q->key = strdup(path);
}

static int ask(const char *key, const char *from, const char *at, const char *dest)
{
	struct explain q = {.wanted = true};
	int code = 0;

	write_file(key_path, key);
	set_key(&q, key_path);
	set(&q, explain_set_from, from);
	set(&q, explain_set_at, at);
	set(&q, explain_set_dest, dest);
	cr_assert_null(explain_check(&q));
	code = answer(&q);
	explain_free(&q);
	return code;
}

/* 2026-11-16 is a Monday.  fails: the conditions that do not hold, by their first letters, k(ey)
 * c(hannel) e(ndpoint) f(rom) x (expiry-time) v(alid) d(estination). */
static const struct {
	const char *key, *from, *at, *dest;
	int code;
	const char *first, *fails, *last;
} table[] = {
    {K1, "10.1.1.1", "2026-11-16 08:00Z", NULL, 0, "LIST:2: blade1", "", "granted"},
    {K1, "10.1.1.1", "2026-11-16 08:00", ".", 0, "LIST:2: blade1", "", "granted"},
    {K1, "::ffff:10.1.1.1", "2026-11-16 08:00", "confd", 0, "LIST:2: blade1", "", "granted"},
    {K1, "10.1.1.1", "2026-11-16 08:00", "127.0.0.1:4565", 0, "LIST:2: blade1", "", "granted"},
    {K1, "10.1.1.1", "2026-11-16 08:00", "localhost:4565", 0, "LIST:2: blade1", "", "granted"},
    {K1, "10.1.1.1", "2026-11-16 08:00", "[::ffff:127.0.0.1]:4565", 0, "LIST:2: blade1", "",
     "granted"},
    {K1, "10.1.1.1", "2026-11-16 08:00", ".status", 0, "LIST:2: blade1", "",
     "granted: the status answer"},
    {K1, "10.1.1.1", "2026-11-16 08:00", "127.0.0.1:4566", 77, "LIST:2: blade1", "d",
     "login granted, channel refused: the destination is not this key's endpoint; ask"},
    {K1, "10.1.1.1", "2026-11-16 08:00", "127.0.0.1", 77, "LIST:2: blade1", "d",
     "login granted, channel refused: the destination"},
    {K1, "10.1.1.1", "2026-11-16 08:00", "/run/nso.sock", 77, "LIST:2: blade1", "d",
     "login granted, channel refused: the destination"},
    {K1, "10.1.1.1", "2026-11-16 08:00", "nso", 77, "LIST:2: blade1", "d",
     "login granted, channel refused: the destination"},
    {K1, "10.9.1.1", "2026-11-16 08:00", NULL, 77, "LIST:2: blade1", "f",
     "refused at login: the key is not allowed from this address; add"},
    {K1, "::1", "2026-11-16 08:00", NULL, 77, "LIST:2: blade1", "f",
     "refused at login: the key is not allowed from this address; add"},
    {K1, "10.1.1.1", "2026-11-16 17:00", NULL, 77, "LIST:2: blade1", "v",
     "refused at login: the key is not valid at this time; wait"},
    {K1, "10.1.1.1", "2027-01-01 08:00", NULL, 77, "LIST:2: blade1", "x",
     "refused at login: the key has expired; put"},
    {K1, "11.1.1.1", "2027-01-02 08:00", "nso", 77, "LIST:2: blade1", "fxvd",
     "refused at login: the key is not allowed from this address; add"},
    {K2 " another comment", "::1", NULL, NULL, 0, "LIST:3: blade2", "", "granted"},
    {"\n# mine\n\nname=\"x\" " K2 "\n", "::1", NULL, "/run/nso.sock", 0, "LIST:3: blade2", "",
     "granted"},
    {K2, "::1", NULL, "/run/nso.sock2", 77, "LIST:3: blade2", "d",
     "login granted, channel refused: the destination"},
    {K2, "::1", NULL, "@x:y", 77, "LIST:3: blade2", "d", "login granted, channel refused: "},
    {K3, "192.0.2.1", "2026-12-31 23:59:59", NULL, 0, "LIST:4: blade3", "", "granted"},
    {K3, "192.0.2.1", "2027-01-01 00:00:00", NULL, 77, "LIST:4: blade3", "x",
     "refused at login: the key has expired; put"},
    {NONE, "10.1.1.1", NULL, NULL, 77, "LIST: no line for this key", "k",
     "refused at login: the key is not in the allow list; add"},
};

static char letter(const char *condition)
{
	return strncmp(condition, "expiry", 6) == 0 ? 'x' : *condition;
}

Test(explain, answers)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		char fails[16] = "";
		const char *line = out, *last = out;
		int code = ask(table[i].key, table[i].from, table[i].at, table[i].dest);

		cr_expect_eq(code, table[i].code, "row %zu: %d\n%s", i, code, out);
		cr_expect_eq(strncmp(out, table[i].first, strlen(table[i].first)), 0, "row %zu\n%s",
			     i, out);
		for (; *line; line += strcspn(line, "\n") + 1) {
			if (strncmp(line, "FAIL  ", 6) == 0)
				strncat(fails, (char[]){letter(line + 6), '\0'}, 1);
			last = line;
		}
		cr_expect_str_eq(fails, table[i].fails, "row %zu\n%s", i, out);
		cr_expect_eq(strncmp(last, table[i].last, strlen(table[i].last)), 0, "row %zu\n%s",
			     i, out);
	}
}

Test(explain, the_whole_answer)
{
	ask(K1, "10.1.1.1", "2026-11-16 08:00", "127.0.0.1:4566");
	cr_expect_str_eq(
	    out,
	    "LIST:2: blade1\n"
	    "pass  key          SHA256:yXFdQsOvR0Q0lQiKvd3YZATVlksS2c4xBZtHjP0elEc\n"
	    "pass  channel      direct-tcpip\n"
	    "pass  endpoint     confd, 127.0.0.1:4565, idle_timeout 60 s\n"
	    "pass  from         10.1.1.1, allowed: 10.0.0.0/8,!10.9.0.0/16\n"
	    "pass  expiry-time  Fri 2027-01-01 00:00:00 +0000\n"
	    "pass  valid        Mon 2026-11-16 08:00:00 +0000, allowed: Mon-Fri 08:00-17:00Z\n"
	    "FAIL  destination  127.0.0.1 port 4566\n"
	    "      not asked here: max-sessions=2 replace-old max-channels=7 max-lifetime=86400 "
	    "idle-timeout=600 source=\"127.0.0.3\"\n"
	    "login granted, channel refused: the destination is not this key's endpoint; ask for "
	    "the endpoint's name or address, or add the destination to its accept list\n");
	ask(K2, "::1", "2026-11-16 08:00", "/\x1b");
	cr_expect(strstr(out, "pass  channel      direct-streamlocal\n"), "%s", out);
	cr_expect(strstr(out, "allowed: any\n") && strstr(out, "allowed: always\n"), "%s", out);
	cr_expect(strstr(out, "pass  expiry-time  never\n"), "%s", out);
	cr_expect(strstr(out, "FAIL  destination  /\\x1b\n"), "%s", out);
	cr_expect_null(strstr(out, "not asked here"), "%s", out);
}

Test(explain, key_files)
{
	static const struct {
		const char *content, *because;
	} bad[] = {
	    {"", "/key: there is no key; expected one public key line"},
	    {"# nothing\n\n", "/key: there is no key; expected"},
	    {K1 "\n" K2 "\n", "/key: there is more than one key; expected"},
	    {K1 "\n" K1 "\n", "/key: there is more than one key; expected"},
	    {K1 "\ngarbage\n", "as a whole: [OPTIONS] TYPE KEY [NAME]; expected"},
	    {"-----BEGIN OPENSSH PRIVATE KEY-----\n", "/key: a private key: take it out"},
	    {"---- BEGIN SSH2 PUBLIC KEY ----\n", "ssh-keygen -i -f FILE; expected"},
	};
	struct explain q = {.wanted = true};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		cr_expect_eq(ask(bad[i].content, "::1", NULL, NULL), 78, "%s", bad[i].content);
		cr_expect(strstr(out, bad[i].because), "%s: %s", bad[i].content, out);
		cr_expect_eq(strchr(out, '\n'), out + strlen(out) - 1, "more than one: %s", out);
	}
	unlink(key_path);
	set_key(&q, key_path);
	cr_expect_eq(answer(&q), 78);
	cr_expect(strstr(out, "/key: No such file or directory\n"), "%s", out);
	explain_free(&q);
	set_key(&q, dir);
	cr_expect_eq(answer(&q), 78);
	cr_expect(strstr(out, ": Is a directory\n"), "%s", out);
	explain_free(&q);
}

Test(explain, values)
{
	static const struct {
		take *set;
		const char *value, *because;
	} bad[] = {
	    {explain_set_from, "x", "expected an IP address"},
	    {explain_set_from, "10.0.0.0/8", "expected an IP address"},
	    {explain_set_from, "10.0.0.1:22", "expected an IP address"},
	    {explain_set_from, "host.example", "expected an IP address"},
	    {explain_set_from, "localhost", "expected an IP address"},
	    {explain_set_at, "noon", "expected YYYY-MM-DD"},
	    {explain_set_at, "2026-02-30 12:00", "there is no such date"},
	    {explain_set_dest, "confd:", "the port"},
	    {explain_set_dest, "confd:x", "the port"},
	    {explain_set_dest, "confd:65536", "the port"},
	    {explain_set_dest, "::1:22", "expected HOST:PORT"},
	    {explain_set_dest, "::1", "expected HOST:PORT"},
	    {explain_set_dest, ":1", "expected HOST:PORT"},
	};
	struct explain q = {.wanted = true};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const char *why = bad[i].set(&q, bad[i].value);

		cr_expect(why && strstr(why, bad[i].because), "%s: %s", bad[i].value, why);
	}
	explain_free(&q);
	q.wanted = true;
	cr_expect_str_eq(explain_check(&q), "--explain needs --key FILE and --from ADDRESS");
	set_key(&q, "a");
	set(&q, explain_set_from, "::1");
	cr_expect_null(explain_check(&q));
	q.wanted = false;
	cr_expect_str_eq(explain_check(&q), "--key, --from, --at and --dest belong to --explain");
	explain_free(&q);
	cr_expect_null(explain_check(&q));
}

Test(explain, access)
{
	answer(NULL);
	cr_expect(
	    strstr(out,
		   "\n# 2\tblade1\tSHA256:yXFdQsOvR0Q0lQiKvd3YZATVlksS2c4xBZtHjP0elEc\t"
		   "confd\t127.0.0.1:4565\tfrom=\"10.0.0.0/8,!10.9.0.0/16\"\t"
		   "expiry-time=\"Fri 2027-01-01 00:00:00 +0000\"\t"
		   "valid=\"Mon-Fri 08:00-17:00Z\"\tmax-sessions=2\treplace-old\t"
		   "max-channels=7\tmax-lifetime=86400\tidle-timeout=600\tsource=\"127.0.0.3\"\n"),
	    "%s", out);
	cr_expect(strstr(out, "\tnso\t/run/nso.sock\tconnect-as=\"ann\"\n# 4\tblade3\t"), "%s",
		  out);
	cr_expect(strstr(out, " +0000\"\tno effect: command, permitlisten\n"), "%s", out);
	allowlist_free(list);
	write_file(list_path, "");
	list = allowlist_load(list_path, &names, on_fault, NULL);
	answer(NULL);
	cr_expect(strstr(out, "# the allow list is empty: every login is refused\n"), "%s", out);
}
