// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_ALLOC_H
#define SSHIPC_ALLOC_H
/*
 * Memory: an allocation succeeds, or the process ends.  That holds for malloc, calloc and realloc
 * of the whole process once it has called alloc_must_succeed, libssh and OpenSSL included: where a
 * calloc fails inside libssh, it sends its packet in plain text.  Our own code calls the functions
 * whose name begins with x, which never return NULL, so that no caller has to check.
 *
 * Large blocks are also laid apart: libssh copies each packet through three that malloc would begin
 * a few bytes behind one another, modulo a page, and some CPUs copy so at a fifth of their speed.
 */
#include <stddef.h>

/* From this call on an allocation that fails ends the process (and those forked from it) with
 * SIGILL, after say has been written to stderr; "" writes nothing.  No effect in a build with
 * sanitizers, whose own allocator ends the process. */
void alloc_must_succeed(const char *say);

/* Returns p, which a library has allocated; if p is NULL, the process ends. */
void *alloc_or_abort(void *p) __attribute__((returns_nonnull));

/* As their namesakes without the x, to be freed with free; never NULL. */
void *xmalloc(size_t size) __attribute__((returns_nonnull));
void *xcalloc(size_t n, size_t size) __attribute__((returns_nonnull));
void *xreallocarray(void *p, size_t n, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *text) __attribute__((returns_nonnull));
char *xstrndup(const char *text, size_t max) __attribute__((returns_nonnull));

#endif
