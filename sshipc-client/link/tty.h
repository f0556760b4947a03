// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_TTY_H
#define SSHIPC_CLIENT_TTY_H
/*
 * Asking a person on the terminal, whatever stdin is.  A signal that is caught ends the wait.
 */
#include <stdbool.h>
#include <sys/types.h>

/* The controlling terminal, to be closed by tty_close; -1: there is none.  Meanwhile signals come
 * only where an answer is waited for, so that none is missed. */
int tty_open(void);
void tty_close(int tty);

/* The same for a whole start: SIGINT, SIGTERM and SIGHUP. */
void tty_block_signals(bool block);

/* A question was ended by a signal. */
bool tty_interrupted(void);

/* From here on no answer is waited for once fd is readable. */
void tty_end_with(int fd);

/* A line without its end; its length with it, 0 at the end of file, -1 when there is no answer. */
ssize_t tty_read(int tty, char *answer, size_t size);

/* Shows prompt and reads a line that is not shown.  0; -1: no terminal, or no answer.  Wipe it. */
int tty_ask_secret(const char *prompt, char *answer, size_t size);

#endif
