// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_WATCHDOG_H
#define SSHIPC_WATCHDOG_H
/*
 * Turns a hang into a crash: if libssh uses CPU without returning to the loop, the process ends.
 */
#include <stdbool.h>

/* To be called once in a process: from here on 2 to 4 s of CPU without a turn of the loop end it
 * with EX_SOFTWARE.  say (static; may be empty) is written to stderr then. */
void watchdog_start(const char *say);

/* on: the process ends after 2 s of CPU since watchdog_start, even if the loop turns. */
void watchdog_limit(bool on);

/* To be called before an exec, which keeps the timer but not its handler. */
void watchdog_stop(void);

/* To be called around each turn that calls libssh. */
void watchdog_enter(void);
void watchdog_leave(void);

#endif
