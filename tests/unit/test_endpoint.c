// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "endpoint.h"

#define N32 "a2345678901234567890123456789012"
#define P107                                                                                       \
	"/234567890123456789012345678901234567890123456789012345678901234567890123456789012345678" \
	"901234567890123456/"

Test(endpoint, names)
{
	static const char *const good[] = {"a", "Z", "confd", "a-b_c9", "blade7-", N32};
	static const char *const bad[] = {"",	 "9a",	  "-a",	 "_a",	     ".status",
					  ".",	 N32 "3", "a b", "a.b",	     "a:b",
					  "a/b", "a=b",	  "a\n", "\xc3\xa4", "a\xc3\xa4"};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		cr_expect_null(endpoint_check_name(good[i]), "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		cr_expect_not_null(endpoint_check_name(bad[i]), "%s", bad[i]);
}

Test(endpoint, kinds)
{
	static const char *const names[] = {"other", "confd", "nso", "dbus", "docker", "postgres"};
	enum endpoint_kind kind;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		cr_assert_eq(endpoint_kind_parse(names[i], &kind), 0);
		cr_expect_eq(kind, i);
		cr_expect_str_eq(endpoint_kinds[kind], names[i]);
	}
	cr_expect_eq(endpoint_kind_parse("ConfD", &kind), -1);
	cr_expect_eq(endpoint_kind_parse("", &kind), -1);
}

Test(endpoint, aliases)
{
	static const char *const good[] = {"localhost:4565",
					   "Node-1.example.org:1",
					   "10.0.0.1:65535",
					   "[::1]:22",
					   "[::ffff:1.2.3.4]:22",
					   "/run/x.sock",
					   P107,
					   "a_b:1"};
	static const char *const bad[] = {
	    "",	      "host",	      "host:",		"host:0",     "host:65536",	"host:x",
	    ":22",    "::1:22",	      "[host]:22",	"[::1]",      "[127.0.0.1]:22", "ho st:22",
	    "*:22",   "host:*",	      ".:22",		".status:22", "run/x.sock",	"@name",
	    P107 "x", "h\xc3\xa4:22", "host:22,host:23"};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		cr_expect_null(endpoint_check_alias(good[i]), "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		cr_expect_not_null(endpoint_check_alias(bad[i]), "%s", bad[i]);
}

Test(endpoint, parse)
{
	static const struct {
		const char *text, *name, *address; /* name NULL: refused */
		enum endpoint_kind kind;
	} table[] = {
	    {"confd=127.0.0.1:4565", "confd", "127.0.0.1:4565", ENDPOINT_CONFD},
	    {"Confd=127.0.0.1:4565", "Confd", "127.0.0.1:4565", ENDPOINT_OTHER},
	    {"dbus=/run/dbus/bus", "dbus", "/run/dbus/bus", ENDPOINT_DBUS},
	    {"nso=@nso", "nso", "@nso", ENDPOINT_NSO},
	    {"docker=/run/a=b", "docker", "/run/a=b", ENDPOINT_DOCKER},
	    {"postgres=[::1]:5432", "postgres", "[::1]:5432", ENDPOINT_POSTGRES},
	    {N32 "=localhost:1", N32, "127.0.0.1:1", ENDPOINT_OTHER},
	    {"bus:dbus=/run/user/1000/bus", "bus", "/run/user/1000/bus", ENDPOINT_DBUS},
	    {"confd:other=127.0.0.1:4565", "confd", "127.0.0.1:4565", ENDPOINT_OTHER},
	    {N32 ":postgres=[::1]:5432", N32, "[::1]:5432", ENDPOINT_POSTGRES},
	    {"bus:DBus=/run/bus", NULL, NULL, 0},
	    {"bus:=/run/bus", NULL, NULL, 0},
	    {":dbus=/run/bus", NULL, NULL, 0},
	    {"bus:dbus:dbus=/run/bus", NULL, NULL, 0},
	    {"bus:" N32 N32 "=/run/bus", NULL, NULL, 0},
	    {"db=/tmp/", NULL, NULL, 0},
	    {"db=/nowhere/", NULL, NULL, 0},
	    {"db=/tmp", NULL, NULL, 0}, /* it is there, and a folder */
	    {"db=/tmp/.", NULL, NULL, 0},
	    {"db=/", NULL, NULL, 0},
	    {"db=/nowhere", "db", "/nowhere", ENDPOINT_OTHER},
	    {"127.0.0.1:4565", "endpoint", "127.0.0.1:4565", ENDPOINT_OTHER},
	    {"[::1]:22", "endpoint", "[::1]:22", ENDPOINT_OTHER},
	    {"/run/a=b", "endpoint", "/run/a=b", ENDPOINT_OTHER},
	    {"@a=b", "endpoint", "@a=b", ENDPOINT_OTHER},
	    {"", NULL, NULL, 0},
	    {"=127.0.0.1:1", NULL, NULL, 0},
	    {N32 "3=127.0.0.1:1", NULL, NULL, 0},
	    {N32 N32 N32 "=127.0.0.1:1", NULL, NULL, 0},
	    {"9=127.0.0.1:1", NULL, NULL, 0},
	    {"a b=127.0.0.1:1", NULL, NULL, 0},
	    {"confd=", NULL, NULL, 0},
	    {"confd=example.org:1", NULL, NULL, 0},
	    {"confd=4565", NULL, NULL, 0},
	    {"confd=127.0.0.1:0", NULL, NULL, 0},
	    {"confd=*:1", NULL, NULL, 0},
	    {"confd=0.0.0.0:1", NULL, NULL, 0},
	    {"confd=run/x", NULL, NULL, 0},
	    {"a=b=127.0.0.1:1", NULL, NULL, 0},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct endpoint e;
		char buf[ADDRESS_TEXT];
		const char *why = endpoint_parse(table[i].text, &e);

		cr_expect_eq(!why, table[i].name != NULL, "%s", table[i].text);
		if (!table[i].name)
			continue;
		cr_expect_str_eq(e.name, table[i].name);
		cr_expect_str_eq(address_format(&e.address, buf, sizeof(buf)), table[i].address);
		cr_expect_eq(e.kind, table[i].kind);
		cr_expect_eq(e.n_accept, 0);
	}
}

Test(endpoint, free_twice)
{
	struct endpoint e = {.n_accept = 2, .accept = {strdup("a:1"), strdup("/b")}};

	endpoint_free(&e);
	endpoint_free(&e);
	cr_expect_eq(e.n_accept, 0);
}
