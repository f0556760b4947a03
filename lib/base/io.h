// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_IO_H
#define SSHIPC_IO_H
/*
 * read(2) and write(2) that complete the whole request.  They block, even on a non-blocking
 * descriptor: not for use in the event loop.
 */
#include <stddef.h>
#include <sys/types.h>

/* Reads the bytes available, at most size; blocks until there is one.  0: end of file; -1 with
 * errno. */
ssize_t io_read(int fd, char *buf, size_t size);

/* Reads size bytes, fewer only at the end of file; -1 with errno. */
ssize_t io_read_all(int fd, char *buf, size_t size);

/* Writes all n bytes: 0, or -1 with errno. */
int io_write_all(int fd, const char *p, size_t n);

/* For the end of a program that prints.  Returns code; if stdout could not be written in full,
 * reports that on stderr and returns EX_IOERR in place of 0. */
int io_finish_stdout(const char *program, int code);

#endif
