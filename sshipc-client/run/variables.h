// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_VARIABLES_H
#define SSHIPC_CLIENT_VARIABLES_H
/*
 * What a COMMAND of run mode finds in its environment: our listener, in the terms of the endpoint's
 * kind.  Access files (*_IPC_ACCESS_FILE) are never touched.
 *
 * A template's {addr}, {host}, {port}, {path}, {dir} (of the path) and {dbus} are replaced; all
 * else in it is literal.  {host} is of a TCP listener, {path} and {dir} of a Unix one; {port} also
 * of a Unix one named like PostgreSQL's, ".s.PGSQL.5432".
 */
#include <stdbool.h>
#include <stdio.h>

#include "address.h"
#include "endpoint.h"

/* --env: "NAME=TEMPLATE".  NULL, or the reason (static). */
const char *variables_check(const char *assignment);

/* Is it a TCP listener that the kind's clients expect, or that one of the templates needs? */
bool variables_want_tcp(enum endpoint_kind kind, const char *const *env, size_t n);

/* An assignment for this listener, to be freed; NULL: the listener lacks a part that the template
 * needs. */
char *variables_expand(const char *assignment, const struct address *at);

/* Writes "NAME" (to be unset) for each variable of the kind, then "NAME=VALUE" for those that this
 * listener sets, each with its NUL.  Returns how many are set: 0 where the kind's clients cannot
 * use this listener. */
unsigned variables_of_kind(FILE *out, enum endpoint_kind kind, const struct address *at);

#endif
