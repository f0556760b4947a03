// SPDX-License-Identifier: BSD-2-Clause
/* An allocation that fails ends the process where that was asked for, whoever makes it. */
#include <criterion/criterion.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "child.h"
#include "confine.h"

static volatile size_t huge = PTRDIFF_MAX; /* volatile: the compiler would complain */

static void *by_malloc(void)
{
	return malloc(huge);
}

static void *by_calloc(void)
{
	return calloc(huge, 4);
}

static void *by_realloc(void)
{
	return realloc(NULL, huge);
}

static void *by_openssl(void)
{
	return OPENSSL_malloc(huge);
}

static void *(*const callers[])(void) = {by_malloc, by_calloc, by_realloc, by_openssl};

static int fail(const void *arg)
{
	void *(*const *caller)(void) = arg;

	if ((*caller)())
		return NOT_READY;
	alloc_must_succeed("");
	free((*caller)());
	return 1;
}

Test(alloc, a_failure_ends_the_process)
{
	if (confine_is_sanitized())
		cr_skip("the sanitizer has an allocator of its own");
	for (size_t i = 0; i < sizeof(callers) / sizeof(*callers); i++) {
		int status = child(fail, &callers[i]);

		cr_expect(killed(status, SIGILL), "%zu: status %#x", i, status);
	}
}

static int use(const void *arg)
{
	char *p = calloc(3, 100);

	alloc_must_succeed("");
	p = realloc(p, 100000);
	for (size_t i = 0; i < 300; i++)
		if (p[i] != 0)
			return 1;
	free(p);
	free(malloc(0));
	free(strdup("word"));
	return realloc(malloc(1), 0) == NULL ? 0 : 2; /* it frees, and did not fail */
}

/* Where a block of malloc's that follows this one begins, modulo a page. */
static size_t next(void *block)
{
	const size_t used = malloc_usable_size(block) + sizeof(size_t);

	free(block);
	return used % 4096;
}

Test(alloc, large_blocks_are_laid_apart)
{
	static const size_t sizes[] = {32762, 32768, 65536}; /* of libssh's for one packet */

	if (confine_is_sanitized())
		cr_skip("the sanitizer has an allocator of its own");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		const size_t made = next(malloc(sizes[i])),
			     grown = next(realloc(malloc(9), sizes[i]));

		cr_expect(made >= 512 && made <= 4096 - 512, "%zu: %zu", sizes[i], made);
		cr_expect_eq(grown, made, "%zu: %zu", sizes[i], grown);
	}
}

Test(alloc, others_go_on)
{
	cr_expect(exited(child(use, NULL), 0));
}
