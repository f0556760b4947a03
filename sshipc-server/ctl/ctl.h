// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_CTL_H
#define SSHIPC_SERVER_CTL_H
/*
 * "sshipc-server ctl ...": the program that asks a running server through its control socket.  Its
 * commands stand in one table.  Runs with its caller's rights, and trusts no answer with a
 * terminal.
 */
#include <stdbool.h>
#include <stddef.h>

#include "option.h"
#include "settings.h"

struct ctl {
	const char *path;	  /* of the control socket; "": none */
	struct settings settings; /* what the configuration file says, or -a and -e */
};

struct ctl_command {
	const char *name;
	/* argv[0] is the name.  Returns the exit code. */
	int (*run)(const struct ctl *c, int argc, char **argv);
	const char *help; /* lines for --help, the arguments first */
};

/* Everything: argv[0] is "ctl".  Returns the exit code. */
int ctl_main(int argc, char **argv);

/* "sshipc-server ctl: TEXT" and a hint on stderr; 64. */
#define CTL_PROGRAM    "sshipc-server ctl"
#define ctl_usage(...) option_usage(CTL_PROGRAM, __VA_ARGS__)

/* Asks the server.  The answer, lines of JSON without control bytes, the last one being its verdict
 * "ok"; free it.  NULL after saying why, with *code: 69 no server, 77 not allowed, 64 a request
 * that cannot be, refused: what the server said no to. */
char *ctl_ask(const struct ctl *c, const char *request, int refused, int *code);

#endif
