// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in every process: libssh and OpenSSL use this malloc, calloc and realloc, too.  After
 * alloc_must_succeed a failure may not return, and ending the process may use no system call that a
 * confined session is denied.
 */
#include "alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "sanitized.h"

enum { LARGE = 16 * 1024, PAGE = 4096, APART = 1024 };

static const char *last_words; /* NULL: a failure returns NULL */

void alloc_must_succeed(const char *say)
{
	last_words = say;
}

#if defined(__GLIBC__) && !SANITIZED
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

static void *checked(void *p)
{
	if (p || !last_words)
		return p;
	log_flush();
	if (last_words[0] && write(STDERR_FILENO, last_words, strlen(last_words)) < 0)
		__builtin_trap();
	__builtin_trap(); /* abort(3) makes system calls that a confined session is denied */
}

/* A block of about whole pages gets a quarter of one more: the next block begins behind that. */
static size_t apart(size_t size)
{
	return size >= LARGE && size < SIZE_MAX - APART && (size + APART / 2) % PAGE < APART
		   ? size + APART
		   : size;
}

void *malloc(size_t size)
{
	return checked(__libc_malloc(apart(size)));
}

void *calloc(size_t n, size_t size)
{
	return checked(__libc_calloc(n, size));
}

void *realloc(void *p, size_t size)
{
	void *moved = __libc_realloc(p, apart(size));

	return size > 0 ? checked(moved) : moved;
}
#endif

void *alloc_or_abort(void *p)
{
	if (!p)
		abort();
	return p;
}

void *xmalloc(size_t size)
{
	return alloc_or_abort(malloc(size ? size : 1));
}

void *xcalloc(size_t n, size_t size)
{
	return alloc_or_abort(calloc(n ? n : 1, size));
}

void *xreallocarray(void *p, size_t n, size_t size)
{
	return alloc_or_abort(reallocarray(p, n ? n : 1, size));
}

char *xstrdup(const char *text)
{
	return alloc_or_abort(strdup(text));
}

char *xstrndup(const char *text, size_t max)
{
	return alloc_or_abort(strndup(text, max));
}
