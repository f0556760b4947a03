// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_REPORT_H
#define SSHIPC_CLIENT_REPORT_H
/*
 * What the doctor (--check) found, step by step: printed in the order of the steps, whatever the
 * order in which results come.
 */
#include <stdbool.h>
#include <stddef.h>

/* The numbers are what --check exits with, so they stay. */
enum report_step {
	REPORT_KEY = 1,
	REPORT_NAME,
	REPORT_TCP,
	REPORT_SSH,
	REPORT_HOST_KEY,
	REPORT_LOGIN,
	REPORT_SOURCE,
	REPORT_VALIDITY,
	REPORT_PERMITTED,
	REPORT_PRESENT,
	REPORT_LISTENER,
	REPORT_ENVIRONMENT,
	REPORT_STEPS
};

struct report;

/* json: an object a line.  server: NULL, or which of several this is about, valid until the end. */
struct report *report_new(bool json, const char *server);

/* The result of a step; the first one stays.  Texts may hold what a peer said. */
void report_pass(struct report *r, enum report_step step, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void report_skip(struct report *r, enum report_step step, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* remedy NULL: the text is all our own, and the remedy stands in it behind the last "; ", else it
 * is the step's usual one. */
void report_fail(struct report *r, enum report_step step, const char *remedy, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Steps before this one that have no result were not reached: they are skipped. */
void report_close(struct report *r, enum report_step before);

/* The first step that failed; 0: none. */
int report_failed(const struct report *r);

/* Prints what is left, and the verdict; frees it; returns report_failed. */
int report_end(struct report *r);

/* Prints the verdict on n servers: the step that failed at the first with a fault, or 0. */
void report_all(bool json, size_t n, int failed);

#endif
