// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_START_H
#define SSHIPC_SERVER_START_H

/* sshipc-server without a command: reads the options and the file; then prints what was asked for,
 * checks (-t, -T), or is the monitor until it is stopped.  Returns the exit code. */
int start_main(int argc, char **argv);

#endif
