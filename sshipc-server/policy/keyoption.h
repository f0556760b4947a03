// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_KEYOPTION_H
#define SSHIPC_KEYOPTION_H
/*
 * The options before a key: their names, their values, what each sets in the entry.  keyline.c's
 * other half; nobody else includes it.
 */
#include "keyline.h"

/* Parses the options at *p, which is left at what follows them and their blanks.  0, or -1 with
 * err; k may then be half filled. */
int keyoption_parse(const char **p, struct keyline *k, char err[KEYLINE_ERROR]);

/* Formats err; returns -1. */
int keyoption_fault(char err[KEYLINE_ERROR], const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
