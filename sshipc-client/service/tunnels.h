// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_TUNNELS_H
#define SSHIPC_CLIENT_TUNNELS_H
/*
 * Several tunnels (@NAME @NAME...): a process each, and one that only holds them together.
 */
#include "settings.h"

/* For n_tunnels > 1.  In the process of a tunnel -1: s has its settings, the log its name, nobody
 * is asked anything.  In ours the exit code, once all have ended: 0, or the first other one;
 * CLIENT_AGAIN as client_run.  A tunnel that ends leaves the others alone; a signal to end ends
 * all; they end with us. */
int tunnels_run(int argc, char **argv, struct settings *s);

#endif
