// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "spec.h"

#define COUNT(a)   (sizeof(a) / sizeof(*(a)))
#define P107	   "/23456789" PATH90 "12345678"
#define PATH90	   TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define TEN	   "0123456789"
#define FOUR(s)	   s s s s
#define SIXTEEN(s) FOUR(FOUR(s))
#define NAME32	   "n1234567890123456789012345678901"

static const struct {
	const char *text, *listen, *to;
	enum destination_kind kind;
} good[] = {
    {"4565", "127.0.0.1:4565", "default endpoint", DESTINATION_DEFAULT},
    {"0", "127.0.0.1:0", "default endpoint", DESTINATION_DEFAULT},
    {"127.0.0.1:4565", "127.0.0.1:4565", "default endpoint", DESTINATION_DEFAULT},
    {"127.8.9.10:1", "127.8.9.10:1", "default endpoint", DESTINATION_DEFAULT},
    {"[::1]:4565", "[::1]:4565", "default endpoint", DESTINATION_DEFAULT},
    {"localhost:4565", "127.0.0.1:4565", "default endpoint", DESTINATION_DEFAULT},
    {"4565:confd", "127.0.0.1:4565", "confd", DESTINATION_NAME},
    {"fd:a.b", "unknown", "default endpoint", DESTINATION_DEFAULT},
    {"fd:3:10.0.0.1:80", "unknown", "10.0.0.1:80", DESTINATION_TCP},
    {"[::1]:4565:confd", "[::1]:4565", "confd", DESTINATION_NAME},
    {"4565:" NAME32, "127.0.0.1:4565", NAME32, DESTINATION_NAME},
    {"4565:10.0.0.1:80", "127.0.0.1:4565", "10.0.0.1:80", DESTINATION_TCP},
    {"4565:db.example.org:65535", "127.0.0.1:4565", "db.example.org:65535", DESTINATION_TCP},
    {"127.0.0.1:4565:localhost:80", "127.0.0.1:4565", "localhost:80", DESTINATION_TCP},
    {"4565:[::1]:80", "127.0.0.1:4565", "[::1]:80", DESTINATION_TCP},
    {"[::1]:4565:[fd00::1]:80", "[::1]:4565", "[fd00::1]:80", DESTINATION_TCP},
    {"4565:/run/x.sock", "127.0.0.1:4565", "/run/x.sock", DESTINATION_UNIX},
    {"localhost:0:/run/a:b", "127.0.0.1:0", "/run/a:b", DESTINATION_UNIX},
    {"/run/a.sock", "/run/a.sock", "default endpoint", DESTINATION_DEFAULT},
    {"/run/a.sock:confd", "/run/a.sock", "confd", DESTINATION_NAME},
    {"/run/a.sock:127.0.0.1:80", "/run/a.sock", "127.0.0.1:80", DESTINATION_TCP},
    {"/run/a.sock:[::1]:80", "/run/a.sock", "[::1]:80", DESTINATION_TCP},
    {"/run/a.sock:/run/b.sock", "/run/a.sock", "/run/b.sock", DESTINATION_UNIX},
    {P107 ":" P107, P107, P107, DESTINATION_UNIX},
    {"/run/a\\:b\\,c\\\\d:confd", "/run/a:b,c\\x5cd", "confd", DESTINATION_NAME},
    {"/run/a\\::/run/b\\:c", "/run/a:", "/run/b:c", DESTINATION_UNIX},
    {"4565:/run/a\\:b:c\\,d\\\\", "127.0.0.1:4565", "/run/a:b:c,d\\x5c", DESTINATION_UNIX},
    {"@a\\:b", "@a:b", "default endpoint", DESTINATION_DEFAULT},
    {"~/a\\:b.sock", "/home/me/a:b.sock", "default endpoint", DESTINATION_DEFAULT},
    {"~/a.sock:/run/b.sock", "/home/me/a.sock", "/run/b.sock", DESTINATION_UNIX},
    {"@name", "@name", "default endpoint", DESTINATION_DEFAULT},
    {"@name:confd", "@name", "confd", DESTINATION_NAME},
};

Test(spec, forms)
{
	setenv("HOME", "/home/me", 1);
	for (size_t i = 0; i < COUNT(good); i++) {
		struct spec s;
		const char *err = spec_parse(good[i].text, false, &s);
		char buf[ADDRESS_TEXT];

		cr_expect_null(err, "\"%s\": %s", good[i].text, err);
		if (err)
			continue;
		cr_expect_str_eq(s.text, good[i].text);
		cr_expect_str_eq(address_format(&s.listen, buf, sizeof(buf)), good[i].listen);
		cr_expect_str_eq(destination_format(&s.to, buf, sizeof(buf)), good[i].to);
		cr_expect_eq(s.to.kind, good[i].kind, "\"%s\"", good[i].text);
		cr_expect(s.perm.mode == -1 && s.perm.uid == -1 && s.perm.gid == -1);
		spec_free(&s);
	}
}

static const struct {
	const char *text;
	int mode;
	int64_t uid, gid;
} permitted[] = {
    {"/a,mode=0660", 0660, -1, -1},
    {"/a:confd,mode=600", 0600, -1, -1},
    {"/a:/b,owner=root", -1, 0, -1},
    {"/a,group=root", -1, -1, 0},
    {"/a:h:1,group=70000", -1, -1, 70000},
    {"/a,owner=4294967294", -1, 4294967294, -1},
    {"/a,group=1,mode=0777,owner=2", 0777, 2, 1},
    {"/a,mode=0", 0, -1, -1},
    {"~/a,mode=0600", 0600, -1, -1},
    {"/a\\,mode=0600,mode=0660", 0660, -1, -1},
};

Test(spec, options)
{
	for (size_t i = 0; i < COUNT(permitted); i++) {
		struct spec s;
		const char *err = spec_parse(permitted[i].text, false, &s);

		cr_expect_null(err, "\"%s\": %s", permitted[i].text, err);
		if (err)
			continue;
		cr_expect_eq(s.perm.mode, permitted[i].mode, "\"%s\"", permitted[i].text);
		cr_expect_eq(s.perm.uid, permitted[i].uid, "\"%s\"", permitted[i].text);
		cr_expect_eq(s.perm.gid, permitted[i].gid, "\"%s\"", permitted[i].text);
		spec_free(&s);
	}
}

Test(spec, callers)
{
	struct spec s;
	const char *err = NULL;

	err = spec_parse("@a:confd,allow-uid=root,allow-gid=70000,allow-uid=4294967294", false, &s);

	cr_assert_null(err, "%s", err);
	cr_assert_eq(s.callers.n_uids, 2);
	cr_expect_eq(s.callers.uids[0], 0);
	cr_expect_eq(s.callers.uids[1], 4294967294);
	cr_assert_eq(s.callers.n_gids, 1);
	cr_expect_eq(s.callers.gids[0], 70000);
	spec_free(&s);
}

/* What the message must hold. */
static const struct {
	const char *text, *why;
} bad[] = {
    {"/run/a:b.sock", "a colon is written \\:"},
    {"~/a:b.sock,mode=0600", "a colon is written \\:"},
    {"unix:/run/x", "no scheme"},
    {"", "port"},
    {":", "port"},
    {":4565", "port"},
    {"fd:", "fd:NAME"},
    {"fd::confd", "fd:NAME"},
    {"fd:a:", "endpoint's name"},
    {"fd:a,mode=0600", "only a listener with a path"},
    {"confd", "expected a port"},
    {"confd:4565", "numeric address"},
    {"example.org:4565", "numeric address"},
    {"65536", "65535"},
    {"-1", "expected a port"},
    {"4565x", "expected a port"},
    {"127.0.0.1", "expected a port"},
    {"127.0.0.1:", "65535"},
    {"127.0.0.1:x", "65535"},
    {"127.0.0.1:-1", "65535"},
    {"::1:4565", "port"},
    {"[::1]", "expected a port"},
    {"[::1", "expected a port"},
    {"[::1]4565", "expected a port"},
    {"[127.0.0.1]:4565", "IPv6"},
    {"a/b.sock", "expected a port"},
    {"@", "name"},
    {P107 "x", "107 bytes"},
    {"4565:", "letter"},
    {"4565:.", "letter"},
    {"4565:.status", "letter"},
    {"4565:.:1", "dot"},
    {"4565:@name", "letter"},
    {"4565:127.0.0.1", "the address to listen on stands before the port"},
    {"4565:1abc", "letter"},
    {"4565:con fd", "letters, digits"},
    {"4565:" NAME32 "x", "32 characters"},
    {"4565:host:0", "1 to 65535"},
    {"4565:host:", "1 to 65535"},
    {"4565:host:65536", "1 to 65535"},
    {"4565:host:name", "1 to 65535"},
    {"4565::80", "HOST:PORT"},
    {"4565:::1:80", "HOST:PORT"},
    {"4565:[::1]", "HOST:PORT"},
    {"4565:[host]:80", "brackets"},
    {"4565:h:80:90", "brackets"},
    {"4565:" P107 "x", "107 bytes"},
    {"10.0.0.1:4565", "--unsafe-listen"},
    {"*:4565", "--unsafe-listen"},
    {"0.0.0.0:4565", "--unsafe-listen"},
    {"[::]:4565:confd", "--unsafe-listen"},
    {"[fd00::1]:4565", "--unsafe-listen"},
    {"[::ffff:10.0.0.1]:4565", "--unsafe-listen"},
    {"/a\\b", "in a path \\ stands before"},
    {"/a\\", "in a path \\ stands before"},
    {"/a:/b\\c", "in a path \\ stands before"},
    {"/a:/b\\", "in a path \\ stands before"},
    {"4565\\:confd", "the port is not a number"},
    {"4565:a\\:b", "the port is not a number"},
    {"~/", "folder"},
    {"/a/", "folder"},
    {"~me/a", "expected a port"},
    {"4565:~/b.sock", "write the path from / on"},
    {"/a:~me/b.sock", "write the path from / on"},
    {"4565,mode=0660", "path"},
    {"4565,allow-uid=0", "Unix socket"},
    {"@name,mode=0660", "path"},
    {"@name,owner=root", "path"},
    {"@name,group=root", "path"},
    {"/a,allow-uid=", "user"},
    {"/a,allow-uid=no-such-user", "user"},
    {"/a,allow-uid=-1", "user"},
    {"/a,allow-gid=no-such-group", "group"},
    {"/a,allow-gid=4294967295", "group"},
    {"/a" SIXTEEN(",allow-uid=1") ",allow-uid=2", "16 times"},
    {"/a,", "listener options are"},
    {"/a,mode", "listener options are"},
    {"/a,mode=0660,", "listener options are"},
    {"/a,color=1", "listener options are"},
    {"/a,mode=", "octal"},
    {"/a,mode=0668", "octal"},
    {"/a,mode=01777", "octal"},
    {"/a,mode=+660", "octal"},
    {"/a,mode= 660", "octal"},
    {"/a,mode=0660x", "octal"},
    {"/a,mode=0660,mode=0600", "twice"},
    {"/a,owner=", "user"},
    {"/a,owner=no-such-user", "user"},
    {"/a,owner=-1", "user"},
    {"/a,owner=4294967295", "user"},
    {"/a,group=", "group"},
    {"/a,group=no-such-group", "group"},
    {"/a,group=99999999999", "group"},
};

Test(spec, refusals)
{
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct spec s;
		const char *err = spec_parse(bad[i].text, false, &s);

		cr_expect_not_null(err, "\"%s\" was taken", bad[i].text);
		cr_expect(err && strstr(err, bad[i].why), "\"%s\" gave: %s", bad[i].text, err);
		cr_expect_null(s.text);
	}
}

Test(spec, twin_of_localhost)
{
	static const struct {
		const char *text, *twin; /* NULL: none */
	} table[] = {
	    {"localhost:4565", "[::1]:4565"},
	    {"LocalHost:0:confd", "[::1]:0"},
	    {"127.0.0.1:4565", NULL},
	    {"[::1]:4565", NULL},
	    {"4565", NULL},
	    {"4565:localhost:80", NULL},
	    {"/localhost:confd", NULL},
	};

	for (size_t i = 0; i < COUNT(table); i++) {
		struct spec s, twin;
		const char *err = NULL;
		char buf[ADDRESS_TEXT];

		err = spec_parse(table[i].text, false, &s);

		cr_assert_null(err, "%s", err);
		cr_expect_eq(s.is_localhost, table[i].twin != NULL, "%s", table[i].text);
		cr_expect(!s.is_twin && !spec_is_left_out(&s));
		if (s.is_localhost) {
			spec_make_twin(&s, &twin);
			cr_expect_str_eq(address_format(&twin.listen, buf, sizeof(buf)),
					 table[i].twin);
			cr_expect(twin.is_twin && !twin.is_localhost && twin.to.kind == s.to.kind);
			cr_expect_str_eq(twin.text, s.text);
			cr_expect_eq(spec_is_left_out(&twin), !address_is_here(&twin.listen));
			spec_free(&twin);
		}
		spec_free(&s);
	}
}

/* Where a short form leads at a server that is not ours. */
Test(spec, default_elsewhere)
{
	static const struct {
		const char *text, *host;
		uint16_t port;
	} table[] = {{"4565", "127.0.0.1", 4565},
		     {"127.0.0.2:1", "127.0.0.2", 1},
		     {"[::1]:2", "::1", 2},
		     {"0", "", 0},
		     {"*:4565", "", 4565},
		     {"/a", "", 0},
		     {"@a", "", 0},
		     {"fd:a", "", 0}};

	for (size_t i = 0; i < COUNT(table); i++) {
		struct spec s;
		const char *err = NULL;

		err = spec_parse(table[i].text, true, &s);

		cr_assert_null(err, "%s", err);
		cr_expect_eq(s.to.kind, DESTINATION_DEFAULT);
		cr_expect_str_eq(s.to.host, table[i].host);
		cr_expect_eq(s.to.port, table[i].port, "%s: %u", table[i].text, s.to.port);
		spec_free(&s);
	}
}

Test(spec, unsafe_listen)
{
	static const char *const texts[][2] = {{"*:4565", "[::]:4565"},
					       {"10.0.0.1:1:confd", "10.0.0.1:1"},
					       {"[fd00::1]:0:h:1", "[fd00::1]:0"}};

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct spec s;
		const char *err = NULL;
		char buf[ADDRESS_TEXT];

		err = spec_parse(texts[i][0], true, &s);

		cr_assert_null(err, "%s", err);
		cr_expect_str_eq(address_format(&s.listen, buf, sizeof(buf)), texts[i][1]);
		spec_free(&s);
	}
}
