// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_NEAREST_H
#define SSHIPC_NEAREST_H
/*
 * Which of the names that exist a misspelt one may have been meant for.  Case, and - for _, are no
 * difference; a letter too many, too few, another one, or two exchanged are one each, of which a
 * word may have one for each three of its letters, at most three; a name that only goes on where
 * the word ends, or the other way round, is one such difference, too.
 */
#include <stddef.h>

/* Initialised with word, which need not be terminated, and its length. */
struct nearest {
	const char *word;
	size_t len;
	const char *name; /* the nearest one so far; NULL: none is near */
	size_t steps;
};

/* Compares one name that exists, which must outlive n; NULL is none. */
void nearest_offer(struct nearest *n, const char *name);

/* " (did you mean BEFOREname?)", as of reasonf; "" where no name is near. */
const char *nearest_hint(const struct nearest *n, const char *before);

#endif
