// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_CTL_PRINT_H
#define SSHIPC_SERVER_CTL_PRINT_H
/*
 * Answers of the control socket as text for people, on stdout.  Each takes a whole answer and
 * changes it.
 */
void ctl_print_who(char *answer);
void ctl_print_pending(char *answer);
void ctl_print_status(char *answer);
void ctl_print_ended(char *answer);
void ctl_print_older(char *answer); /* reload, of generations that have retired */

#endif
