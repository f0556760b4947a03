// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "settings.h"

#define NEEDED "hostkeys = [ \"k\" ]; allowlist = \"a\";\n"
#define CONFD  "endpoints = ( { name = \"confd\"; address = \"127.0.0.1:4565\"; } );\n"
#define GO_ON  (-1)

static char dir[] = "/tmp/sshipc-settings-XXXXXX";
static char path[64], captured[64];
static char out[16384]; /* what was printed last */
static struct settings s;

static void make_dir(void)
{
	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/f", dir);
	snprintf(captured, sizeof(captured), "%s/out", dir);
}

static void remove_dir(void)
{
	settings_free(&s);
	unlink(path);
	unlink(captured);
	cr_expect_eq(rmdir(dir), 0, "a file was left behind");
}

TestSuite(settings, .init = make_dir, .fini = remove_dir);

static void write_conf(const char *content)
{
	FILE *f = fopen(path, "w");

	cr_assert(f);
	fputs(content, f);
	cr_assert_eq(fclose(f), 0);
}

/* Catches what is printed on fd until release. */
static int capture(int fd)
{
	int saved = dup(fd), to = open(captured, O_RDWR | O_CREAT | O_TRUNC, 0600);

	cr_assert(saved >= 0 && to >= 0);
	fflush(NULL);
	dup2(to, fd);
	close(to);
	return saved;
}

static void release(int fd, int saved)
{
	FILE *f = NULL;

	fflush(NULL);
	dup2(saved, fd);
	close(saved);
	f = fopen(captured, "r");
	cr_assert(f);
	out[fread(out, 1, sizeof(out) - 1, f)] = '\0';
	fclose(f);
}

/* Words are parted by blanks; F stands for the file, E for an empty word. */
static int read_words(const char *line, int fd)
{
	static char program[] = "sshipc-server", empty[] = "";
	char copy[2048], *argv[160] = {program}, *save = NULL;
	int argc = 1, saved = 0, rc = 0;

	settings_free(&s);
	snprintf(copy, sizeof(copy), "%s", line);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		cr_assert_lt(argc, 159);
		argv[argc++] = !strcmp(w, "F") ? path : !strcmp(w, "E") ? empty : w;
	}
	saved = capture(fd);
	rc = settings_read(argc, argv, &s);
	release(fd, saved);
	return rc;
}

static int read_line(const char *line)
{
	return read_words(line, STDERR_FILENO);
}

static const char *show(const struct address *a)
{
	static char text[ADDRESS_TEXT];

	return address_format(a, text, sizeof(text));
}

static void expect_defaults(void)
{
	cr_expect_eq(s.n_listen, 1);
	cr_expect_str_eq(show(&s.listen[0]), "[::]:2245");
	cr_expect_null(s.default_endpoint);
	cr_expect_null(s.user);
	cr_expect_eq(s.connect_as.n, 0);
	cr_expect_eq(s.algorithms, ALGORITHMS_DEFAULT);
	cr_expect_eq(s.log.sink, LOG_SINK_STDERR);
	cr_expect_eq(s.verbosity, LOG_INFO);
	cr_expect_eq(s.login_grace, 30);
	cr_expect_eq(s.keepalive, 15);
	cr_expect_eq(s.max_unauthenticated, 100);
	cr_expect_eq(s.max_unauthenticated_per_source, 25);
	cr_expect(s.source_prefix_v4 == 32 && s.source_prefix_v6 == 64);
	cr_expect_eq(s.max_penalty, 600);
	cr_expect(s.max_opens == 10000 && s.max_dials == 4096 && s.max_held == 128);
	cr_expect_eq(s.dial_timeout, 10);
	cr_expect_eq(s.drain, 10);
	cr_expect_eq(s.upgrade_drain, 0);
	cr_expect(s.rekey_data == 1024 && s.rekey_time == 3600);
	cr_expect_eq(s.max_sessions, 1000);
	cr_expect_eq(s.max_channels, 1024);
	cr_expect_eq(s.max_lifetime, 0);
	cr_expect(!s.test && !s.print && !s.unsafe_no_sandbox && !s.generate_hostkey);
}

Test(settings, without_a_file)
{
	cr_assert_eq(read_line("-k hostkey -a allowed_keys -e confd=127.0.0.1:4565"), GO_ON, "%s",
		     out);
	cr_expect_str_eq(out, "");
	expect_defaults();
	cr_expect_null(s.config);
	cr_expect(s.hostkeys.n == 1 && !strcmp(s.hostkeys.items[0], "hostkey"));
	cr_expect_str_eq(s.allowlist, "allowed_keys");
	cr_assert_eq(s.n_endpoints, 1);
	cr_expect_str_eq(s.endpoints[0].name, "confd");
	cr_expect_eq(s.endpoints[0].kind, ENDPOINT_CONFD);
	cr_expect_str_eq(show(&s.endpoints[0].address), "127.0.0.1:4565");
}

Test(settings, every_option)
{
	cr_assert_eq(read_line("-l 127.0.0.1:0 --listen [::1]:22 -k a --hostkey b --allowlist=c "
			       "-e /x --endpoint nso=@y --user u -tT -vvq --log json "
			       "--connect-as v --connect-as 9 --unsafe-no-sandbox"),
		     GO_ON, "%s", out);
	cr_expect_eq(s.n_listen, 2);
	cr_expect_str_eq(show(&s.listen[0]), "127.0.0.1:0");
	cr_expect_str_eq(show(&s.listen[1]), "[::1]:22");
	cr_expect(s.hostkeys.n == 2 && !strcmp(s.hostkeys.items[1], "b"));
	cr_expect_str_eq(s.allowlist, "c");
	cr_expect_eq(s.n_endpoints, 2);
	cr_expect_str_eq(s.endpoints[0].name, "endpoint");
	cr_expect_str_eq(show(&s.endpoints[1].address), "@y");
	cr_expect_str_eq(s.user, "u");
	cr_expect(s.connect_as.n == 2 && !strcmp(s.connect_as.items[0], "v") &&
		  !strcmp(s.connect_as.items[1], "9"));
	cr_expect(s.test && s.print && s.unsafe_no_sandbox);
	cr_expect_eq(s.verbosity, LOG_DEBUG);
	cr_expect_eq(s.log.sink, LOG_SINK_JSON);
}

Test(settings, verbosity_ends)
{
	const char all[] = "-k k -a a -e /x ";
	const struct {
		const char *flags;
		int threshold;
	} table[] = {{"", LOG_INFO},	 {"-v", LOG_DEBUG},    {"-vvvv", LOG_DEBUG},
		     {"-q", LOG_NOTICE}, {"-qq", LOG_WARNING}, {"--quiet -qqqqq", LOG_ERR},
		     {"-vq", LOG_INFO}};
	char line[64];

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		snprintf(line, sizeof(line), "%s%s", all, table[i].flags);
		cr_expect_eq(read_line(line), GO_ON);
		cr_expect_eq(s.verbosity, table[i].threshold, "%s", table[i].flags);
	}
}

/* Exit code 64, one line. */
#define SCHEME "no scheme stands before HOST:PORT, [V6]:PORT or /path here"

static const struct {
	const char *line, *text;
} misused[] = {
    {"-x", "unknown option '-x'"},
    {"-t -x", "unknown option '-x'"},
    {"--test -Tx", "unknown option '-x'"},
    {"--test -xT", "unknown option '-x'"},
    {"-:", "unknown option '-:'"},
    {"--frobnicate", "unknown option '--frobnicate'"},
    {"--frobnicate=1", "unknown option '--frobnicate=1'"},
    {"--l x", "unknown option '--l'"}, /* listen or log? */
    {"--test=1", "option '--test' takes no value"},
    {"-k", "option '--hostkey' needs a value"},
    {"-t --hostkey", "option '--hostkey' needs a value"},
    {"-k E", "the value of option '-k' is empty"},
    {"--log=", "the value of option '--log' is empty"},
    {"-f a -f a", "option '-f' is given twice"},
    {"-a a --allowlist b", "option '-a' is given twice"},
    {"-u a -u b", "option '-u' is given twice"},
    {"--generate-hostkey a --generate-hostkey b", "option '--generate-hostkey' is given twice"},
    {"-l 127.0.0.1", "-l '127.0.0.1': expected HOST:PORT, [V6]:PORT or PORT"},
    {"-l 65536", "-l '65536': expected HOST:PORT, [V6]:PORT or PORT"},
    {"-e d=unix:///run/docker.sock", "-e 'd=unix:///run/docker.sock': " SCHEME},
    {"-e d=tcp://127.0.0.1:2375", "-e 'd=tcp://127.0.0.1:2375': " SCHEME},
    {"-e d=unix:/run/x", "-e 'd=unix:/run/x': " SCHEME},
    {"-e d=127.0.0.1:0x1", "-e 'd=127.0.0.1:0x1': the port is not a number from 1 to 65535"},
    {"-l host.example:22",
     "-l 'host.example:22': the host is not a numeric address; names are not looked up, write "
     "the address that getent hosts NAME tells"},
    {"-l /run/x", "-l '/run/x': expected HOST:PORT, [V6]:PORT or PORT"},
    {"-l @x", "-l '@x': expected HOST:PORT, [V6]:PORT or PORT"},
    {"-l 1 -l 2 -l 3 -l 4 -l 5 -l 6 -l 7 -l 8 -l 9 -l 10 -l 11 -l 12 -l 13 -l 14 -l 15 -l 16 -l 17",
     "-l '17': there are too many addresses"},
    {"-k 1 -k 2 -k 3 -k 4 -k 5", "-k '5': there are too many host keys, one of each type will do"},
    {"-e confd=127.0.0.1", "-e 'confd=127.0.0.1': expected HOST:PORT, [V6]:PORT or /path"},
    {"-e confd=127.0.0.1:0", "-e 'confd=127.0.0.1:0': port 0 has no meaning here"},
    {"-e *:1", "-e '*:1': a wildcard has no meaning here"},
    {"-e 1x=/x", "-e '1x=/x': an endpoint's name begins with a letter"},
    {"-e a=/x -e a=/y", "-e 'a=/y': another endpoint has this name"},
    {"-e /x -e /y", "-e '/y': another endpoint has this name"},
    {"-e a=/x -e b=/x", "-e 'b=/x': another endpoint has this address"},
    {"-e a=127.0.0.1:1 -e b=[::ffff:127.0.0.1]:1",
     "-e 'b=[::ffff:127.0.0.1]:1': another endpoint has this address"},
    {"--connect-as root", "--connect-as 'root': endpoints never see root; name an ordinary user"},
    {"--connect-as 0", "--connect-as '0': endpoints never see root; name an ordinary user"},
    {"--connect-as a --connect-as a", "--connect-as 'a': it is there twice"},
    {"--log file", "--log 'file': expected stderr, syslog or json; or a file: /FILE or json:/FILE"},
    {"--explain", "--explain needs --key FILE and --from ADDRESS"},
    {"--explain --from ::1", "--explain needs --key FILE and --from ADDRESS"},
    {"-t --dest x", "--key, --from, --at and --dest belong to --explain"},
    {"--explain --key k --from ::1 -t", "--explain stands without -t and -T"},
    {"--explain --key k --key l", "option '--key' is given twice"},
    {"--explain --from 10.0.0.0/8", "--from '10.0.0.0/8': expected an IP address"},
    {"--explain --at noon",
     "--at 'noon': expected YYYY-MM-DD HH:MM or YYYY-MM-DD HH:MM:SS, then Z if it is UTC"},
    {"--explain --dest ::1", "--dest '::1': expected HOST:PORT, [V6]:PORT or /path"},
    {"--control x", "--control 'x': expected an absolute /path"},
    {"--control @x", "--control '@x': expected an absolute /path"},
    {"--control 127.0.0.1:1", "--control '127.0.0.1:1': expected an absolute /path"},
    {"--log json --log syslog", "option '--log' is given twice"},
    {"--control /a --control /b", "option '--control' is given twice"},
    {"-k k -a a -e x=192.0.2.1:1",
     "-e x: its address is not loopback: from here on everything would "
     "be in plain text, and whoever reaches it there needs no key; run "
     "sshipc-server beside the daemon, or allow it (--unsafe-endpoint, "
     "unsafe_endpoint = true;)"},
    {"-v ctl who", "the word 'ctl' comes first: sshipc-server ctl ..."},
    {"-t start", "unexpected argument 'start'"},
};

Test(settings, misused)
{
	char expected[512];

	for (size_t i = 0; i < sizeof(misused) / sizeof(*misused); i++) {
		cr_expect_eq(read_line(misused[i].line), 64, "%s", misused[i].line);
		snprintf(expected, sizeof(expected),
			 "sshipc-server: %s; see sshipc-server --help\n", misused[i].text);
		cr_expect_str_eq(out, expected, "%s", misused[i].line);
	}
}

Test(settings, too_many_endpoints)
{
	char line[2048] = "";
	size_t n = 0;

	for (int i = 0; i < SETTINGS_ENDPOINTS + 1; i++)
		n += (size_t)snprintf(line + n, sizeof(line) - n, "-e e%d=/%d ", i, i);
	cr_expect_eq(read_line(line), 64);
	cr_expect(strstr(out, "-e 'e64=/64': there are too many endpoints"), "%s", out);
}

static const struct {
	const char *line, *missing;
} incomplete[] = {
    {"-a a -e /x", "sshipc-server: no host key: give -k FILE "},
    {"-k k -e /x", "sshipc-server: no allow list: give -a FILE "},
    {"-k k -a a", "sshipc-server: no endpoint: give -e confd=127.0.0.1:4565 "},
    {"-f F -k k -a a", "/f: no endpoint: "},
};

Test(settings, incomplete)
{
	write_conf("");
	for (size_t i = 0; i < sizeof(incomplete) / sizeof(*incomplete); i++) {
		cr_expect_eq(read_line(incomplete[i].line), 78, "%s", incomplete[i].line);
		cr_expect(strstr(out, incomplete[i].missing), "%s", out);
		cr_expect_eq(strchr(out, '\n'), out + strlen(out) - 1, "%s", out);
	}
	cr_expect_eq(read_line("-f F"), 78);
	cr_expect(strstr(out, "no host key") && strstr(out, "no allow list") &&
		  strstr(out, "no endpoint"));
}

Test(settings, whole_file)
{
	write_conf(
	    "default = \"ncs\"; listen = [ \"127.0.0.1:1\", \"2\" ];\n"
	    "hostkeys = \"k\"; allowlist = \"rel/a\"; user = \"u\";\n"
	    "connect_as = [ \"v\", \"9\" ];\n"
	    "endpoints = ( { accept = \"h:1\"; kind = \"nso\"; name = \"ncs\"; path = "
	    "\"/p\"; },\n"
	    "{ name = \"dbus\"; path = \"@d\"; accept = [ \"/q\", \"[::1]:7\" ]; },\n"
	    "{ name = \"x\"; address = \"[::1]:9\"; send_proxy = true; idle_timeout = 9; } );\n"
	    "algorithms = \"compatible\"; log = \"syslog\"; verbosity = \"warning\";\n"
	    "login_grace = 1; keepalive = 4; max_unauthenticated = 2;\n"
	    "max_sessions = 3; max_lifetime = 99; max_channels = 16384; "
	    "max_unauthenticated_per_source = 1;\n"
	    "source_prefix_v4 = 24; source_prefix_v6 = 128; max_penalty = 0;\n"
	    "unpunished = [ \"192.0.2.0/24,!192.0.2.9\", \"2001:db8::1\" ];\n"
	    "accept_proxy = [ \"192.0.2.7\", \"2001:db8::/64\" ];\n"
	    "max_opens = 10; max_dials = 4; dial_timeout = 3600; max_held = 4096; rekey_data = 1;\n"
	    "rekey_time = 86400;\n");
	cr_assert_eq(read_line("-f F -v"), GO_ON, "%s", out);
	cr_expect_str_eq(s.config, path);
	cr_expect_str_eq(s.default_endpoint, "ncs");
	cr_expect_eq(s.n_listen, 2);
	cr_expect_str_eq(show(&s.listen[1]), "[::]:2");
	cr_expect_eq(s.hostkeys.n, 1);
	cr_expect_str_eq(s.allowlist, "rel/a");
	cr_expect_str_eq(s.user, "u");
	cr_expect(s.connect_as.n == 2 && !strcmp(s.connect_as.items[1], "9"));
	cr_assert_eq(s.n_endpoints, 3);
	cr_expect_eq(s.endpoints[0].kind, ENDPOINT_NSO);
	cr_expect_str_eq(s.endpoints[0].accept[0], "h:1");
	cr_expect_eq(s.endpoints[1].kind, ENDPOINT_DBUS);
	cr_expect_eq(s.endpoints[1].n_accept, 2);
	cr_expect_eq(s.endpoints[2].kind, ENDPOINT_OTHER);
	cr_expect_eq(s.algorithms, ALGORITHMS_COMPATIBLE);
	cr_expect_eq(s.log.sink, LOG_SINK_SYSLOG);
	cr_expect_eq(s.verbosity, LOG_NOTICE);
	cr_expect(s.login_grace == 1 && s.keepalive == 4 && s.max_unauthenticated == 2);
	cr_expect(s.max_sessions == 3 && s.max_channels == 16384 && s.max_lifetime == 99);
	cr_expect(s.max_unauthenticated_per_source == 1 && s.max_penalty == 0);
	cr_expect(s.max_opens == 10 && s.max_dials == 4 && s.max_held == 4096);
	cr_expect(s.rekey_data == 1 && s.rekey_time == 86400);
	cr_expect(s.source_prefix_v4 == 24 && s.source_prefix_v6 == 128);
	cr_expect(s.accept_proxy.n == 2 && s.accept_proxy.list.items[1].bits == 64);
	cr_expect(s.endpoints[2].send_proxy && !s.endpoints[1].send_proxy);
	cr_expect(s.endpoints[2].idle_timeout == 9 && s.endpoints[1].idle_timeout == 0);
	cr_expect(s.unpunished.n == 2 && s.unpunished.list.n == 3 &&
		  s.unpunished.list.items[1].negated && s.unpunished.list.items[2].len == 16);
}

Test(settings, control)
{
	static const struct {
		const char *setting, *line, *want;
		bool by_default;
	} table[] = {
	    {"", "-k k -a a -e /x", NULL, false},
	    {"", "-k k -a a -e /x --control /c", "/c", false},
	    {"", "-f F", SETTINGS_CONTROL, true},
	    {"", "-f F --control /c", "/c", false},
	    {"control = \"\";", "-f F", NULL, false},
	    {"control = \"\";", "-f F --control /c", "/c", false},
	    {"control = \"/d\";", "-f F", "/d", false},
	    {"control = \"/d\";", "-f F --control /c", "/c", false},
	};
	char content[512];

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		snprintf(content, sizeof(content), NEEDED CONFD "%s", table[i].setting);
		write_conf(content);
		cr_assert_eq(read_line(table[i].line), GO_ON, "%s", out);
		cr_expect_eq(s.control_by_default, table[i].by_default, "%zu", i);
		if (table[i].want)
			cr_expect(s.control && !strcmp(s.control, table[i].want), "%zu", i);
		else
			cr_expect_null(s.control, "%zu", i);
	}
}

/* Options replace the file's values, lists as a whole, and default goes with endpoints. */
Test(settings, options_replace)
{
	write_conf("listen = [ \"1\", \"2\" ]; hostkeys = [ \"k\", \"l\" ]; allowlist = \"a\";\n"
		   "default = \"confd\"; user = \"u\"; log = \"json\";\n" CONFD);
	cr_assert_eq(read_line("-f F -l 3 -k m -a b -e nso=/n -u v --log stderr"), GO_ON, "%s",
		     out);
	cr_expect(s.n_listen == 1 && address_port(&s.listen[0]) == 3);
	cr_expect(s.hostkeys.n == 1 && !strcmp(s.hostkeys.items[0], "m"));
	cr_expect_str_eq(s.allowlist, "b");
	cr_expect(s.n_endpoints == 1 && !strcmp(s.endpoints[0].name, "nso"));
	cr_expect_null(s.default_endpoint);
	cr_expect_str_eq(s.user, "v");
	cr_expect_eq(s.log.sink, LOG_SINK_STDERR);
	/* What is not given stays the file's. */
	cr_assert_eq(read_line("-f F -k m"), GO_ON, "%s", out);
	cr_expect_eq(s.n_listen, 2);
	cr_expect_str_eq(s.default_endpoint, "confd");
	cr_expect_eq(s.log.sink, LOG_SINK_JSON);
}

Test(settings, unsafe_endpoint)
{
	static const struct {
		const char *setting, *line;
	} table[] = {
	    {"", "-k k -a a -e x=192.0.2.1:1 --unsafe-endpoint"},
	    {"", "-f F --unsafe-endpoint -e x=192.0.2.1:1"},
	    {"unsafe_endpoint = true;", "-f F -e x=192.0.2.1:1"},
	    {"unsafe_endpoint = false;", "-f F -e x=192.0.2.1:1 --unsafe-endpoint"},
	    {"", "-k k -a a -e x=127.9.9.9:1 -e y=[::1]:1 -e z=/x"},
	};
	char content[512];

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		snprintf(content, sizeof(content), NEEDED CONFD "%s", table[i].setting);
		write_conf(content);
		cr_expect_eq(read_line(table[i].line), GO_ON, "%zu: %s", i, out);
	}
	write_conf(NEEDED "endpoints = ( { name = \"x\"; address = \"192.0.2.1:1\"; } );\n"
			  "unsafe_endpoint = true;");
	cr_expect_eq(read_line("-f F"), GO_ON, "%s", out);
}

#define EP(body) "endpoints = ( { " body " } );"

/* Faults without the file's name. */
static const struct {
	const char *content, *fault;
} faulty[] = {
    {"colour = 1;", "1: unknown setting 'colour'; known are: listen, accept_proxy, hostkeys, "},
    {EP("name = \"x\"; address = \"192.0.2.1:1\";"),
     "1: endpoint \"x\": its address is not loopback"},
    {"\nconnect_as = [ \"a\",\n\"root\" ];", "3: connect_as \"root\": endpoints never see root"},
    {"\nlisten = \"x\";", "2: listen \"x\": expected HOST:PORT"},
    {"listen = [ \"1\",\n\"/x\" ];", "2: listen \"/x\": expected HOST:PORT, [V6]:PORT or PORT"},
    {"hostkeys = [ \"1\", \"2\", \"3\", \"4\", \"5\" ];", "1: hostkeys \"5\": there are too many"},
    {"allowlist = [ \"a\" ];", "1: allowlist: expected a text"},
    {"algorithms = \"all\";", "1: algorithms \"all\": expected default or compatible"},
    {"log = \"file\";",
     "1: log \"file\": expected stderr, syslog or json; or a file: /FILE or json:/FILE"},
    {"log = [ \"json\", \"json\" ];", "1: log: expected a text"},
    {"verbosity = \"loud\";", "1: verbosity \"loud\": expected error, "},
    {"verbosity = \"a\\x0ab\";", "1: verbosity \"a\\x0ab\": expected error, "},
    {"login_grace = 0;", "1: login_grace: expected a number from 1 to 3600"},
    {"keepalive = 3;", "1: keepalive: expected a number from 4 to 3600"},
    {"max_unauthenticated = 0;", "1: max_unauthenticated: expected a number from 1 to 65535"},
    {"max_sessions = 65536;", "1: max_sessions: expected a number from 1 to 65535"},
    {"max_channels = 16385;", "1: max_channels: expected a number from 1 to 16384"},
    {"max_unauthenticated_per_source = 0;",
     "1: max_unauthenticated_per_source: expected a number from 1 to 65535"},
    {"source_prefix_v4 = 33;", "1: source_prefix_v4: expected a number from 1 to 32"},
    {"source_prefix_v6 = 0;", "1: source_prefix_v6: expected a number from 1 to 128"},
    {"unpunished = [ \"192.0.2.0/24\", \"lb1\" ];",
     "1: unpunished \"lb1\": \"lb1\": expected an IP address or ADDRESS/BITS"},
    {"accept_proxy = \"lb1\";",
     "1: accept_proxy \"lb1\": \"lb1\": expected an IP address or ADDRESS/BITS"},
    {"accept_proxy = [ \"192.0.2.7\",\n\"0.0.0.0/0\" ];",
     "2: accept_proxy \"0.0.0.0/0\": everybody could claim any address"},
    {"accept_proxy = \"!192.0.2.9,::/0\";",
     "1: accept_proxy \"!192.0.2.9,::/0\": everybody could claim any address"},
    {EP("name = \"a\"; address = \"127.0.0.1:1\"; send_proxy = \"yes\";"),
     "1: send_proxy: expected true or false"},
    {"max_penalty = 86401;", "1: max_penalty: expected a number from 0 to 86400"},
    {"max_opens = 9;", "1: max_opens: expected a number from 10 to 100000"},
    {"max_dials = 3;", "1: max_dials: expected a number from 4 to 65535"},
    {"max_held = 4097;", "1: max_held: expected a number from 1 to 4096"},
    {"rekey_data = 0;", "1: rekey_data: expected a number from 1 to 65536"},
    {"rekey_time = 9;", "1: rekey_time: expected a number from 10 to 86400"},
    {"control = \"@x\";", "1: control \"@x\": expected an absolute /path"},
    {"control = \"127.0.0.1:1\";", "1: control \"127.0.0.1:1\": expected an absolute /path"},
    {"control = true;", "1: control: expected a text"},
    {"default = \"nix\";", "1: default \"nix\": no endpoint has this name"},
    {EP("address = \"127.0.0.1:1\";"), "1: an endpoint needs a name"},
    {EP("name = \"a\";"), "1: an endpoint needs either address or path"},
    {EP("name = \"a\"; path = \"/x\"; address = \"127.0.0.1:1\";"),
     "1: an endpoint needs either address or path"},
    {EP("name = \"a b\"; path = \"/x\";"), "1: name \"a b\": an endpoint's name has only"},
    {EP("name = \"a\"; path = \"x\";"), "1: path \"x\": expected"},
    {EP("name = \"a\"; path = \"127.0.0.1:1\";"),
     "1: path \"127.0.0.1:1\": expected /path or @abstract"},
    {EP("name = \"a\"; address = \"/x\";"), "1: address \"/x\": a socket's setting is path"},
    {EP("name = \"a\"; address = \"h.example:1\";"),
     "1: address \"h.example:1\": the host is not a numeric address"},
    {EP("name = \"a\"; address = \"0.0.0.0:1\";"),
     "1: address \"0.0.0.0:1\": a wildcard has no meaning here"},
    {EP("name = \"a\"; path = \"/x\"; kind = \"ftp\";"), "1: kind \"ftp\": expected confd, nso"},
    {EP("name = \"a\"; path = \"/x\"; accept = \"host\";"), "1: accept \"host\": expected"},
    {EP("name = \"a\"; path = \"/x\"; accept = \".status:1\";"), "1: accept \".status:1\": "},
    {EP("name = \"a\"; path = \"/x\"; accept = [ \"/1\", \"/1\", \"/1\", \"/1\", \"/1\", \"/1\", "
	"\"/1\", \"/1\", \"/1\", \"/1\", \"/1\", \"/1\", \"/1\", \"/1\", \"/1\", \"/1\", \"/17\" "
	"];"),
     "1: accept \"/17\": there are too many aliases"},
    {EP("name = \"a\"; path = \"/x\"; port = 1;"),
     "1: unknown setting 'port'; known are: name, address, path, kind, accept, send_proxy, "
     "idle_timeout"},
    {EP("name = \"a\"; path = \"/x\"; idle_timeout = -1;"),
     "1: idle_timeout: expected a number from 0 to 99999999"},
    {"endpoints = ( { name = \"a\"; path = \"/x\"; },\n{ name = \"a\"; path = \"/y\"; } );",
     "2: endpoint \"a\": another endpoint has this name"},
    {"endpoints = ( { name = \"a\"; path = \"/x\"; },\n{ name = \"b\"; path = \"/x\"; } );",
     "2: endpoint \"b\": another endpoint has this address"},
    {"endpoints = { name = \"a\"; path = \"/x\"; };", "1: endpoints: expected a list of groups"},
};

Test(settings, faulty_file)
{
	for (size_t i = 0; i < sizeof(faulty) / sizeof(*faulty); i++) {
		size_t skip = strlen(path) + 1;

		write_conf(faulty[i].content);
		/* Also a value that the command line replaces must be right. */
		cr_expect_eq(read_line("-f F -l 1 -k k -a a -e confd=/x --log json"), 78, "%s",
			     faulty[i].content);
		cr_assert_eq(strncmp(out, path, skip - 1), 0, "%s", out);
		cr_expect_eq(strncmp(out + skip, faulty[i].fault, strlen(faulty[i].fault)), 0,
			     "%s\n%s", faulty[i].content, out);
		cr_expect_eq(strchr(out, '\n'), out + strlen(out) - 1, "more than one: %s", out);
	}
}

Test(settings, all_faults_are_told)
{
	write_conf("x = 1;\nlog = 1;\nkeepalive = 0;\n");
	cr_expect_eq(read_line("-f F"), 78);
	cr_expect(strstr(out, "f:1: ") && strstr(out, "f:2: ") && strstr(out, "f:3: "), "%s", out);
	cr_expect_null(strstr(out, "no host key"), "%s", out);
	unlink(path);
	cr_expect_eq(read_line("-f F -k k -a a -e /x"), 78);
	cr_expect(strstr(out, "No such file or directory"), "%s", out);
}

Test(settings, generate_needs_nothing_else)
{
	cr_assert_eq(read_line("--generate-hostkey new"), GO_ON, "%s", out);
	cr_expect_str_eq(s.generate_hostkey, "new");
	cr_expect_null(s.config);
}

Test(settings, explain_needs_no_host_key)
{
	cr_assert_eq(read_line("-a a -e /x --explain --key k --from ::1 --dest h:7"), GO_ON, "%s",
		     out);
	cr_expect(s.explain.wanted && !s.explain.request.now);
	cr_expect_str_eq(s.explain.key, "k");
	cr_expect_str_eq(s.explain.host, "h");
	cr_expect_eq(s.explain.request.action, POLICY_DIRECT_TCPIP);
	cr_expect_eq(s.explain.request.port, 7);
	cr_expect_str_eq(show(&s.explain.request.source), "[::1]:0");
	cr_expect_eq(read_line("-e /x --explain --key k --from ::1"), 78);
	cr_expect(strstr(out, "no allow list") && !strstr(out, "no host key"), "%s", out);
	write_conf("allowlist = \"a\";\n" CONFD);
	cr_expect_eq(read_line("-f F --explain --key k --from ::1"), GO_ON, "%s", out);
	cr_expect_eq(read_line("-f F"), 78);
}

static void print_details(void)
{
	printf("details\n");
}

Test(settings, help_and_version)
{
	cr_expect_eq(read_words("-t --help", STDOUT_FILENO), 0);
	for (const char *line = out; *line; line += strcspn(line, "\n") + 1)
		cr_expect_lt(strcspn(line, "\n"), 80, "%.80s", line);
	cr_expect(strstr(out, "--generate-hostkey FILE") && strstr(out, "Exit codes"));
	cr_expect_eq(read_words("-V", STDOUT_FILENO), 0);
	cr_expect_str_eq(out, "sshipc-server " SSHIPC_VERSION "\n");
	options_version_details = print_details;
	cr_expect_eq(read_words("--version", STDOUT_FILENO), 0);
	cr_expect_str_eq(out, "sshipc-server " SSHIPC_VERSION "\ndetails\n");
}

/* Options replace the file's list as a whole. */
Test(settings, accept_proxy)
{
	write_conf("accept_proxy = [ \"192.0.2.7\", \"192.0.2.8\" ]; hostkeys = \"k\"; "
		   "allowlist = \"a\"; endpoints = ( { name = \"a\"; path = \"/x\"; } );\n");
	cr_assert_eq(read_line("-f F --accept-proxy 192.0.2.9 --accept-proxy ::1"), GO_ON, "%s",
		     out);
	cr_assert_eq(s.accept_proxy.n, 2);
	cr_expect_str_eq(s.accept_proxy.texts[0], "192.0.2.9");
	cr_expect_str_eq(s.accept_proxy.texts[1], "::1");
	cr_expect_eq(s.accept_proxy.list.n, 2);
	cr_expect_eq(read_line("-f F --accept-proxy 0/0"), 64);
	cr_expect_eq(read_line("-f F --accept-proxy ::/0"), 64);
}

/* What is printed is a file that reads back as the same. */
Test(settings, print_reads_back)
{
	static char first[sizeof(out)];

	write_conf("listen = [ \"*:1\", \"[::1]:2\" ]; default = \"b\"; user = \"u\";\n"
		   "hostkeys = [ \"k\", \"a\\\"b\\\\c\\x07\" ]; allowlist = \"\xc3\xa4\";\n"
		   "endpoints = ( { name = \"a\"; path = \"/x\\\"y\"; accept = [ \"h:1\", "
		   "\"/q\\\\\" ]; },\n"
		   "{ name = \"b\"; address = \"[::1]:3\"; kind = \"nso\"; send_proxy = true; "
		   "idle_timeout = 60; } );\n"
		   "algorithms = \"compatible\"; log = \"json\"; verbosity = \"error\";\n"
		   "login_grace = 7; keepalive = 8; max_unauthenticated = 9; max_sessions = 10;\n"
		   "accept_proxy = \"10.0.0.0/24\";\n"
		   "max_channels = 11; unpunished = [ \"::1\", \"10.0.0.0/8,!10.0.0.1\" ];\n");
	for (int round = 0; round < 2; round++) {
		int saved = 0;

		cr_assert_eq(read_line("-f F"), GO_ON, "%s", out);
		cr_expect_str_eq(s.hostkeys.items[1], "a\"b\\c\x07");
		cr_expect_str_eq(s.endpoints[0].accept[1], "/q\\");
		cr_expect_eq(s.endpoints[1].kind, ENDPOINT_NSO);
		cr_expect(s.endpoints[1].send_proxy && !s.endpoints[0].send_proxy);
		cr_expect_eq(s.endpoints[1].idle_timeout, 60);
		cr_expect_eq(s.accept_proxy.n, 1);
		cr_expect_eq(s.max_channels, 11);
		cr_expect_eq(s.verbosity, LOG_ERR);
		saved = capture(STDOUT_FILENO);
		options_print(&settings_options, &s);
		release(STDOUT_FILENO, saved);
		if (round)
			cr_expect_str_eq(out, first);
		memcpy(first, out, sizeof(first));
		write_conf(out);
	}
}

/* etc/server.conf loads; and each "#name = ..." in it is a setting with its default. */
Test(settings, example)
{
	char line[256], content[8192] = "";
	size_t n = 0;
	int shown = 0;
	FILE *f = fopen("etc/server.conf", "r");

	cr_assert(f, "run the tests from the top of the tree");
	while (fgets(line, sizeof(line), f)) {
		bool setting = line[0] == '#' && islower((unsigned char)line[1]);

		shown += setting;
		n += (size_t)snprintf(content + n, sizeof(content) - n, "%s", line + setting);
	}
	fclose(f);
	cr_assert_eq(read_line("-f etc/server.conf -e confd=127.0.0.1:4565"), GO_ON, "%s", out);
	expect_defaults();
	write_conf(content);
	cr_assert_eq(read_line("-f F -e confd=127.0.0.1:4565"), GO_ON, "%s", out);
	expect_defaults();
	cr_expect_eq(s.endpoints[0].kind, ENDPOINT_CONFD);
	cr_expect_eq(shown, 25);
}
