// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_CLIENT_H
#define SSHIPC_CLIENT_CLIENT_H
/*
 * The client while it runs: puts link, states, and listeners, run mode or stdio together.
 */
#include "notify.h"
#include "run.h"

enum { CLIENT_AGAIN = 256 }; /* the settings have changed: to be started anew */

/* Runs until a signal, a refusal, or the end of what it was started for; returns the exit code.
 * With a service manager, SIGHUP has the settings read anew: CLIENT_AGAIN if they are sound.
 * run: from run_split, in run mode; taken over. */
int client_run(const struct settings *s, struct run *run);

#endif
