// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_ASK_H
#define SSHIPC_SERVER_ASK_H
/*
 * Asking a running server through its control socket: what each command of ctl needs for it.
 */
#include <stdio.h>

#include "settings.h"

struct ctl {
	const char *path;	  /* of the control socket; "": none */
	struct settings settings; /* what the configuration file says, or -a and -e */
	bool json;		  /* the answer is printed as it is */
};

/* "sshipc-server ctl: TEXT" and a hint on stderr; 64. */
#define ASK_PROGRAM    "sshipc-server ctl"
#define ask_usage(...) options_usage(&(struct options){.program = ASK_PROGRAM}, __VA_ARGS__)

/* Asks the server.  The answer, lines of JSON without control bytes, the last one being its verdict
 * "ok"; free it.  NULL after saying why, with *code: 69 no server, 77 not allowed, 64 a request
 * that cannot be, refused: what the server said no to. */
char *ask_server(const struct ctl *c, const char *request, int refused, int *code);

/* Prints the "text" of each line of an answer that has one. */
void ask_print_texts(const char *answer, FILE *to);

/* The last line of an answer, within it. */
const char *ask_verdict(const char *answer);

#endif
