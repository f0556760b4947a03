// SPDX-License-Identifier: BSD-2-Clause
#include "settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "alloc.h"
#include "option.h"

#define PROGRAM	       "sshipc-server"
#define DEFAULT_LISTEN "*:2245"
#define GO_ON	       (-1)
#define usage(...)     option_usage(PROGRAM, __VA_ARGS__)

void (*settings_version_details)(void);

/* What the command line says, until the file is read. */
struct options {
	struct settings given;
	bool log;
	int louder;
};

enum {
	OPT_GENERATE = 256,
	OPT_LOG,
	OPT_UNSAFE_ENDPOINT,
	OPT_NO_SANDBOX,
	OPT_CONTROL,
	OPT_EXPLAIN,
	OPT_KEY, /* from here on in the order of enum explain_option */
	OPT_FROM,
	OPT_AT,
	OPT_DEST,
};

static const char shorts[] = "+:f:l:k:a:e:u:tTvqhV";
static const struct option longs[] = {
    {"config", required_argument, NULL, 'f'},
    {"listen", required_argument, NULL, 'l'},
    {"hostkey", required_argument, NULL, 'k'},
    {"allowlist", required_argument, NULL, 'a'},
    {"endpoint", required_argument, NULL, 'e'},
    {"user", required_argument, NULL, 'u'},
    {"test", no_argument, NULL, 't'},
    {"print", no_argument, NULL, 'T'},
    {"verbose", no_argument, NULL, 'v'},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {"generate-hostkey", required_argument, NULL, OPT_GENERATE},
    {"log", required_argument, NULL, OPT_LOG},
    {"unsafe-endpoint", no_argument, NULL, OPT_UNSAFE_ENDPOINT},
    {"unsafe-no-sandbox", no_argument, NULL, OPT_NO_SANDBOX},
    {"control", required_argument, NULL, OPT_CONTROL},
    {"explain", no_argument, NULL, OPT_EXPLAIN},
    {"key", required_argument, NULL, OPT_KEY},
    {"from", required_argument, NULL, OPT_FROM},
    {"at", required_argument, NULL, OPT_AT},
    {"dest", required_argument, NULL, OPT_DEST},
    {NULL, 0, NULL, 0},
};

static const char help[] =
    "Usage: " PROGRAM " [OPTION]...\n"
    "       " PROGRAM " --generate-hostkey FILE\n"
    "       " PROGRAM " ctl --help\n"
    "       " PROGRAM " [OPTION]... --explain --key FILE --from ADDRESS\n"
    "\n"
    "Carries to each SSH key of its allow list one IPC endpoint, and nothing else.\n"
    "\n"
    "  -f, --config FILE       settings; default " SETTINGS_CONFIG ",\n"
    "                          read if it exists and none of -k, -a, -e is given\n"
    "  -l, --listen ADDRESS    HOST:PORT, [V6]:PORT or PORT, where PORT 0 is any\n"
    "                          free one; repeatable; default " DEFAULT_LISTEN "\n"
    "  -k, --hostkey FILE      private host key; repeatable, one of each type\n"
    "  -a, --allowlist FILE    the keys that may log in, as in authorized_keys\n"
    "  -e, --endpoint [NAME[:KIND]=]ADDRESS\n"
    "                          what they reach: numeric HOST:PORT, [V6]:PORT,\n"
    "                          /path/of.sock or @abstract; KIND confd, nso, dbus,\n"
    "                          docker, postgres, other (its name); repeatable\n"
    "  -u, --user USER         name or uid that endpoints see and sessions have,\n"
    "                          when started as root; default sshipc, else nobody\n"
    "      --control PATH      Unix socket for " PROGRAM " ctl; by default\n"
    "                          " SETTINGS_CONTROL " with settings, else none\n"
    "  -t, --test              check settings, keys and allow list, then exit\n"
    "  -T, --print             print the effective settings and who may reach what\n"
    "  -v, --verbose           log more; repeatable\n"
    "  -q, --quiet             log less; repeatable\n"
    "      --log SINK          stderr (default), syslog or json\n"
    "      --generate-hostkey FILE\n"
    "                          make an Ed25519 key in FILE and FILE.pub, then exit\n"
    "      --explain           say what a login and an open would get, and why:\n"
    "      --key FILE          with this public key (one line, as in id.pub)\n"
    "      --from ADDRESS      from this IP address\n"
    "      --at TIME           YYYY-MM-DD HH:MM[:SS], then Z for UTC; default now\n"
    "      --dest DESTINATION  HOST:PORT, NAME, /path or (default) \".\", its endpoint\n"
    "      --unsafe-endpoint   allow -e addresses that are not loopback\n"
    "      --unsafe-no-sandbox do not confine our processes: for debuggers only\n"
    "  -h, --help              this text\n"
    "  -V, --version           versions, and what this libssh can do\n"
    "\n"
    "Options replace what the file says, a list as a whole.\n"
    "\n"
    "Exit codes:  0  ended in order, nothing is wrong (-t), granted (--explain)\n"
    "            64  wrong usage\n"
    "            69  an address cannot be listened on\n"
    "            70  a helper process ended unexpectedly\n"
    "            71  the system refused what is needed to run\n"
    "            73  a key file cannot be made (--generate-hostkey)\n"
    "            77  refused (--explain)\n"
    "            78  wrong settings, keys, allow list or sshipc-session\n";

static int print_version(void)
{
	printf(PROGRAM " " SSHIPC_VERSION "\n");
	if (settings_version_details)
		settings_version_details();
	return EX_OK;
}

/* The last of two would win in silence, and with it perhaps the wrong allow list. */
static int set_once(char **target, const char *option, const char *value)
{
	if (*target)
		return usage("option '%s' is given twice", option);
	*target = xstrdup(value);
	return GO_ON;
}

static int add(const char *option, const char *value, int rc, const char *why)
{
	return rc < 0 ? usage("%s '%s': %s", option, value, why) : GO_ON;
}

static int add_endpoint(struct settings *s, const char *value)
{
	struct endpoint e;
	const char *why = NULL;
	int rc = endpoint_parse(value, &e, &why);

	if (rc == 0)
		rc = settings_add_endpoint(s, &e, &why);
	return add("-e", value, rc, why);
}

static int set_explain(struct settings *s, int c, const char *value)
{
	static const char *const names[] = {"--key", "--from", "--at", "--dest"};
	const char *why = NULL;
	int rc = explain_set(&s->explain, (enum explain_option)(c - OPT_KEY), value, &why);

	return add(names[c - OPT_KEY], value, rc, why);
}

static int set_option(struct options *o, int c, const char *value)
{
	struct settings *s = &o->given;
	const char *why = "";
	int rc = 0;

	switch (c) {
	case 'f':
		return set_once(&s->config, "-f", value);
	case 'a':
		return set_once(&s->allowlist, "-a", value);
	case 'u':
		return set_once(&s->user, "-u", value);
	case OPT_GENERATE:
		return set_once(&s->generate_hostkey, "--generate-hostkey", value);
	case 'l':
		rc = settings_add_listen(s, value, &why);
		return add("-l", value, rc, why);
	case 'k':
		rc = settings_add_hostkey(s, value, &why);
		return add("-k", value, rc, why);
	case 'e':
		return add_endpoint(s, value);
	case OPT_KEY:
	case OPT_FROM:
	case OPT_AT:
	case OPT_DEST:
		return set_explain(s, c, value);
	case OPT_LOG:
		o->log = true;
		rc = log_sink_parse(value, &s->log);
		return add("--log", value, rc, "expected " LOG_SINKS);
	default:
		rc = settings_check_control(value, &why);
		rc = add("--control", value, rc, why);
		return rc == GO_ON ? set_once(&s->control, "--control", value) : rc;
	}
}

static int set_flag(struct options *o, int c)
{
	switch (c) {
	case 't':
		o->given.test = true;
		break;
	case 'T':
		o->given.print = true;
		break;
	case 'v':
		o->louder++;
		break;
	case 'q':
		o->louder--;
		break;
	case OPT_EXPLAIN:
		o->given.explain.wanted = true;
		break;
	case OPT_UNSAFE_ENDPOINT:
		o->given.unsafe_endpoint = true;
		break;
	case OPT_NO_SANDBOX:
		o->given.unsafe_no_sandbox = true;
		break;
	case 'h':
		fputs(help, stdout);
		return EX_OK;
	case 'V':
		return print_version();
	}
	return GO_ON;
}

static int read_options(int argc, char **argv, struct options *o)
{
	int c = 0, rc = GO_ON;

	optind = 0; /* from the start, also the second time */
	opterr = 0;
	while (rc == GO_ON && (c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (c == '?' || c == ':')
			rc = option_refused(PROGRAM, longs, c, argv[optind - 1]);
		else if (optarg && !*optarg)
			rc = usage("an option's value is empty");
		else
			rc = optarg ? set_option(o, c, optarg) : set_flag(o, c);
	}
	if (rc != GO_ON || optind >= argc)
		return rc;
	if (!strcmp(argv[optind], "ctl"))
		return usage("the word 'ctl' comes first: " PROGRAM " ctl ...");
	return usage("unexpected argument '%s'", argv[optind]);
}

static void replace_text(char **to, char **from)
{
	if (!*from)
		return;
	free(*to);
	*to = *from;
	*from = NULL;
}

static void free_hostkeys(struct settings *s)
{
	while (s->n_hostkeys)
		free(s->hostkeys[--s->n_hostkeys]);
}

static void free_endpoints(struct settings *s)
{
	while (s->n_endpoints)
		endpoint_free(&s->endpoints[--s->n_endpoints]);
	free(s->default_endpoint);
	s->default_endpoint = NULL;
}

/* Moves what the command line gave over the file's. */
static void merge(struct settings *s, struct options *o)
{
	struct settings *given = &o->given;

	replace_text(&s->config, &given->config);
	replace_text(&s->allowlist, &given->allowlist);
	replace_text(&s->user, &given->user);
	replace_text(&s->control, &given->control);
	replace_text(&s->generate_hostkey, &given->generate_hostkey);
	if (given->n_listen) {
		memcpy(s->listen, given->listen, sizeof(s->listen));
		s->n_listen = given->n_listen;
	}
	if (given->n_hostkeys) {
		free_hostkeys(s);
		memcpy(s->hostkeys, given->hostkeys, sizeof(s->hostkeys));
		s->n_hostkeys = given->n_hostkeys;
		given->n_hostkeys = 0;
	}
	if (given->n_endpoints) {
		free_endpoints(s);
		memcpy(s->endpoints, given->endpoints, sizeof(s->endpoints));
		s->n_endpoints = given->n_endpoints;
		given->n_endpoints = 0;
	}
	if (o->log)
		s->log = given->log;
	s->verbosity += o->louder;
	if (s->verbosity < LOG_ERR)
		s->verbosity = LOG_ERR;
	if (s->verbosity > LOG_DEBUG)
		s->verbosity = LOG_DEBUG;
	s->explain = given->explain;
	given->explain = (struct explain){.wanted = false};
	s->test = given->test;
	s->print = given->print;
	s->unsafe_no_sandbox = given->unsafe_no_sandbox;
}

/* Where a file is used there is one, unless it says "". */
static void default_control(struct settings *s)
{
	s->control_by_default = s->config && !s->control;
	if (s->control_by_default)
		s->control = xstrdup(SETTINGS_CONTROL);
	if (!s->control || *s->control)
		return;
	free(s->control);
	s->control = NULL;
}

/* The default file is wanted unless the command line is a configuration of its own. */
static int choose_file(struct settings *given)
{
	if (given->config || given->n_hostkeys || given->allowlist || given->n_endpoints ||
	    given->generate_hostkey || (access(SETTINGS_CONFIG, F_OK) < 0 && errno == ENOENT))
		return GO_ON;
	return set_once(&given->config, "-f", SETTINGS_CONFIG);
}

/* Of the command line; those of a file have their line. */
static int check_endpoints(const struct settings *s, const struct settings *given)
{
	const char *why = NULL;

	for (size_t i = 0; i < given->n_endpoints; i++)
		if ((why = settings_check_endpoint(s, &given->endpoints[i])))
			return usage("-e %s: %s", given->endpoints[i].name, why);
	return GO_ON;
}

static int check_complete(const struct settings *s)
{
	const struct {
		bool missing;
		const char *text;
	} needs[] = {
	    {!s->n_hostkeys && !s->explain.wanted,
	     "no host key: give -k FILE or set hostkeys = [ \"FILE\" ]; " PROGRAM
	     " --generate-hostkey FILE makes one"},
	    {!s->allowlist, "no allow list: give -a FILE or set allowlist = \"FILE\"; \"cat id.pub "
			    ">> FILE\" makes one"},
	    {!s->n_endpoints,
	     "no endpoint: give -e confd=127.0.0.1:4565 or set endpoints = ( { name = \"confd\"; "
	     "address = \"127.0.0.1:4565\"; } )"},
	};
	int faults = 0;

	for (size_t i = 0; i < sizeof(needs) / sizeof(*needs); i++) {
		if (!needs[i].missing)
			continue;
		fprintf(stderr, "%s: %s\n", s->config ? s->config : PROGRAM, needs[i].text);
		faults++;
	}
	return faults;
}

int settings_read(int argc, char **argv, struct settings *s)
{
	struct options o = {.louder = 0};
	const char *why = NULL;
	int rc = GO_ON, faults = 0;

	settings_defaults(s);
	rc = read_options(argc, argv, &o);
	if (rc == GO_ON && (why = explain_check(&o.given.explain)))
		rc = usage("%s", why);
	if (rc == GO_ON && o.given.explain.wanted && (o.given.test || o.given.print))
		rc = usage("--explain stands without -t and -T");
	if (rc == GO_ON)
		rc = choose_file(&o.given);
	if (rc != GO_ON)
		goto out;
	s->unsafe_endpoint = o.given.unsafe_endpoint;
	if (o.given.config && !o.given.generate_hostkey)
		faults = settings_read_file(o.given.config, s, option_print_fault, NULL);
	rc = check_endpoints(s, &o.given);
	if (rc != GO_ON)
		goto out;
	merge(s, &o);
	default_control(s);
	if (!s->n_listen && settings_add_listen(s, DEFAULT_LISTEN, &why) < 0)
		faults++;
	if (!faults && !s->generate_hostkey)
		faults = check_complete(s);
	s->faulty = faults > 0;
	rc = faults && !s->test ? EX_CONFIG : GO_ON;
out:
	settings_free(&o.given);
	return rc;
}

void settings_free(struct settings *s)
{
	free(s->config);
	free(s->allowlist);
	free(s->user);
	free(s->control);
	free(s->generate_hostkey);
	free(s->pending_text);
	cidr_free(&s->pending_from);
	for (size_t i = 0; i < s->n_unpunished; i++)
		free(s->unpunished_texts[i]);
	free(s->unpunished_texts);
	cidr_free(&s->unpunished);
	explain_free(&s->explain);
	free_hostkeys(s);
	free_endpoints(s);
	*s = (struct settings){.config = NULL};
}
