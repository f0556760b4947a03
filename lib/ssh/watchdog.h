// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_WATCHDOG_H
#define SSHIPC_WATCHDOG_H
/*
 * A hang is a crash: a libssh that burns CPU and does not come back to its loop ends the process.
 */
#include <stdbool.h>

/* Once a process: from here on 2 to 4 s of CPU without a turn are the end, with EX_SOFTWARE.  say
 * (static; may be empty) is written to stderr then. */
void watchdog_start(const char *say);

/* On: 2 s of CPU, counted from watchdog_start, are the end whatever turns. */
void watchdog_limit(bool on);

/* Its timer would outlive an exec, its handler does not. */
void watchdog_stop(void);

/* Around each turn in which libssh is at work. */
void watchdog_enter(void);
void watchdog_leave(void);

#endif
