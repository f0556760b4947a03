// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_ALLOC_H
#define SSHIPC_ALLOC_H
/*
 * Memory: there is some, or the process ends.  malloc, calloc and realloc of the whole process,
 * libssh and OpenSSL included, are glibc's and may be told so: a calloc that fails inside libssh
 * sends its packet in plain text.  Our own code asks by the names with an x, which never return
 * NULL, so that nobody has to look.
 */
#include <stddef.h>

/* From here on an allocation that fails ends the process (and those forked from it) with SIGILL,
 * after say has been written to stderr; "" writes nothing.  No effect in a build with sanitizers,
 * whose own allocator ends the process. */
void alloc_must_succeed(const char *say);

/* As their namesakes without the x, to be freed with free; never NULL. */
void *xmalloc(size_t size) __attribute__((returns_nonnull));
void *xcalloc(size_t n, size_t size) __attribute__((returns_nonnull));
void *xreallocarray(void *p, size_t n, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *text) __attribute__((returns_nonnull));
char *xstrndup(const char *text, size_t max) __attribute__((returns_nonnull));

#endif
