// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_START_H
#define SSHIPC_SERVER_START_H

/* sshipc-server without a command: reads the options and the file; then prints what was asked for,
 * checks (-t, -T), or is the monitor until it is stopped.  Returns the exit code.
 *
 * Order of a start: settings and host keys are read, sshipc-session is found, and executed once for
 * its self-test, the allow list is read (any fault so far: 78), listeners are bound, the dialler
 * and the spawner started.  The spawner initialises libssh, runs the self-test (selftest.h), says
 * TESTED, gets the host keys, which it needs without their private halves if the test went well,
 * and says READY; only then accepting begins. */
int start_main(int argc, char **argv);

#endif
