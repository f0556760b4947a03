// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_REASON_H
#define SSHIPC_REASON_H
/*
 * The reason with which a parser refuses its input: NULL if it does not, else a text that its
 * caller completes (with FILE:LINE, or the name of an option) and reports at once.
 */
#define REASON_MAX 1024 /* bytes, with NUL; cut to fit */

/* Formats a reason into a static buffer, which is valid until the next call.  An argument may be
 * the reason of the last call. */
const char *reasonf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
