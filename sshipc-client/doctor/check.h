// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_CHECK_H
#define SSHIPC_CLIENT_CHECK_H
/*
 * The doctor (--check): goes the way of a real session, with its very modules, and tells of each
 * step whether it passed and else its remedy.  One attempt; it changes nothing, asks nobody about a
 * host key, and connects to the endpoint only where that was asked for.
 */
#include "settings.h"

/* Returns the number of the step that failed (report.h), or 0. */
int check_run(const struct settings *s);

#endif
