// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_CHECK_H
#define SSHIPC_CLIENT_CHECK_H
/*
 * The doctor (--check): goes the way of a real session, with its very modules, and tells of each
 * step whether it passed and else its remedy.  One attempt; it changes nothing, asks nobody about a
 * host key, and connects to the endpoint only where that was asked for.
 *
 * Its steps are printed in order, whatever the order of results; the exit code is the number of the
 * first that failed, so the numbers stay.  Steps behind a failure of 1 to 8 are skipped, 11 and 12
 * are always looked at (where there are listeners).  TCP ports are bound without listening, and a
 * Unix socket's owner is looked for in /proc/net/unix: a connect would reach the endpoint through a
 * tunnel that runs.  What a HOST:PORT or path names only the server knows; with --check=connect
 * each destination is opened, one after the other, the dial's end awaited in .status, and each
 * ended in order.
 *
 * Several servers are gone to one after the other, each with a report of its own.
 */
#include "settings.h"

/* Returns the number of the step that failed (report.h), of the first server with one, or 0. */
int check_run(const struct settings *s);

#endif
