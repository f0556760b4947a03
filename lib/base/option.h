// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_OPTION_H
#define SSHIPC_OPTION_H
/*
 * What is said of a faulty command line or file, alike in all programs.  The options themselves are
 * theirs.
 */
#include <getopt.h>

/* Writes "PROGRAM: text; see PROGRAM --help" to stderr.  Returns EX_USAGE. */
int option_usage(const char *program, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same, for what getopt_long(3) did not take: it returned c, ':' or '?' (opterr is 0 and the
 * short options begin with ':'); word is argv[optind - 1]. */
int option_refused(const char *program, const struct option *longs, int c, const char *word);

/* Writes a fault of a file, a line of stderr.  count: NULL, or the size_t that counts them. */
void option_print_fault(void *count, const char *text);

#endif
