// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_CLIENT_H
#define SSHIPC_CLIENT_CLIENT_H
/*
 * The client while it runs: puts link, states, and listeners, run mode or stdio together.
 *
 * With a service manager (NOTIFY_SOCKET) faulty settings at SIGHUP are logged and change nothing;
 * with sound ones the program executes itself again (RELOADING=1, later READY=1), on the same
 * sockets of the service manager.  Without one SIGHUP is the end, unless it was ignored at the
 * start (nohup).  A signal that ends it is 0 with listeners, after what they carry has ended or
 * "drain" is over; 128+N with --stdio, in run mode before the command is there, and where it ends a
 * question.
 */
#include "notify.h"
#include "run.h"

enum { CLIENT_AGAIN = 256 }; /* the settings have changed: to be started anew */

/* Runs until a signal, a refusal, or the end of what it was started for; returns the exit code.
 * With a service manager, SIGHUP has the settings read anew: CLIENT_AGAIN if they are sound.
 * run: from run_split, in run mode; taken over. */
int client_run(const struct settings *s, struct run *run);

#endif
