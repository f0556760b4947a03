// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "dbus.h"
#include "variables.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static char taken[512];

/* What is set, each variable with a blank in front; taken: what is taken away before. */
static const char *of_kind(enum endpoint_kind kind, const char *listener)
{
	static char text[512];
	char *written = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&written, &size);
	const char *errstr = NULL;
	struct address at;
	unsigned n = 0;

	cr_assert(out);
	errstr = address_parse(listener, 0, &at);
	cr_assert_null(errstr, "%s", errstr);
	n = variables_of_kind(out, kind, &at);
	cr_assert_eq(fclose(out), 0);
	text[0] = taken[0] = '\0';
	for (const char *p = written; p < written + size; p += strlen(p) + 1) {
		cr_expect(text[0] == '\0' || strchr(p, '='), "%s is taken away too late", p);
		strcat(strcat(strchr(p, '=') ? text : taken, " "), p);
		n -= strchr(p, '=') != NULL;
	}
	cr_expect_eq(n, 0);
	free(written);
	return text;
}

Test(variables, of_each_kind)
{
	static const struct {
		enum endpoint_kind kind;
		const char *tcp, *path;
	} table[] = {
	    {ENDPOINT_OTHER, "", ""},
	    {ENDPOINT_CONFD, " CONFD_IPC_ADDR=127.0.0.1 CONFD_IPC_PORT=4565", ""},
	    {ENDPOINT_NSO, " NCS_IPC_ADDR=127.0.0.1 NCS_IPC_PORT=4565", " NCS_IPC_PATH=/d/s.sock"},
	    {ENDPOINT_DBUS,
	     " DBUS_SYSTEM_BUS_ADDRESS=tcp:host=127.0.0.1,port=4565"
	     " DBUS_SESSION_BUS_ADDRESS=tcp:host=127.0.0.1,port=4565",
	     " DBUS_SYSTEM_BUS_ADDRESS=unix:path=/d/s.sock"
	     " DBUS_SESSION_BUS_ADDRESS=unix:path=/d/s.sock"},
	    {ENDPOINT_DOCKER, " DOCKER_HOST=tcp://127.0.0.1:4565", " DOCKER_HOST=unix:///d/s.sock"},
	    {ENDPOINT_POSTGRES, " PGHOST=127.0.0.1 PGPORT=4565", ""},
	};

	for (size_t i = 0; i < COUNT(table); i++) {
		cr_expect_str_eq(of_kind(table[i].kind, "127.0.0.1:4565"), table[i].tcp);
		cr_expect_str_eq(of_kind(table[i].kind, "/d/s.sock"), table[i].path);
	}
	cr_expect_str_eq(of_kind(ENDPOINT_POSTGRES, "/d e/.s.PGSQL.5433"),
			 " PGPORT=5433 PGHOST=/d e");
	cr_expect_str_eq(taken, " PGPORT PGHOST PGHOST PGPORT PGHOSTADDR");
	cr_expect_str_eq(of_kind(ENDPOINT_CONFD, "/d/s.sock"), "");
	cr_expect_str_eq(taken, " CONFD_IPC_ADDR CONFD_IPC_PORT");
	cr_expect_str_eq(of_kind(ENDPOINT_NSO, "@abstract"), "");
	cr_expect_str_eq(taken, " NCS_IPC_PATH NCS_IPC_ADDR NCS_IPC_PORT");
	cr_expect_str_eq(of_kind(ENDPOINT_DBUS, "@a,b"),
			 " DBUS_SYSTEM_BUS_ADDRESS=unix:abstract=a%2cb"
			 " DBUS_SESSION_BUS_ADDRESS=unix:abstract=a%2cb");
}

Test(variables, templates)
{
	static const struct {
		const char *listener, *assignment, *want; /* NULL: it has none */
	} table[] = {
	    {"127.0.0.1:1", "A=", "A="},
	    {"127.0.0.1:1", "A={addr}|{host}|{port}", "A=127.0.0.1:1|127.0.0.1|1"},
	    {"[::1]:1", "A={addr}|{host}|{port}|{dbus}", "A=[::1]:1|::1|1|tcp:host=::1,port=1"},
	    {"/d/s", "A=redis+unix://{path}?x={dir}", "A=redis+unix:///d/s?x=/d"},
	    {"/d/s", "A={addr}{{x}}{", "A=/d/s{{x}}{"},
	    {"/s", "A=<{dir}>", "A=<>"},
	    {"@s", "A={addr}", "A=@s"},
	    {"127.0.0.1:1", "A={path}", NULL},
	    {"127.0.0.1:1", "A={dir}", NULL},
	    {"/d/s", "A={host}", NULL},
	    {"/d/s", "A={port}{addr}", NULL},
	    {"@s", "A={path}", NULL},
	};

	for (size_t i = 0; i < COUNT(table); i++) {
		struct address at;
		char *text = NULL;

		cr_assert_null(address_parse(table[i].listener, 0, &at));
		cr_expect_null(variables_check(table[i].assignment));
		text = variables_expand(table[i].assignment, &at);
		if (table[i].want)
			cr_expect_str_eq(text, table[i].want);
		else
			cr_expect_null(text, "%s", table[i].assignment);
		free(text);
	}
}

Test(variables, which_listener)
{
	const char *const host[] = {"A={path}", "B={host}"}, *const port[] = {"A={port}"};

	cr_expect(variables_want_tcp(ENDPOINT_CONFD, NULL, 0));
	cr_expect(!variables_want_tcp(ENDPOINT_NSO, host, 1));
	cr_expect(variables_want_tcp(ENDPOINT_OTHER, host, 2));
	cr_expect(variables_want_tcp(ENDPOINT_OTHER, port, 1));
	cr_expect(!variables_want_tcp(ENDPOINT_POSTGRES, port, 1));
}

Test(dbus, unixexec)
{
	static char words[][24] = {"sshipc-client", "-i", "/k ey", "--print-dbus-address", "u@h:1"};
	char *argv[] = {words[0], words[1], words[2], words[3], words[4], NULL};
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	const char *tail = NULL;

	cr_assert(out);
	cr_assert_eq(dbus_unixexec(out, argv), 0);
	cr_assert_eq(fclose(out), 0);
	cr_expect_eq(strncmp(text, "unixexec:path=/", 15), 0, "%s", text);
	tail = strchr(text, ',');
	cr_expect_str_eq(tail, ",argv1=--stdio,argv2=-i,argv3=/k%20ey,argv4=u%40h%3a1\n");
	free(text);
}
