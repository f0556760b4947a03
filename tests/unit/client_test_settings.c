// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "settings.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define GO_ON	 (-1)
#define PIN_A	 "SHA256:dOpLhuOXCCfwogGmRP73MEyKaXrq4F8fgvhxQMJ1oYk"
#define PIN_B	 "SHA256:ehAHifBpKofrGCHPo4uddxHyMtb/9fhweAcmPePa5II"
#define NEEDED	 "server = \"h\"; listen = \"1\";\n"

static char dir[] = "/tmp/sshipc-settings-XXXXXX";
static char file[64], captured[2][64];
static char out[2][16384]; /* stdout and stderr of the last call */
static struct settings s;

static void setup(void)
{
	cr_assert(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/f", dir);
	snprintf(captured[0], sizeof(captured[0]), "%s/out", dir);
	snprintf(captured[1], sizeof(captured[1]), "%s/err", dir);
	setenv("HOME", dir, 1);
}

static void teardown(void)
{
	settings_free(&s);
	unlink(file);
	unlink(captured[0]);
	unlink(captured[1]);
	cr_expect_eq(rmdir(dir), 0, "a file was left behind");
}

TestSuite(settings, .init = setup, .fini = teardown);

static void write_to(const char *path, const char *content)
{
	FILE *f = fopen(path, "w");

	cr_assert(f);
	fputs(content, f);
	cr_assert_eq(fclose(f), 0);
}

static void capture(int saved[2])
{
	fflush(NULL);
	for (int i = 0; i < 2; i++) {
		int to = open(captured[i], O_RDWR | O_CREAT | O_TRUNC, 0600);

		saved[i] = dup(i + 1);
		cr_assert(saved[i] >= 0 && to >= 0);
		dup2(to, i + 1);
		close(to);
	}
}

static void release(const int saved[2])
{
	fflush(NULL);
	for (int i = 0; i < 2; i++) {
		FILE *f = fopen(captured[i], "r");

		dup2(saved[i], i + 1);
		close(saved[i]);
		cr_assert(f);
		out[i][fread(out[i], 1, sizeof(out[i]) - 1, f)] = '\0';
		fclose(f);
	}
}

/* Words are parted by blanks; F stands for "-f FILE", E for an empty word, D for the default files,
 * which are kept away otherwise. */
static int read_line(const char *line)
{
	static char program[] = "sshipc-client", dash_f[] = "-f", none[] = "/dev/null",
		    empty[] = "";
	char copy[2048], *argv[200] = {program, dash_f, none}, *save = NULL;
	int argc = line[0] == 'F' || line[0] == 'D' ? 1 : 3, saved[2], rc = 0;

	settings_free(&s);
	snprintf(copy, sizeof(copy), "%s", line);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		cr_assert_lt(argc, 197);
		if (!strcmp(w, "D"))
			continue;
		if (!strcmp(w, "F"))
			argv[argc++] = dash_f;
		argv[argc++] = !strcmp(w, "F") ? file : !strcmp(w, "E") ? empty : w;
	}
	argv[argc] = NULL;
	capture(saved);
	rc = settings_read(argc, argv, &s);
	release(saved);
	return rc;
}

static int read_conf(const char *content)
{
	write_to(file, content);
	return read_line("F");
}

static const char *in_home(const char *path)
{
	static char text[128];

	snprintf(text, sizeof(text), "%s/%s", dir, path);
	return text;
}

static const char *login(void)
{
	return getpwuid(geteuid())->pw_name;
}

static void expect_defaults(void)
{
	cr_expect_str_eq(s.user, login());
	cr_expect_eq(s.port, 2245);
	cr_expect_str_eq(s.identity, in_home(".ssh/id_ed25519"));
	cr_expect_str_eq(s.known_hosts, in_home(".ssh/known_hosts"));
	cr_expect_str_eq(s.global_known_hosts, "/etc/ssh/ssh_known_hosts");
	cr_expect_eq(s.n_pins, 0);
	cr_expect_eq(s.algorithms, ALGORITHMS_DEFAULT);
	cr_expect_eq(s.keepalive, 15);
	cr_expect_eq(s.connect_timeout, 30);
	cr_expect_eq(s.reconnect_max, 30);
	cr_expect_eq(s.drain, 5);
	cr_expect_null(s.via);
	cr_expect_eq(s.log.sink, LOG_SINK_STDERR);
	cr_expect_eq(s.verbosity, LOG_INFO);
	cr_expect(!s.unsafe_listen && !s.test && !s.print && !s.keygen);
	cr_expect(!s.exit_on_refusal && !s.command && !s.stdio && !s.print_dbus);
	cr_expect(s.hold == 10 && s.ready_fd == 0 && s.n_env == 0);
}

Test(settings, defaults)
{
	cr_expect_eq(read_line("-L 4565 ipc.example.org"), GO_ON, "%s", out[1]);
	cr_expect_str_eq(s.host, "ipc.example.org");
	cr_expect_eq(s.n_specs, 1);
	cr_expect_str_eq(s.specs[0].text, "4565");
	expect_defaults();
	cr_expect_str_eq(out[0], "");
	cr_expect_str_eq(out[1], "");
}

static const struct {
	const char *line, *user, *host; /* user NULL: the login name */
	unsigned port;
} servers[] = {
    {"h", NULL, "h", 2245},
    {"h:22", NULL, "h", 22},
    {"u@h", "u", "h", 2245},
    {"u@x@h:1", "u@x", "h", 1},
    {"ssh://h", NULL, "h", 2245},
    {"ssh://u@h:22", "u", "h", 22},
    {"ssh://u@h:22/", "u", "h", 22},
    {"SSH://h/", NULL, "h", 2245},
    {"ssh://u@[::1]:22", "u", "::1", 22},
    {"ssh://[::1]/", NULL, "::1", 2245},
    {"10.0.0.1:65535", NULL, "10.0.0.1", 65535},
    {"[::1]:22", NULL, "::1", 22},
    {"u@[::1]", "u", "::1", 2245},
    {"::1", NULL, "::1", 2245},
    {"u@fd00::1", "u", "fd00::1", 2245},
    {"-p 22 h", NULL, "h", 22},
    {"h -p 22", NULL, "h", 22},
    {"--port=22 [::1]", NULL, "::1", 22},
};

Test(settings, server)
{
	for (size_t i = 0; i < COUNT(servers); i++) {
		char line[128], conf[128];

		snprintf(line, sizeof(line), "-L 1 %s", servers[i].line);
		cr_expect_eq(read_line(line), GO_ON, "%s: %s", line, out[1]);
		cr_expect_str_eq(s.host, servers[i].host);
		cr_expect_str_eq(s.user, servers[i].user ? servers[i].user : login());
		cr_expect_eq(s.port, servers[i].port, "%s: %u", line, s.port);
		if (strchr(servers[i].line, ' '))
			continue;
		snprintf(conf, sizeof(conf), "listen = \"1\"; server = \"%s\";", servers[i].line);
		cr_expect_eq(read_conf(conf), GO_ON, "%s: %s", conf, out[1]);
		cr_expect_str_eq(s.host, servers[i].host);
		cr_expect_eq(s.port, servers[i].port, "%s: %u", conf, s.port);
	}
}

/* "-T" of the servers: USER@HOST:PORT, and pins. */
static void expect_servers(const char *what, const char *wanted)
{
	char got[512] = "";

	for (size_t i = 0; i < s.n_servers; i++) {
		const struct settings_server *v = &s.servers[i];
		size_t n = strlen(got);

		n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%s@%s:%u", i ? " " : "",
				      strcmp(v->user, login()) == 0 ? "" : v->user, v->host,
				      v->port);
		for (size_t k = 0; k < v->n_pins; k++)
			n += (size_t)snprintf(got + n, sizeof(got) - n, "%c",
					      strcmp(v->pins[k], PIN_A) == 0 ? 'A' : 'B');
	}
	cr_expect_str_eq(got, wanted, "%s: %s", what, got);
}

static const struct {
	const char *line, *conf, *wanted; /* conf NULL: on the command line only */
} several[] = {
    {"h g:22", "[ \"h\", \"g:22\" ]", "@h:2245 @g:22"},
    {"u@h ssh://v@g/", "( \"u@h\", \"ssh://v@g/\" )", "u@h:2245 v@g:2245"},
    {"-p 9 h g", NULL, "@h:9 @g:9"},
    {"h,hostkey=" PIN_A, "\"h,hostkey=" PIN_A "\"", "@h:2245A"},
    {"ssh://u@h:1/,hostkey=" PIN_A ",hostkey=" PIN_B " g",
     "[ \"ssh://u@h:1/,hostkey=" PIN_A ",hostkey=" PIN_B "\", \"g\" ]", "u@h:1AB @g:2245"},
    {"u,x@h g", "[ \"u,x@h\", \"g\" ]", "u,x@h:2245 @g:2245"},
    {"1 2 3 4 5 6 7 8", NULL, "@1:2245 @2:2245 @3:2245 @4:2245 @5:2245 @6:2245 @7:2245 @8:2245"},
};

Test(settings, several_servers)
{
	int saved[2];

	for (size_t i = 0; i < COUNT(several); i++) {
		char line[512];

		snprintf(line, sizeof(line), "-L 1 %s", several[i].line);
		cr_expect_eq(read_line(line), GO_ON, "%s: %s", line, out[1]);
		expect_servers(line, several[i].wanted);
		capture(saved);
		options_print(&settings_options, &s);
		release(saved);
		cr_expect_eq(read_conf(out[0]), GO_ON, "%s: %s", out[0], out[1]);
		expect_servers(line, several[i].wanted);
		if (!several[i].conf)
			continue;
		snprintf(line, sizeof(line), "listen = \"1\"; server = %s;", several[i].conf);
		cr_expect_eq(read_conf(line), GO_ON, "%s: %s", line, out[1]);
		expect_servers(line, several[i].wanted);
	}
	write_to(file, "server = [ \"h\", \"g\" ]; listen = \"1\"; order = \"random\";");
	cr_expect_eq(read_line("F"), GO_ON, "%s", out[1]);
	cr_expect(s.order == SETTINGS_RANDOM && s.return_to_first == 0);
	cr_expect_eq(read_line("F --order listed --return-to-first 60 f"), GO_ON, "%s", out[1]);
	expect_servers("a list is replaced as a whole", "@f:2245");
	cr_expect(s.order == SETTINGS_LISTED && s.return_to_first == 60);
	cr_expect_eq(read_line("F -p 9"), GO_ON, "%s", out[1]);
	expect_servers("the port of all", "@h:9 @g:9");
}

/* Each server's own pins, or those of all. */
Test(settings, aim)
{
	struct settings view;

	cr_assert_eq(read_line("-L 1 h,hostkey=" PIN_A " u@g:22 --hostkey " PIN_B), GO_ON, "%s",
		     out[1]);
	for (size_t i = 0; i < 2; i++) {
		settings_aim(&view, &s, i);
		cr_expect_eq(view.n_servers, 1);
		cr_expect_str_eq(view.host, i ? "g" : "h");
		cr_expect_str_eq(view.user, i ? "u" : login());
		cr_expect_eq(view.port, i ? 22 : 2245);
		cr_expect_eq(view.n_pins, 1);
		cr_expect_str_eq(view.pins[0], i ? PIN_B : PIN_A);
	}
}

Test(settings, short_options)
{
	cr_expect_eq(read_line("-L 4565:confd -vi /id -L /a:/b,mode=0660 -tT -p22 u@h"), GO_ON,
		     "%s", out[1]);
	cr_expect_eq(s.n_specs, 2);
	cr_expect_str_eq(s.specs[0].to.host, "confd");
	cr_expect_eq(s.specs[1].perm.mode, 0660);
	cr_expect_str_eq(s.identity, "/id");
	cr_expect_eq(s.verbosity, LOG_DEBUG);
	cr_expect(s.test && s.print);
}

Test(settings, long_options)
{
	cr_expect_eq(
	    read_line(
		"--listen=*:1 h --listen 2 --identity ~/id --hostkey " PIN_A " --hostkey=" PIN_B
		" --known-hosts /k --keepalive 4 --connect-timeout=3600 --unsafe-listen --log json "
		"--reconnect-max 1 --via nc --quiet --test --print"),
	    GO_ON, "%s", out[1]);
	cr_expect_eq(s.n_specs, 2);
	cr_expect_str_eq(s.identity, in_home("id"));
	cr_expect_eq(s.n_pins, 2);
	cr_expect_str_eq(s.pins[1], PIN_B);
	cr_expect_str_eq(s.known_hosts, "/k");
	cr_expect_eq(s.keepalive, 4);
	cr_expect_eq(s.connect_timeout, 3600);
	cr_expect_eq(s.reconnect_max, 1);
	cr_expect_str_eq(s.via, "nc");
	cr_expect_eq(s.log.sink, LOG_SINK_JSON);
	cr_expect_eq(s.verbosity, LOG_NOTICE);
	cr_expect(s.unsafe_listen && s.test && s.print);
}

Test(settings, verbosity_has_ends)
{
	cr_expect_eq(read_line("-L 1 h -vvvv"), GO_ON);
	cr_expect_eq(s.verbosity, LOG_DEBUG);
	cr_expect_eq(read_line("-L 1 h -qqqqqqqqq"), GO_ON);
	cr_expect_eq(s.verbosity, LOG_ERR);
	write_to(file, NEEDED "verbosity = \"warning\";");
	cr_expect_eq(read_line("F -v"), GO_ON);
	cr_expect_eq(s.verbosity, LOG_NOTICE);
}

/* What the one line on stderr must hold besides the hint. */
static const struct {
	const char *line, *says;
} refused[] = {
    {"E", "\"\": "},
    {"-L 1", "no server: give [USER@]HOST[:PORT]"},
    {"h", "nothing to listen on: give -L SPEC"},
    {"-L 1 h -x", "unknown option '-x'"},
    {"-L 1 h --quiet -xv", "unknown option '-x'"},
    {"-L 1 h -vx", "unknown option '-x'"},
    {"-L 1 h --nope", "unknown option '--nope'"},
    {"-L 1 h --nope=3", "unknown option '--nope=3'"},
    {"-L 1 h --verbose=3", "option '--verbose' takes no value"},
    {"-L 1 h --unsafe-listen=1", "option '--unsafe-listen' takes no value"},
    {"h -L", "option '--listen' needs a value"},
    {"h --listen", "option '--listen' needs a value"},
    {"h --hostkey", "option '--hostkey' needs a value"},
    {"h -L E", "the value of option '--listen' is empty"},
    {"-L 1 h --keygen E", "the value of option '--keygen' is empty"},
    {"-L 1 h -i a -i b", "option '--identity' is given twice"},
    {"-L 1 h -p 1 --port 2", "option '--port' is given twice"},
    {"F -f x", "option '--config' is given twice"},
    {"h g", "nothing to listen on: give -L SPEC, for example -L 4565:confd, or set listen in the "
	    "configuration file; a COMMAND follows --"},
    {"-L 1 1 2 3 4 5 6 7 8 9", "unexpected argument '9'"},
    {"-L 1 h g:22 -p 22", "the port is given twice"},
    {"-L 1 h g:0", "\"g:0\": "},
    {"-L 1 h,", "\"h,\": expected ,hostkey=SHA256:... behind"},
    {"-L 1 h,pin=1", "\"h,pin=1\": expected ,hostkey=SHA256:... behind"},
    {"-L 1 h,hostkey=SHA256:0", "\"h,hostkey=SHA256:0\": expected SHA256: and 43"},
    {"-L 1 h,hostkey=" PIN_A "A", "expected SHA256: and 43"},
    {"-L 1 h,hostkey=" PIN_A ",", "expected ,hostkey="},
    {"-L 1 ,hostkey=" PIN_A, "expected [ssh://][USER@]HOST"},
    {"-L 1 h --order first", "--order \"first\": expected listed or random"},
    {"-L 1 h g --return-to-first 5 --order random", "--return-to-first goes with neither"},
    {"-L 1 h g --return-to-first 5 --via nc", "--return-to-first goes with neither"},
    {"-L 1 h u@-g --via nc", "--via: '-g' is no name"},
    {"-L 4565x h", "--listen \"4565x\": expected a port"},
    {"-L *:1 h", "--unsafe-listen"},
    {"-L x h", "(for example 4565:confd, or /run/local.sock:"},
    {"-L 1 h --hostkey MD5:0", "--hostkey \"MD5:0\": expected SHA256:"},
    {"-L 1 h -p 0", "option '--port' takes a number from 1 to 65535"},
    {"-L 1 h -p 65536", "option '--port' takes"},
    {"-L 1 h -p 22x", "option '--port' takes"},
    {"-L 1 h:22 -p 22", "the port is given twice"},
    {"-L 1 h --keepalive 3", "option '--keepalive' takes a number from 4 to 3600"},
    {"-L 1 h --keepalive 3601", "option '--keepalive' takes"},
    {"-L 1 h --connect-timeout 0", "option '--connect-timeout' takes a number from 1 to 3600"},
    {"-L 1 h --connect-timeout -1", "option '--connect-timeout' takes"},
    {"-L 1 h --reconnect-max 0", "option '--reconnect-max' takes a number from 1 to 3600"},
    {"-L 1 h --via %r", "--via \"%r\": %h, %p and %% are all"},
    {"-L 1 h --via nc --via nc", "option '--via' is given twice"},
    {"-L 1 -p 1 h --via nc -vv -t -T --via E", "the value of option '--via' is empty"},
    {"-L 1 u@-h --via nc", "--via: '-h' is no name"},
    {"-L 1 h --log file",
     "--log \"file\": expected stderr, syslog or json; or a file: /FILE or json:/FILE"},
    {"-L 1 @h", "no tunnel 'h' in /dev/null"},
    {"@a @a", "'@a' is a second tunnel"},
    {"h @a", "'@a' is a tunnel of the file"},
    {"@a h", "unexpected argument 'h'"},
    {"-L 1 u@", "\"u@\": "},
    {"-L 1 ::1:22245",
     "\"::1:22245\": expected [ssh://][USER@]HOST[:PORT][,hostkey=SHA256:...], where an IPv6 HOST"},
    {"-L 1 u@", "\"u@\": expected [ssh://][USER@]HOST[:PORT]"},
    {"-L 1 :22", "\":22\": expected [ssh://][USER@]HOST[:PORT]"},
    {"-L 1 /path", "\"/path\": expected [ssh://][USER@]HOST[:PORT]"},
    {"-L 1 ssh://", "\"ssh://\": "},
    {"-L 1 ssh:///", "\"ssh:///\": expected"},
    {"-L 1 ssh://u@/", "\"ssh://u@/\": expected"},
    {"-L 1 ssh://h/path", "\"ssh://h/path\": "},
    {"-L 1 ssh://h//", "\"ssh://h//\": "},
    {"-L 1 ssh://u:secret@h", "expected [ssh://][USER@]HOST[:PORT]"},
    {"-L 1 http://u@h", "expected [ssh://][USER@]HOST[:PORT]"},
    {"-L 1 http://h", "\"http://h\": "},
    {"-L 1 h/", "\"h/\": "},
    {"-L localhost:1 -L 127.0.0.1:1 h", "a listener before it has this address"},
    {"-L [::1]:1 -L localhost:1 h", "a listener before it has this address"},
    {"-L localhost:1 -L localhost:1 h", "a listener before it has this address"},
    {"-L 1 h:", "\"h:\": the port"},
    {"-L 1 h:0", "1 to 65535"},
    {"-L 1 h:x", "1 to 65535"},
    {"-L 1 :22", "\":22\": "},
    {"-L 1 h:1:2", "brackets"},
    {"-L 1 [h]:22", "brackets"},
    {"-L 1 [::1", "\"[::1\": "},
    {"-L 1 .", "dot"},
    {"-L 1 h\n", "\"h\\x0a\": "},
    {"-L 1 h --", "no COMMAND follows --"},
    {"1 2 3 4 5 6 7 8 9 -- c", "unexpected argument '9'; a COMMAND follows --"},
    {"-L 1 -- h", "no server"},
    {"h --while-down wait", "--while-down \"wait\": expected hold, hold:SECONDS (1 to 3600) or"},
    {"-L 1 h --while-down hold:0", "expected hold"},
    {"-L 1 h --while-down hold:3601", "expected hold"},
    {"-L 1 h --while-down hold:1s", "expected hold"},
    {"-L 1 h --stdio", "--stdio goes with neither -L nor a COMMAND"},
    {"h --stdio -- c", "--stdio goes with neither -L nor a COMMAND"},
    {"h --stdio=relative.sock", "--stdio \"relative.sock\": "},
    {"h --stdio=h:0", "--stdio \"h:0\": the port is not"},
    {"-L 1 h --print-dbus-address", "--stdio goes with neither -L"},
    {"-L 1 h --env A=b", "--env goes with a COMMAND only"},
    {"h --env A -- c", "--env \"A\": expected NAME=TEMPLATE"},
    {"h --env =b -- c", "expected NAME=TEMPLATE"},
    {"h --env 1A=b -- c", "expected NAME=TEMPLATE"},
    {"h --env A-B=b -- c", "expected NAME=TEMPLATE"},
    {"h --ready-fd 3 -- c", "--ready-fd goes with -L only"},
    {"h --ready-fd 3 --stdio", "--ready-fd goes with -L only"},
    {"-L 1 h --ready-fd 2", "option '--ready-fd' takes a number from 3 to 65535"},
    {"-L 1 h --check=all", "--check \"all\": expected nothing, or connect"},
    {"-L 1 h --json", "--json goes with --check"},
    {"-L 1 h --check --json=x", "option '--json' takes no value"},
    {"-L 1 h --agent-key", "option '--agent-key' needs a value"},
    {"-L 1 h --agent-key=SHA256:x", "--agent-key \"SHA256:x\": expected SHA256:"},
    {"-L 1 h --agent-key " PIN_A " --agent-key " PIN_A, "option '--agent-key' is given twice"},
    {"-L 1 h -i key --agent-key " PIN_A, "give --identity or --agent-key"},
};

Test(settings, refusals)
{
	for (size_t i = 0; i < COUNT(refused); i++) {
		const char *err = out[1], *hint = "; see sshipc-client --help\n",
			   *line = refused[i].line;

		cr_expect_eq(read_line(line), 64, "\"%s\" was taken", line);
		cr_expect_eq(strncmp(err, "sshipc-client: ", 15), 0, "\"%s\": %s", line, err);
		cr_expect(strstr(err, refused[i].says), "\"%s\": %s", line, err);
		cr_expect(strstr(err, hint) && strchr(err, '\n') == err + strlen(err) - 1,
			  "\"%s\": %s", line, err);
		cr_expect_str_eq(out[0], "");
	}
}

/* A command and stdio have no listeners but their own, and few words. */
Test(settings, modes)
{
	write_to(file, NEEDED "while_down = \"hold:30\"; exit_on_refusal = true;");
	cr_expect_eq(read_line("F"), GO_ON, "%s", out[1]);
	cr_expect(s.n_specs == 1 && !s.command && !s.stdio && s.hold == 30 && s.exit_on_refusal);
	cr_expect_eq(read_line("F --while-down refuse -- c -x -- --stdio"), GO_ON, "%s", out[1]);
	cr_expect(s.n_specs == 0 && s.hold == 0 && s.verbosity == LOG_WARNING && !s.stdio);
	cr_expect_str_eq(s.host, "h");
	cr_expect_str_eq(s.command[0], "c");
	cr_expect_str_eq(s.command[3], "--stdio");
	cr_expect_null(s.command[4]);
	cr_expect_eq(read_line("F --env A={addr} -L 2 -- c"), GO_ON, "%s", out[1]);
	cr_expect(s.n_specs == 1 && s.n_env == 1 && strcmp(s.env[0], "A={addr}") == 0);
	cr_expect_eq(read_line("F --stdio"), GO_ON, "%s", out[1]);
	cr_expect(s.n_specs == 0 && s.stdio && s.stdio_to.kind == DESTINATION_DEFAULT);
	cr_expect_eq(s.verbosity, LOG_WARNING);
	cr_expect_eq(read_line("F --stdio=/run/x.sock -v -v"), GO_ON, "%s", out[1]);
	cr_expect(s.stdio_to.kind == DESTINATION_UNIX && s.verbosity == LOG_INFO);
	cr_expect_eq(read_line("F --print-dbus-address"), GO_ON, "%s", out[1]);
	cr_expect(s.stdio && s.print_dbus);
}

static void expect_too_many(int n, const char *word, const char *says)
{
	char line[2048] = "h -L 0 ";

	for (int i = 0; i < n; i++) {
		size_t len = strlen(line);

		cr_assert_eq(read_line(line), GO_ON, "%d: %s", i, out[1]);
		snprintf(line + len, sizeof(line) - len, "%s ", word);
	}
	cr_expect_eq(read_line(line), 64);
	cr_expect(strstr(out[1], says), "%s", out[1]);
}

Test(settings, too_many)
{
	char line[320];

	expect_too_many(SETTINGS_SPECS, "-L 0", "too many listeners");
	expect_too_many(SETTINGS_PINS + 1, "--hostkey " PIN_A, "too many host keys");
	expect_too_many(127, "-v", "too many options"); /* with -f and -L: 129 */
	snprintf(line, sizeof(line), "-L 0 %0300d", 0);
	cr_expect_eq(read_line(line), 64);
}

static void details(void)
{
	printf("details\n");
}

Test(settings, help_and_version)
{
	cr_expect_eq(read_line("--help"), 0);
	cr_expect_str_eq(out[1], "");
	for (char *l = strtok(out[0], "\n"); l; l = strtok(NULL, "\n"))
		cr_expect_lt(strlen(l), 80, "%s", l);
	cr_expect_eq(read_line("-h -L x"), 0);
	cr_expect_eq(strncmp(out[0], "Usage: sshipc-client ", 21), 0);
	cr_expect(strstr(out[0], "--known-hosts") && strstr(out[0], "76 "), "%s", out[0]);
	options_version_details = details;
	cr_expect_eq(read_line("-V"), 0);
	cr_expect_str_eq(out[0], "sshipc-client " SSHIPC_VERSION "\ndetails\n");
	cr_expect_eq(read_line("--version"), 0);
}

Test(settings, keygen_needs_nothing)
{
	write_to(file, "nonsense");
	cr_expect_eq(read_line("F --keygen /k"), GO_ON, "%s", out[1]);
	cr_expect_str_eq(s.keygen, "/k");
}

#define FULL                                                                                       \
	"server = \"u@h:22\";\nlisten = [ \"*:1:confd\", \"/a:/b,mode=0660\" ];\nidentity = "      \
	"\"~/id\";\n"                                                                              \
	"hostkeys = [ \"" PIN_A "\", \"" PIN_B                                                     \
	"\" ];\nknown_hosts = \"/k\";\nglobal_known_hosts = \"/g\";\n"                             \
	"algorithms = \"compatible\";\nkeepalive = 4;\nconnect_timeout = 60;\nreconnect_max = "    \
	"9;\nvia = \"nc %h\";\nlog = \"syslog\";\n"                                                \
	"verbosity = \"debug\";\nunsafe_listen = true;\n"

static void expect_full(void)
{
	cr_expect_str_eq(s.user, "u");
	cr_expect_str_eq(s.host, "h");
	cr_expect_eq(s.port, 22);
	cr_expect_eq(s.n_specs, 2);
	cr_expect_str_eq(s.specs[0].text, "*:1:confd");
	cr_expect_str_eq(s.specs[1].text, "/a:/b,mode=0660");
	cr_expect_str_eq(s.identity, in_home("id"));
	cr_expect_eq(s.n_pins, 2);
	cr_expect_str_eq(s.pins[0], PIN_A);
	cr_expect_str_eq(s.known_hosts, "/k");
	cr_expect_str_eq(s.global_known_hosts, "/g");
	cr_expect_eq(s.algorithms, ALGORITHMS_COMPATIBLE);
	cr_expect_eq(s.keepalive, 4);
	cr_expect_eq(s.connect_timeout, 60);
	cr_expect_eq(s.reconnect_max, 9);
	cr_expect_str_eq(s.via, "nc %h");
	cr_expect_eq(s.log.sink, LOG_SINK_SYSLOG);
	cr_expect_eq(s.verbosity, LOG_DEBUG);
	cr_expect(s.unsafe_listen);
}

/* What -T prints is a file that says the same. */
Test(settings, file_and_print)
{
	int saved[2];

	cr_assert_eq(read_conf(FULL), GO_ON, "%s", out[1]);
	expect_full();
	for (int i = 0; i < 2; i++) {
		capture(saved);
		options_print(&settings_options, &s);
		release(saved);
		cr_assert_eq(read_conf(out[0]), GO_ON, "%s", out[1]);
		expect_full();
	}
	cr_assert_eq(read_line("-L 1 ::1 -i /a\"b\\c"), GO_ON, "%s", out[1]);
	capture(saved);
	options_print(&settings_options, &s);
	release(saved);
	cr_assert_eq(read_conf(out[0]), GO_ON, "%s", out[1]);
	cr_expect_str_eq(s.host, "::1");
	cr_expect_str_eq(s.identity, "/a\"b\\c");
}

Test(settings, command_line_replaces_the_file)
{
	write_to(file, FULL);
	cr_expect_eq(read_line("F -L 7 --hostkey " PIN_B " -i /i --keepalive 9 -q h2"), GO_ON, "%s",
		     out[1]);
	cr_expect_str_eq(s.host, "h2");
	cr_expect_str_eq(s.user, login());
	cr_expect_eq(s.port, 2245);
	cr_expect_eq(s.n_specs, 1);
	cr_expect_str_eq(s.specs[0].text, "7");
	cr_expect_eq(s.n_pins, 1);
	cr_expect_str_eq(s.pins[0], PIN_B);
	cr_expect_str_eq(s.identity, "/i");
	cr_expect_eq(s.keepalive, 9);
	cr_expect_eq(s.verbosity, LOG_INFO);
	cr_expect_eq(s.connect_timeout, 60);
	cr_expect_eq(read_line("F -p 9"), GO_ON, "%s", out[1]);
	cr_expect_str_eq(s.host, "h");
	cr_expect_eq(s.port, 9);
	write_to(file, "unsafe_listen = false; listen = \"*:1\";");
	cr_expect_eq(read_line("F h"), 78);
	cr_expect_eq(read_line("F --unsafe-listen h"), GO_ON, "%s", out[1]);
	cr_expect(s.unsafe_listen);
}

#define TUNNELS                                                                                    \
	"server = \"u@h\";\nlisten = [ \"1\", \"2\" ];\nagent_key = \"" PIN_A "\";\nhostkeys = "   \
	"\"" PIN_A "\";\nkeepalive = 20;\n"                                                        \
	"tunnels = ( { name = \"a\"; identity = \"/a\"; listen = \"3\"; keepalive = 30; },\n"      \
	"{ server = \"h2:9\"; hostkeys = \"" PIN_B "\"; name = \"b\"; } );\n"

/* What stands outside holds for all; a list is replaced as a whole. */
Test(settings, tunnels)
{
	write_to(file, TUNNELS);
	cr_assert_eq(read_line("F @a"), GO_ON, "%s", out[1]);
	cr_expect_str_eq(s.tunnel, "a");
	cr_expect_str_eq(s.host, "h");
	cr_expect_str_eq(s.identity, "/a");
	cr_expect_null(s.agent_key);
	cr_expect_eq(s.n_specs, 1);
	cr_expect_str_eq(s.specs[0].text, "3");
	cr_expect_str_eq(s.pins[0], PIN_A);
	cr_expect_eq(s.keepalive, 30);

	cr_assert_eq(read_line("F -L 4 @b"), GO_ON, "%s", out[1]);
	cr_expect_str_eq(s.host, "h2");
	cr_expect_eq(s.port, 9);
	cr_expect_str_eq(s.user, login());
	cr_expect_str_eq(s.agent_key, PIN_A);
	cr_expect_eq(s.n_specs, 1);
	cr_expect_str_eq(s.specs[0].text, "4");
	cr_expect_eq(s.n_pins, 1);
	cr_expect_str_eq(s.pins[0], PIN_B);
	cr_expect_eq(s.keepalive, 20);

	cr_assert_eq(read_line("F"), GO_ON, "%s", out[1]);
	cr_expect(!s.tunnel && s.n_specs == 2 && s.keepalive == 20);
	cr_expect_eq(read_line("F @c"), 64);
	cr_expect_eq(read_line("F @a @b"), 64);
	cr_expect(strstr(out[1], "'@b' is a second tunnel"), "%s", out[1]);
}

static const struct {
	const char *content;
	unsigned line;
	const char *says;
} faulty[] = {
    {NEEDED "colour = 1;", 2, "unknown setting 'colour'"},
    {NEEDED "server = \"h\";", 2, ""}, /* twice */
    {"listen = 1;", 1, "listen"},
    {"listen = [ \"1\",\n\"x\" ];", 2, "listen: \"x\": expected a port"},
    {"\nlisten = \"*:1\";", 2, "--unsafe-listen"},
    {"server = \"h:0\";", 1, "server: \"h:0\": the port"},
    {"server = 1;", 1, "server: expected a text in double quotes or a list"},
    {"server = [ \"h\",\n\"g:0\" ];", 2, "server: \"g:0\": the port"},
    {"server = ( \"h\",\n{ } );", 2, "server: expected texts in double quotes only"},
    {"server = [ \"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\",\n\"9\" ];", 2,
     "server: \"9\": there are too many servers"},
    {"server = \"h,hostkey=x\";", 1, "server: \"h,hostkey=x\": expected SHA256: and 43"},
    {"order = \"first\";", 1, "order: \"first\": expected listed or random"},
    {"return_to_first = -1;", 1, "return_to_first: expected a number from 0 to 86400"},
    {"identity = \"\";", 1, "identity: \"\": a file's name is empty"},
    {"hostkeys = \"SHA256:x\";", 1, "hostkeys: \"SHA256:x\": expected SHA256:"},
    {"algorithms = \"old\";", 1, "expected default or compatible"},
    {"algorithms = \"compat\";", 1, "expected default or compatible"},
    {"algorithms = \"Default\";", 1, "expected default or compatible"},
    {"identity = \"/k\";\nagent_key = \"" PIN_A "\";", 2, "one key is offered"},
    {"tunnels = ( { name = \"a\";\nagent_key = \"" PIN_A "\"; identity = \"/k\"; } );", 2,
     "one key is offered"},
    {"log = \"file\";", 1, "expected stderr, syslog or json; or a file: /FILE or json:/FILE"},
    {"verbosity = \"loud\";", 1, "expected error, warning, notice, info or debug"},
    {"keepalive = 3;", 1, "keepalive: expected a number from 4 to 3600"},
    {"connect_timeout = 3601;", 1, "connect_timeout: expected a number from 1 to 3600"},
    {"reconnect_max = 0;", 1, "reconnect_max: expected a number from 1 to 3600"},
    {"via = \"nc %x\";", 1, "via: \"nc %x\": "},
    {"unsafe_listen = 1;", 1, "unsafe_listen: expected true or false"},
    {"tunnels = 1;", 1, "a list of groups"},
    {"tunnels = ( 1 );", 1, "groups only"},
    {"tunnels = (\n{ listen = \"1\"; } );", 2, "tunnels: each has a name"},
    {"server = \"h\"; tunnels = (\n{ name = \"a\"; },\n{ name = \"a\"; } );", 3,
     "\"a\" is there twice"},
    {"tunnels = (\n{ name = \"1a\"; } );", 2, "a letter"},
    {"tunnels = (\n{ name = \"a\";\ncolour = 1; } );", 3, "unknown setting 'colour'"},
    {"tunnels = (\n{ name = \"a\";\nlisten = \"x\"; } );", 3, "listen: \"x\": expected"},
    {"tunnels = (\n{ name = \"a\";\ntunnels = (); } );", 3, "unknown setting 'tunnels'"},
    {"server = ", 1, "syntax error"},
};

Test(settings, faults_of_the_file)
{
	for (size_t i = 0; i < COUNT(faulty); i++) {
		char where[96];

		cr_expect_eq(read_conf(faulty[i].content), 78, "\"%s\" was taken",
			     faulty[i].content);
		snprintf(where, sizeof(where), "%s:%u: ", file, faulty[i].line);
		cr_expect_eq(strncmp(out[1], where, strlen(where)), 0, "\"%s\": %s",
			     faulty[i].content, out[1]);
		cr_expect(strstr(out[1], faulty[i].says), "\"%s\": %s", faulty[i].content, out[1]);
	}
	/* All of them, not the first. */
	cr_expect_eq(read_conf("log = \"a\";\nverbosity = \"b\";\n"), 78);
	cr_expect(strstr(out[1], ":1: log: \"a\"") && strstr(out[1], ":2: verbosity: \"b\""), "%s",
		  out[1]);
	unlink(file);
	cr_expect_eq(read_line("F -L 1 h"), 78, "a file that was asked for is missing");
	cr_expect(strstr(out[1], "No such file"), "%s", out[1]);
}

Test(settings, default_file_of_the_user)
{
	char path[128];

	if (access("/etc/sshipc/client.conf", F_OK) == 0)
		cr_skip_test("this machine has a configuration");
	cr_expect_eq(read_line("D -L 1 h"), GO_ON, "%s", out[1]);
	mkdir(in_home(".config"), 0700);
	mkdir(in_home(".config/sshipc"), 0700);
	snprintf(path, sizeof(path), "%s", in_home(".config/sshipc/client.conf"));
	write_to(path, NEEDED "keepalive = 77;\n");
	cr_expect_eq(read_line("D"), GO_ON, "%s", out[1]);
	cr_expect_eq(s.keepalive, 77);
	cr_expect_eq(unlink(path), 0);
	cr_expect_eq(rmdir(in_home(".config/sshipc")), 0);
	cr_expect_eq(rmdir(in_home(".config")), 0);
}

/* etc/client.conf with its comment signs taken away, but for most of the examples. */
Test(settings, example_file)
{
	FILE *in = fopen("etc/client.conf", "r"), *f = fopen(file, "w");
	char line[256];

	if (!in)
		cr_skip_test("not run from the top of the source tree");
	cr_assert(f);
	while (fgets(line, sizeof(line), in)) {
		const char *first = line + 1 + strspn(line + 1, " ");
		const bool of_list = line[0] == '#' && (*first == '{' || *first == ')');

		if (of_list || (line[0] == '#' && line[1] >= 'a' && line[1] <= 'z') ||
		    strncmp(line, "# server =", 10) == 0 || strncmp(line, "# tunnels =", 11) == 0)
			fputs(line + 1, f);
	}
	fclose(in);
	fclose(f);
	cr_expect_eq(read_line("F -L 1"), GO_ON, "%s", out[1]);
	cr_expect_str_eq(s.host, "ipc.example.org");
	expect_defaults();
	cr_expect_eq(read_line("F @hub"), GO_ON, "%s", out[1]);
	cr_expect_str_eq(s.host, "hub.example.org");
}
