// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_TTY_H
#define SSHIPC_CLIENT_TTY_H
/*
 * Asks the user on the terminal, whatever stdin is.  A caught signal ends the wait.
 */
#include <stdbool.h>
#include <sys/types.h>

/* Opens the controlling terminal, to be closed by tty_close; -1: there is none.  Until then signals
 * are delivered only while an answer is awaited, so that none is missed. */
int tty_open(void);
void tty_close(int tty);

/* Blocks signals in the same way for a whole start: SIGINT, SIGTERM and SIGHUP. */
void tty_block_signals(bool block);

/* Whether a signal ended a question. */
bool tty_interrupted(void);

/* From here on a question ends without an answer once fd is readable. */
void tty_end_with(int fd);

/* Reads a line, without its newline; returns the length with it, 0 at the end of file, -1 without
 * an answer. */
ssize_t tty_read(int tty, char *answer, size_t size);

/* Shows prompt and reads a line without echo.  0; -1: no terminal, or no answer.  The caller wipes
 * answer. */
int tty_ask_secret(const char *prompt, char *answer, size_t size);

#endif
