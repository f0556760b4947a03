// SPDX-License-Identifier: BSD-2-Clause
/*
 * Reads command line and server.conf in their order, and says what is missing or does not go
 * together.  Called by start.c, and by nobody else.  What a setting may be stands in
 * settings_table.c.
 */
#include "settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "alloc.h"

#define PROGRAM	   SETTINGS_PROGRAM
#define GO_ON	   (-1)
#define usage(...) options_usage(&settings_options, __VA_ARGS__)

/* The default file is wanted unless the command line is a configuration of its own. */
static const char *choose_file(const struct settings *given)
{
	if (given->config)
		return given->config;
	return given->hostkeys.n || given->allowlist || given->n_endpoints ||
		       given->generate_hostkey ||
		       (access(SETTINGS_CONFIG, F_OK) < 0 && errno == ENOENT)
		   ? NULL
		   : SETTINGS_CONFIG;
}

/* Reads the command line by itself: its faults are told before the file is read. */
static int read_line(int argc, char **argv, struct option_line *line, struct settings *given)
{
	const char *why = NULL;
	int rc = options_parse(&settings_options, argc, argv, line);

	if (rc == GO_ON)
		rc = options_apply(&settings_options, line, given);
	if (rc != GO_ON)
		return rc;
	if (optind < argc && !strcmp(argv[optind], "ctl"))
		return usage("the word 'ctl' comes first: " PROGRAM " ctl ...");
	if (optind < argc)
		return usage("unexpected argument '%s'", argv[optind]);
	if ((why = explain_check(&given->explain)))
		return usage("%s", why);
	if (given->explain.wanted && (given->test || given->print))
		return usage("--explain stands without -t and -T");
	return GO_ON;
}

/* Checks the endpoints of the command line; those of the file were checked with FILE:LINE. */
static int check_endpoints(const struct settings *s, const struct settings *given)
{
	const char *why = NULL;

	for (size_t i = 0; i < given->n_endpoints; i++)
		if ((why = settings_check_endpoint(s, &given->endpoints[i])))
			return usage("-e %s: %s", given->endpoints[i].name, why);
	return GO_ON;
}

/* With a configuration file there is a control socket at the default path, unless it says "". */
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

static int check_complete(const struct settings *s)
{
	const struct {
		bool missing;
		const char *text;
	} needs[] = {
	    {!s->hostkeys.n && !s->explain.wanted,
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
	struct settings given = {.config = NULL};
	struct option_line line;
	const char *config = NULL;
	int rc, faults = 0;

	*s = (struct settings){.config = NULL};
	options_defaults(&settings_options, s);
	rc = read_line(argc, argv, &line, &given);
	if (rc != GO_ON)
		goto out;
	config = choose_file(&given);
	s->config = config ? xstrdup(config) : NULL;
	s->unsafe_endpoint = given.unsafe_endpoint;
	if (config && !given.generate_hostkey)
		faults = options_read(&settings_options, config, s, options_print_fault, NULL);
	rc = check_endpoints(s, &given);
	if (rc == GO_ON)
		rc = options_apply(&settings_options, &line, s);
	if (rc != GO_ON)
		goto out;
	default_control(s);
	if (!s->n_listen)
		address_parse(SETTINGS_DEFAULT_LISTEN, ADDRESS_WILDCARD_OK,
			      &s->listen[s->n_listen++]);
	if (!faults && !s->generate_hostkey)
		faults = check_complete(s);
	s->faulty = faults > 0;
	rc = faults && !s->test ? EX_CONFIG : GO_ON;
out:
	settings_free(&given);
	return rc;
}

struct allow_names settings_names(const struct settings *s)
{
	return (struct allow_names){s->endpoints,	 s->n_endpoints,  s->default_endpoint,
				    s->connect_as.items, s->connect_as.n, false};
}

void settings_free(struct settings *s)
{
	free(s->config);
	free(s->allowlist);
	free(s->user);
	free(s->log.path);
	free(s->control);
	free(s->control_group);
	free(s->generate_hostkey);
	cidr_free(&s->pending_from);
	settings_drop_networks(&s->accept_proxy);
	settings_drop_networks(&s->unpunished);
	explain_free(&s->explain);
	settings_drop_texts(&s->hostkeys);
	settings_drop_endpoints(s);
	settings_drop_texts(&s->connect_as);
	*s = (struct settings){.config = NULL};
}
