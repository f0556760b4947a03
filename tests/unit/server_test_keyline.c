// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keyline.h"
#include "keys.h"

#define N32   "a2345678901234567890123456789012"
#define N63   "123456789012345678901234567890123456789012345678901234567890123"
#define N252  N63 N63 N63 N63
#define N2016 N252 N252 N252 N252 N252 N252 N252 N252
#define P4    "permitopen=\"a:1\",permitopen=\"b:1\",permitopen=\"c:1\",permitopen=\"d:1\""

static const struct {
	const char *line, *name, *endpoint, *type;
	size_t n_permitopen;
} good[] = {
    {KEY_ED, "SHA256:dOpLhuOXC", "", "ssh-ed25519", 0},
    {KEY_ED " ", "SHA256:dOpLhuOXC", "", "ssh-ed25519", 0},
    {KEY_ED " me@host", "me@host", "", "ssh-ed25519", 0},
    {KEY_ED " me@host  and more", "me@host", "", "ssh-ed25519", 0},
    {KEY_ED "\tme", "me", "", "ssh-ed25519", 0},
    {" \t" KEY_ED "  me ", "me", "", "ssh-ed25519", 0},
    {"ssh-ed25519 \t " BLOB_ED " me", "me", "", "ssh-ed25519", 0},
    {KEY_ED " m\xc3\xbcller", "m??ller", "", "ssh-ed25519", 0},
    {KEY_ED " a\"b\\c", "a?b?c", "", "ssh-ed25519", 0},
    {KEY_ED " " N63 "4", N63, "", "ssh-ed25519", 0},
    {KEY_ED " # not a comment", "#", "", "ssh-ed25519", 0},
    {KEY_ED " my ssh-ed25519 key", "my", "", "ssh-ed25519", 0},
    {KEY_ED " me AAAA", "me", "", "ssh-ed25519", 0},
    {KEY_P256 " me", "me", "", "ecdsa-sha2-nistp256", 0},
    {KEY_P384 " me", "me", "", "ecdsa-sha2-nistp384", 0},
    {KEY_P521 " me", "me", "", "ecdsa-sha2-nistp521", 0},
    {KEY_RSA2048 " me", "me", "", "ssh-rsa", 0},
    {KEY_SK_ED " me", "me", "", "sk-ssh-ed25519@openssh.com", 0},
    {KEY_SK_P256 " me", "me", "", "sk-ecdsa-sha2-nistp256@openssh.com", 0},
    {"restrict " KEY_ED " me", "me", "", "ssh-ed25519", 0},
    {"ReStRiCt,PORT-forwarding " KEY_ED " me", "me", "", "ssh-ed25519", 0},
    {"no-pty,no-user-rc,no-agent-forwarding,no-X11-forwarding \t" KEY_ED " me", "me", "",
     "ssh-ed25519", 0},
    {"endpoint=\"confd\" " KEY_ED " me", "me", "confd", "ssh-ed25519", 0},
    {"Endpoint=\"" N32 "\" " KEY_ED " me", "me", N32, "ssh-ed25519", 0},
    {"name=\"blade7\" " KEY_ED " me", "blade7", "", "ssh-ed25519", 0},
    {"name=\"" N63 "\" " KEY_ED, N63, "", "ssh-ed25519", 0},
    {"name=\"a,b=#\" " KEY_ED " me", "a,b=#", "", "ssh-ed25519", 0},
    {"permitopen=\"127.0.0.1:4565\" " KEY_ED " me", "me", "", "ssh-ed25519", 1},
    {"permitopen=\"[::1]:*\",permitopen=\"localhost:*\" " KEY_ED " me", "me", "", "ssh-ed25519", 2},
    {"permitopen=\"" N63 N63 N63 N63 ":1\" " KEY_ED " me", "me", "", "ssh-ed25519", 1},
    {P4 "," P4 "," P4 "," P4 " " KEY_ED " me", "me", "", "ssh-ed25519", 16},
    {"restrict,port-forwarding,permitopen=\"h:1\",endpoint=\"nso\",name=\"n\" " KEY_RSA2048 " c",
     "n", "nso", "ssh-rsa", 1},
};

Test(keyline, good)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct keyline k;
		const char *why = NULL;

		cr_expect_eq(keyline_parse(good[i].line, strlen(good[i].line), &k, &why), 1,
			     "%s: %s", good[i].line, why);
		cr_expect_str_eq(k.name, good[i].name);
		cr_expect_str_eq(k.endpoint, good[i].endpoint);
		cr_expect_str_eq(k.type->name, good[i].type);
		cr_expect_eq(k.n_permitopen, good[i].n_permitopen);
		keyline_free(&k);
		keyline_free(&k);
	}
}

Test(keyline, entry_holds_the_key)
{
	const char *line = "permitopen=\"127.0.0.1:4565\",endpoint=\"e\" " KEY_ED " me";
	uint8_t blob[64], digest[KEYLINE_DIGEST];
	struct keyline k;
	const char *why = NULL;
	long n = keyline_base64(BLOB_ED, strlen(BLOB_ED), blob, sizeof(blob));

	cr_assert_eq(keyline_parse(line, strlen(line), &k, &why), 1);
	keyline_digest(blob, (size_t)n, digest);
	cr_expect_str_eq(k.permitopen[0], "127.0.0.1:4565");
	cr_expect_str_eq(k.fingerprint, FP_ED);
	cr_assert_eq(k.blob_len, (size_t)n);
	cr_expect_eq(memcmp(k.blob, blob, (size_t)n), 0);
	cr_expect_eq(memcmp(k.digest, digest, sizeof(digest)), 0);
	keyline_free(&k);
}

/* What the conditions become; "" and 0: as if it were not there. */
static const struct {
	const char *options, *from, *valid;
	time_t expires;
	uint16_t max_sessions, max_channels;
	bool replace_old;
	const char *source;
} conditions[] = {
    {"restrict", "", "", 0, 0, 0, false, "unknown"},
    {"from=\"10.0.0.0/8,!10.9.0.0/16,::1\"", "10.0.0.0/8,!10.9.0.0/16,::1", "", 0, 0, 0, false,
     "unknown"},
    {"FROM=\"::ffff:10.0.0.1\"", "::ffff:10.0.0.1", "", 0, 0, 0, false, "unknown"},
    {"expiry-time=\"20300101Z\"", "", "", 1893456000, 0, 0, false, "unknown"},
    {"Expiry-Time=\"20300101120000Z\"", "", "", 1893456000 + 12 * 3600, 0, 0, false, "unknown"},
    {"valid=\"Mon-Fri 08:00-17:00;Sat 22:00-06:00Z\"", "", "Mon-Fri 08:00-17:00;Sat 22:00-06:00Z",
     0, 0, 0, false, "unknown"},
    {"max-sessions=1", "", "", 0, 1, 0, false, "unknown"},
    {"max-sessions=\"65535\"", "", "", 0, 65535, 0, false, "unknown"},
    {"max-sessions=2,replace-old", "", "", 0, 2, 0, true, "unknown"},
    {"replace-old,max-sessions=\"2\"", "", "", 0, 2, 0, true, "unknown"},
    {"max-channels=65535", "", "", 0, 0, 65535, false, "unknown"},
    {"max-channels=\"7\"", "", "", 0, 0, 7, false, "unknown"},
    {"source=\"127.77.3.9\"", "", "", 0, 0, 0, false, "127.77.3.9"},
    {"source=\"127.0.0.1\"", "", "", 0, 0, 0, false, "127.0.0.1"},
    {"restrict,from=\"::/0\",expiry-time=\"20300101Z\",valid=\"Sun 00:00-24:00\","
     "max-sessions=3,replace-old,max-channels=4,source=\"127.0.0.9\",port-forwarding",
     "::/0", "Sun 00:00-24:00", 1893456000, 3, 4, true, "127.0.0.9"},
};

Test(keyline, seconds)
{
	static const char line[] = "max-lifetime=99999999,Idle-Timeout=\"1\" " KEY_ED;
	const char *why = NULL;
	struct keyline k;

	cr_assert_eq(keyline_parse(line, strlen(line), &k, &why), 1, "%s", why);
	cr_expect_eq(k.max_lifetime, 99999999);
	cr_expect_eq(k.idle_timeout, 1);
	keyline_free(&k);
	cr_assert_eq(keyline_parse(KEY_ED, strlen(KEY_ED), &k, &why), 1, "%s", why);
	cr_expect(k.max_lifetime == 0 && k.idle_timeout == 0);
	keyline_free(&k);
}

Test(keyline, conditions)
{
	for (size_t i = 0; i < sizeof(conditions) / sizeof(*conditions); i++) {
		const char *why = NULL;
		char line[1024], source[ADDRESS_TEXT];
		const char *options = conditions[i].options;
		struct keyline k;

		snprintf(line, sizeof(line), "%s " KEY_ED " me", options);
		cr_assert_eq(keyline_parse(line, strlen(line), &k, &why), 1, "%s: %s", line, why);
		cr_expect_str_eq(k.from.text ? k.from.text : "", conditions[i].from, "%s", options);
		cr_expect_eq(k.from.n > 0, *conditions[i].from != '\0', "%s", options);
		cr_expect_str_eq(k.valid_text ? k.valid_text : "", conditions[i].valid, "%s",
				 options);
		cr_expect_eq(k.valid.n > 0, *conditions[i].valid != '\0', "%s", options);
		cr_expect_eq(k.expires, conditions[i].expires, "%s: %lld", options,
			     (long long)k.expires);
		cr_expect_eq(k.max_sessions, conditions[i].max_sessions, "%s", options);
		cr_expect_eq(k.max_channels, conditions[i].max_channels, "%s", options);
		cr_expect_eq(k.replace_old, conditions[i].replace_old, "%s", options);
		cr_expect_str_eq(address_format_host(&k.source, source, sizeof(source)),
				 conditions[i].source, "%s", options);
		cr_expect_str_eq(k.name, "me");
		keyline_free(&k);
		keyline_free(&k);
	}
}

/* What authorized_keys of the world have before a tunnel's key. */
Test(keyline, no_effect)
{
	static const struct {
		const char *options, *no_effect;
		bool verify_required;
	} table[] = {
	    {"restrict,port-forwarding", "", false},
	    {"command=\"/bin/false\",restrict", "command", false},
	    {"command=\"echo \\\"no\\\", go, away\"", "command", false},
	    {"permitlisten=\"8080\",permitlisten=\"localhost:22\"", "permitlisten", false},
	    {"permitlisten=\"1\",COMMAND=\"\",permitopen=\"h:1\"", "permitlisten, command", false},
	    {"verify-required", "", true},
	    {"restrict,Verify-Required,command=\"x\"", "command", true},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		const char *why = NULL;
		char line[1024];
		struct keyline k;

		snprintf(line, sizeof(line), "%s \t" KEY_SK_ED " me", table[i].options);
		cr_assert_eq(keyline_parse(line, strlen(line), &k, &why), 1, "%s: %s", line, why);
		cr_expect_str_eq(k.no_effect, table[i].no_effect);
		cr_expect_eq(k.verify_required, table[i].verify_required);
		cr_expect_str_eq(k.options, table[i].options);
		keyline_free(&k);
	}
}

/* As it is written: whether the server has such a user is its list's to know. */
Test(keyline, connect_as)
{
	static const char *const names[] = {"ann", "64001", "DOM\\Ann O.", "", "root"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const char *why = NULL;
		char line[1024];
		struct keyline k;

		snprintf(line, sizeof(line), "restrict,Connect-As=\"%s\" " KEY_ED, names[i]);
		cr_assert_eq(keyline_parse(line, strlen(line), &k, &why), 1, "%s: %s", line, why);
		cr_expect_str_eq(k.connect_as, names[i]);
		keyline_free(&k);
	}
}

#define DIFFER(option) "they differ in " option ": keep the line that is meant"
#define ONE(options)   "write one line: " options "ssh-ed25519 AAAA... me"

Test(keyline, merge)
{
	static const struct {
		const char *a, *b, *out;
	} table[] = {
	    {"", "", ONE("")},
	    {"", "restrict", ONE("restrict ")},
	    {"restrict", "", ONE("restrict ")},
	    {"permitopen=\"a:1\"", "permitopen=\"b:1\"",
	     ONE("permitopen=\"a:1\",permitopen=\"b:1\" ")},
	    {"permitopen=\"a:1\",permitopen=\"b:1\"", "permitopen=\"b:1\"",
	     ONE("permitopen=\"a:1\",permitopen=\"b:1\" ")},
	    {"command=\"a, \\\"b\",max-channels=1", "RESTRICT,Max-Channels=1,from=\"::1\"",
	     ONE("command=\"a, \\\"b\",max-channels=1,RESTRICT,from=\"::1\" ")},
	    {"from=\"::1\"", "from=\"::1,::2\"", DIFFER("from")},
	    {"connect-as=\"a\"", "connect-as=\"b\"", DIFFER("connect-as")},
	    {"max-sessions=2", "restrict,max-sessions=\"2\"", DIFFER("max-sessions")},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct keyline k[2];
		const char *why = NULL;
		char line[1024], out[768];

		for (int j = 0; j < 2; j++) {
			const char *options = j ? table[i].b : table[i].a;

			snprintf(line, sizeof(line), "%s%s" KEY_ED " me", options,
				 *options ? " " : "");
			cr_assert_eq(keyline_parse(line, strlen(line), &k[j], &why), 1, "%s: %s",
				     line, why);
		}
		keyline_merge(&k[0], &k[1], out, sizeof(out));
		cr_expect_str_eq(out, table[i].out);
		/* However little room there is. */
		for (size_t size = 1; size < 40; size++) {
			keyline_merge(&k[0], &k[1], out, size);
			cr_expect_lt(strlen(out), size);
		}
		keyline_free(&k[0]);
		keyline_free(&k[1]);
	}
}

Test(keyline, merge_of_long_ones)
{
	const char *why = NULL;
	char line[4096], out[768];
	struct keyline k[2];

	for (int i = 0; i < 2; i++) {
		snprintf(line, sizeof(line),
			 "permitopen=\"%c%s:1\",permitopen=\"%cb:2\" " KEY_ED " me", 'a' + i,
			 &(N63 N63 N63 N63)[1] /* at most 255 */, 'a' + i);
		cr_assert_eq(keyline_parse(line, strlen(line), &k[i], &why), 1, "%s", why);
	}
	keyline_merge(&k[0], &k[1], out, sizeof(out));
	cr_expect(strstr(out, "... ssh-ed25519 AAAA... me") && strstr(out, "permitopen=\"a2"), "%s",
		  out);
	keyline_free(&k[0]);
	keyline_free(&k[1]);
}

Test(keyline, no_entry)
{
	static const char *const lines[] = {"",		 " ",		"\t \t",   "#",
					    "# comment", "  # " KEY_ED, "#" KEY_ED};

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct keyline k;
		const char *why = NULL;

		cr_expect_eq(keyline_parse(lines[i], strlen(lines[i]), &k, &why), 0, "%s",
			     lines[i]);
		cr_expect_null(k.blob);
	}
}

static const struct {
	const char *line, *because;
} bad[] = {
    /* options */
    {"foo " KEY_ED, "unknown option \"foo\""},
    {"expiry=\"bar\" " KEY_ED, "unknown option \"expiry\" (did you mean expiry-time?)"},
    {"foo=\"bar\" " KEY_ED, "unknown option \"foo\""},
    {"restrictx " KEY_ED, "unknown option \"restrictx\" (did you mean restrict?)"},
    {"restric " KEY_ED, "unknown option \"restric\""},
    {"restrict,f\xc3\xbc " KEY_ED, "unknown option \"f\\xc3\\xbc\""},
    {"no-touch-required " KEY_SK_ED, "option no-touch-required relaxes"},
    {"no-touch-require " KEY_SK_ED, "unknown option"},
    {"verify-required " KEY_ED,
     "verify-required needs a security key (sk-...), and this is ssh-ed25519"},
    {"verify-required,restrict " KEY_RSA2048, "verify-required needs a security key"},
    {"verify-required,verify-required " KEY_SK_ED, "option verify-required is repeated"},
    {"verify-required=yes " KEY_SK_ED, "option verify-required takes no value"},
    {"2048 65537 123456789 me", "unknown option, and no key on the line; the line of a .pub file"},
    {"endpoint=\"a\" name=\"b\" " KEY_ED, "is not supported; a stray blank?"},
    {"SHA256:QzS1gS81yQddc60oO8UKnFqTZkKDQU6NU7WzTkM4NWo", "the line of a .pub file goes here"},
    {"-----BEGIN OPENSSH PRIVATE KEY-----", "unknown option"},
    {"restrict,restrict " KEY_ED, "option restrict is repeated"},
    {"restrict,no-pty,RESTRICT " KEY_ED, "option restrict is repeated"},
    {"endpoint=\"a\",endpoint=\"a\" " KEY_ED, "option endpoint is repeated"},
    {"name=\"a\",name=\"b\" " KEY_ED, "option name is repeated"},
    {",restrict " KEY_ED, "stray comma"},
    {"restrict, " KEY_ED, "stray comma"},
    {"restrict, no-pty " KEY_ED, "stray comma"},
    {"restrict,,no-pty " KEY_ED, "stray comma"},
    {"=\"a\" " KEY_ED, "missing its name"},
    {"\"a\" " KEY_ED, "missing its name"},
    {"restrict=\"yes\" " KEY_ED, "option restrict takes no value"},
    {"restrict\"x\" " KEY_ED, "expected a comma or a blank"},
    {"endpoint=\"a\"name=\"b\" " KEY_ED, "expected a comma or a blank"},
    {"endpoint=\"a\"" KEY_ED, "expected a comma or a blank"},
    {"endpoint " KEY_ED, "needs a value"},
    {"endpoint", "needs a value"},
    {"endpoint,restrict " KEY_ED, "needs a value"},
    {"endpoint=", "needs double quotes"},
    {"endpoint=confd " KEY_ED, "the value of endpoint needs double quotes: endpoint=\"...\""},
    {"name=\xe2\x80\x9c"
     "b8\xe2\x80\x9d " KEY_ED,
     "needs double quotes: name=\"...\""},
    {"endpoint='confd' " KEY_ED, "needs double quotes"},
    {"endpoint= \"confd\" " KEY_ED, "needs double quotes"},
    {"endpoint=\"confd " KEY_ED, "no closing quote"},
    {"endpoint=\"confd\\\" " KEY_ED, "no closing quote"},
    {"endpoint=\"\" " KEY_ED, "begins with a letter"},
    {"endpoint=\"9\" " KEY_ED, "begins with a letter"},
    {"endpoint=\"a b\" " KEY_ED, "only letters"},
    {"endpoint=\"a\\\"\" " KEY_ED, "only letters"},
    {"endpoint=\"" N32 "3\" " KEY_ED, "at most 32"},
    {"name=\"\" " KEY_ED, "printable"},
    {"name=\"a b\" " KEY_ED, "printable"},
    {"name=\"a\\\"b\" " KEY_ED, "printable"},
    {"name=\"a\\b\" " KEY_ED, "printable"},
    {"name=\"\xc3\xbc\" " KEY_ED, "printable"},
    {"name=\"" N63 "4\" " KEY_ED, "1 to 63"},
    {"name=\"" N63 N63 N63 N63 N63 N63 N63 N63 N63 "\" " KEY_ED, "1 to 63"},
    {"name=\"" N2016 "123456789012345678901234567890123\" " KEY_ED, "too long"},
    {"permitopen=\"\" " KEY_ED, "permitopen: expected HOST:PORT"},
    {"permitopen=\"4565\" " KEY_ED, "permitopen: expected HOST:PORT"},
    {"permitopen=\"h:\" " KEY_ED, "permitopen: the port"},
    {"permitopen=\"h:0\" " KEY_ED, "permitopen: the port"},
    {"permitopen=\"h:70000\" " KEY_ED, "permitopen: the port"},
    {"permitopen=\"h:1,h:2\" " KEY_ED, "permitopen: an IPv6 address"},
    {"permitopen=\"::1:22\" " KEY_ED, "permitopen:"},
    {"permitopen=h:1 " KEY_ED, "needs double quotes"},
    {P4 "," P4 "," P4 "," P4 ",permitopen=\"e:1\" " KEY_ED, "at most 16"},
    /* who, from where, when, how many: one row for what each value's own tests have more of */
    {"from " KEY_ED, "option from needs a value: from=\"...\""},
    {"from=10.0.0.0/8 " KEY_ED, "the value of from needs double quotes"},
    {"from=\"\" " KEY_ED, "from: \"\": expected an IP address"},
    {"from=\"10.0.0.1/8\" " KEY_ED, "from: \"10.0.0.1/8\": bits are set"},
    {"from=\"!10.0.0.1\" " KEY_ED, "from: every item is negated"},
    {"from=\"*.example.com\" " KEY_ED,
     "from: \"*.example.com\": expected an IP address or ADDRESS/BITS; host names"},
    {"from=\"10.0.0.1,blade7.example.com\" " KEY_ED,
     "from: \"blade7.example.com\": expected an IP address or ADDRESS/BITS; host names"},
    {"from=\"192.168.*\" " KEY_ED, "in place of a pattern (192.168.0.0/16 for 192.168.*)"},
    {"from=\"192.168.1.?\" " KEY_ED, "in place of a pattern"},
    {"from=\"\x80\" " KEY_ED, "from: \"\\x80\": expected"},
    {"from=\"::1\",from=\"::1\" " KEY_ED, "option from is repeated"},
    {"expiry-time=20300101 " KEY_ED, "the value of expiry-time needs double quotes"},
    {"expiry-time=\"\" " KEY_ED, "expiry-time: expected YYYYMMDD"},
    {"expiry-time=\"2030\" " KEY_ED, "expiry-time: expected YYYYMMDD"},
    {"expiry-time=\"20300230\" " KEY_ED, "expiry-time: there is no such date"},
    {"expiry-time=\"19600101\" " KEY_ED, "expiry-time: that is before 1970"},
    {"expiry-time=\"20300101\",expiry-time=\"20310101\" " KEY_ED, "expiry-time is repeated"},
    {"valid=\"\" " KEY_ED, "valid: expected DAYS"},
    {"valid=\"Mon 8:00-9:00\" " KEY_ED, "valid: expected a time"},
    {"valid=\"Mon 08:00-08:00\" " KEY_ED, "valid: a period"},
    {"valid=\"Mon 08:00-09:00Z;Tue 08:00-09:00Z\" " KEY_ED, "valid: Z stands once"},
    {"valid=Mon 08:00-09:00 " KEY_ED, "the value of valid needs double quotes"},
    {"valid=\"Mon 08:00-09:00\",valid=\"Tue 08:00-09:00\" " KEY_ED, "valid is repeated"},
    {"max-sessions " KEY_ED, "option max-sessions needs a value: max-sessions=N"},
    {"max-sessions= " KEY_ED, "max-sessions: expected a number from 1 to 65535"},
    {"max-sessions=\"\" " KEY_ED, "max-sessions: expected a number from 1 to 65535"},
    {"max-sessions=0 " KEY_ED, "max-sessions: expected a number from 1 to 65535"},
    {"max-sessions=65536 " KEY_ED, "max-sessions: expected a number from 1 to 65535"},
    {"max-sessions=4294967297 " KEY_ED, "max-sessions: expected a number from 1 to 65535"},
    {"max-sessions=-1 " KEY_ED, "max-sessions: expected a number from 1 to 65535"},
    {"max-sessions=1x " KEY_ED, "max-sessions: expected a number from 1 to 65535"},
    {"max-sessions=\" 1\" " KEY_ED, "max-sessions: expected a number from 1 to 65535"},
    {"max-sessions=\"1 " KEY_ED, "the value of max-sessions has no closing quote"},
    {"max-sessions=1\"\" " KEY_ED, "expected a comma or a blank"},
    {"max-sessions=1=2 " KEY_ED, "max-sessions: expected a number from 1 to 65535"},
    {"max-sessions=1,max-sessions=2 " KEY_ED, "option max-sessions is repeated"},
    {"max-sessions=" N63 N63 " " KEY_ED, "max-sessions: expected a number from 1 to 65535"},
    {"max-channels " KEY_ED, "option max-channels needs a value: max-channels=N"},
    {"max-channels=0 " KEY_ED, "max-channels: expected a number from 1 to 65535"},
    {"max-channels=\"x\" " KEY_ED, "max-channels: expected a number from 1 to 65535"},
    {"max-channels=65536 " KEY_ED, "max-channels: expected a number from 1 to 65535"},
    {"max-channels=1,max-channels=1 " KEY_ED, "option max-channels is repeated"},
    {"max-lifetime=0 " KEY_ED, "max-lifetime: expected a number of seconds from 1 to 99999999"},
    {"max-lifetime=100000000 " KEY_ED, "max-lifetime: expected a number of seconds from 1 to "},
    {"max-lifetime=1d " KEY_ED, "max-lifetime: expected a number of seconds from 1 to 99999999"},
    {"idle-timeout=\"\" " KEY_ED, "idle-timeout: expected a number of seconds from 1 to 99999999"},
    {"idle-timeout=-1 " KEY_ED, "idle-timeout: expected a number of seconds from 1 to 99999999"},
    {"idle-timeout=1,idle-timeout=1 " KEY_ED, "option idle-timeout is repeated"},
    {"replace-old " KEY_ED, "replace-old has no meaning without max-sessions"},
    {"replace-old,max-channels=1 " KEY_ED, "replace-old has no meaning without max-sessions"},
    {"max-sessions=1,replace-old=yes " KEY_ED, "option replace-old takes no value"},
    {"max-sessions=1,replace-old,replace-old " KEY_ED, "option replace-old is repeated"},
    {"source=127.1.1.1 " KEY_ED, "the value of source needs double quotes"},
    {"source=\"\" " KEY_ED, "source: expected an address 127.x.y.z"},
    {"source=\"127.1\" " KEY_ED, "source: expected an address 127.x.y.z"},
    {"source=\"127.0.0.256\" " KEY_ED, "source: expected an address 127.x.y.z"},
    {"source=\"127.0.0.01\" " KEY_ED, "source: expected an address 127.x.y.z"},
    {"source=\"128.0.0.1\" " KEY_ED, "source: expected an address 127.x.y.z"},
    {"source=\"10.0.0.1\" " KEY_ED, "source: expected an address 127.x.y.z"},
    {"source=\"::1\" " KEY_ED, "source: expected an address 127.x.y.z"},
    {"source=\"::ffff:127.0.0.1\" " KEY_ED, "source: expected an address 127.x.y.z"},
    {"source=\"localhost\" " KEY_ED, "source: expected an address 127.x.y.z"},
    {"source=\"127.0.0.1:0\" " KEY_ED, "source: expected an address 127.x.y.z"},
    {"source=\"127.0.0.0/8\" " KEY_ED, "source: expected an address 127.x.y.z"},
    {"source=\"127.0.0.0\" " KEY_ED, "source: 127.0.0.0 is no host's address"},
    {"source=\"127.255.255.255\" " KEY_ED, "source: 127.255.255.255 is no host's address"},
    {"source=\"127.1.1.1\",source=\"127.1.1.2\" " KEY_ED, "option source is repeated"},
    {"restrict,CONNECT-AS=me " KEY_ED, "the value of connect-as needs double quotes"},
    {"connect-as " KEY_ED, "option connect-as needs a value"},
    {"connect-as=\"a\",connect-as=\"a\" " KEY_ED, "option connect-as is repeated"},
    /* what we cannot give */
    {"command " KEY_ED, "option command needs a value"},
    {"command=id " KEY_ED, "the value of command needs double quotes"},
    {"command=\"a\",command=\"b\" " KEY_ED, "option command is repeated"},
    {"permitlisten=1 " KEY_ED, "the value of permitlisten needs double quotes"},
    {"environment=\"A=b\" " KEY_ED, "option environment sets variables of a program"},
    {"tunnel=\"0\" " KEY_ED, "option tunnel is for tun devices"},
    {"pty " KEY_ED, "option pty asks"},
    {"user-rc " KEY_ED, "option user-rc asks"},
    {"agent-forwarding " KEY_ED, "option agent-forwarding asks"},
    {"X11-forwarding " KEY_ED, "option x11-forwarding asks"},
    {"cert-authority " KEY_ED, "option cert-authority is for certificates"},
    {"cert-authority,principals=\"a\" " KEY_ED, "option cert-authority is for certificates"},
    {"principals=\"a\" " KEY_ED, "option principals is for certificates"},
    {"no-port-forwarding " KEY_ED, "remove the line"},
    /* keys */
    {"restrict", "no key follows"},
    {"restrict ", "no key follows"},
    {"ssh-ed25519", "not base64"},
    {"ssh-ed25519 ", "not base64"},
    {"ssh-ed25519" BLOB_ED, "is not supported"},
    {"ssh-ed25519," BLOB_ED, "is not supported"},
    {"SSH-ED25519 " BLOB_ED, "unknown option \"SSH-ED25519\""},
    {"restrict SSH-ED25519 " BLOB_ED, "key type \"SSH-ED25519\" is not supported"},
    {"restrict restrict " KEY_ED, "key type \"restrict\" is not supported"},
    {"ssh-ed25519 " BLOB_ED "AAAA me", "something follows the key"},
    {"ssh-ed25519 AAAA me", "the key is malformed"},
    {"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 me", "wrong size for its type (is the line cut off"},
    {"ssh-ed25519 " BLOB_ED "= me", "not base64"},
    {"ssh-ed25519 x" BLOB_ED " me", "not base64"},
    {"ssh-ed25519 \"" BLOB_ED "\" me", "not base64"},
    {"ecdsa-sha2-nistp256 " BLOB_P384,
     "the line says ecdsa-sha2-nistp256, the key is ecdsa-sha2-nistp384"},
    {"ssh-rsa " BLOB_ED, "the line says ssh-rsa, the key is ssh-ed25519"},
    {"ssh-ed25519 " BLOB_RSA2048, "the line says ssh-ed25519, the key is ssh-rsa"},
    {"ssh-ed25519 " BLOB_SK_ED, "the key is sk-ssh-ed25519@openssh.com"},
    {"rsa-sha2-256 " BLOB_RSA2048, "unknown option \"rsa-sha2-256\""},
    {KEY_DSA " me", "key type \"ssh-dss\" is not supported"},
    {"ssh-ed25519 " BLOB_DSA, "the key's type is not supported"},
    {KEY_RSA1024 " me", "at least 2048 bits"},
    {KEY_RSA2047 " me", "at least 2048 bits"},
    {KEY_CERT " me", "certificates are not supported"},
    {"restrict " KEY_CERT " me", "certificates are not supported"},
    {"ssh-xmss@openssh.com AAAA", "is not supported"},
    /* a second key in the comment */
    {KEY_ED " " KEY_ED2, "second key"},
    {KEY_ED " me@host" KEY_ED2 " you", "second key"},
    {KEY_ED " me\trestrict " KEY_RSA2048, "second key"},
    {KEY_ED " " BLOB_ED2, "second key"},
    {"name=\"n\" " KEY_ED " me " KEY_P256, "second key"},
    /* bytes */
    {KEY_ED " me\r", "DOS line end"},
    {KEY_ED " me\n" KEY_ED2, "control byte 0x0a"},
    {KEY_ED " \x1b[2J", "control byte 0x1b"},
    {KEY_ED " \x7f", "control byte 0x7f"},
    {"# \x01", "control byte 0x01"},
};

Test(keyline, bad)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct keyline k;
		const char *why = NULL;

		cr_expect_eq(keyline_parse(bad[i].line, strlen(bad[i].line), &k, &why), -1, "%s",
			     bad[i].line);
		cr_expect(why && strstr(why, bad[i].because), "%s: \"%s\" does not say: %s",
			  bad[i].line, why, bad[i].because);
		cr_expect_null(k.blob);
		cr_expect_eq(k.n_permitopen, 0);
	}
}

Test(keyline, nul_and_length)
{
	static const char nul[] = KEY_ED " me\0you";
	struct keyline k;
	const char *why = NULL;
	char *line = malloc(KEYLINE_MAX + 1);

	cr_assert(line);
	cr_expect_eq(keyline_parse(nul, sizeof(nul) - 1, &k, &why), -1);
	cr_expect(why && strstr(why, "0x00"));
	cr_expect_eq(keyline_parse("\0", 1, &k, &why), -1);

	memset(line, 'x', KEYLINE_MAX + 1);
	memcpy(line, KEY_ED " ", strlen(KEY_ED " "));
	cr_expect_eq(keyline_parse(line, KEYLINE_MAX, &k, &why), 1, "the longest line");
	keyline_free(&k);
	cr_expect_eq(keyline_parse(line, KEYLINE_MAX + 1, &k, &why), -1);
	cr_expect(why && strstr(why, "longer than"));
	free(line);
}

/* Only the len bytes given are read: no terminator is needed (asan sees the rest). */
Test(keyline, every_cut)
{
	static const char line[] =
	    "restrict,endpoint=\"a\",permitopen=\"h:1\",from=\"::1,10.0.0.0/8\","
	    "expiry-time=\"20300101Z\",valid=\"Mon 01:00-02:00;Sun-Tue "
	    "22:00-01:00Z\",max-sessions=20,replace-old,max-channels=\"7\","
	    "source=\"127.1.2.3\" " KEY_P256 " me";

	for (size_t n = 1; n < sizeof(line); n++) {
		struct keyline k;
		const char *why = NULL;
		char *cut = malloc(n);
		bool whole = n >= sizeof(line) - sizeof(" me"); /* the comment may be missing */

		cr_assert(cut);
		memcpy(cut, line, n);
		cr_expect_eq(keyline_parse(cut, n, &k, &why), whole ? 1 : -1, "cut to %zu: %s", n,
			     why);
		keyline_free(&k);
		free(cut);
	}
}
