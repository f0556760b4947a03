// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in every program, called by parsers that do not know a name.  It only suggests: nothing is
 * ever taken for what it resembles.
 */
#include "nearest.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "reason.h"

enum { LETTERS = 40, LETTERS_PER_STEP = 3, MOST_STEPS = 3, LEAST_START = 4 };

static char fold(char c)
{
	return c == '_' ? '-' : c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static uint8_t least(uint8_t a, int b)
{
	return b < a ? (uint8_t)b : a;
}

/* The distance of optimal string alignment. */
static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
	uint8_t d[LETTERS + 1][LETTERS + 1];
	const size_t start = n < m ? n : m;

	for (size_t i = 0; i <= n; i++) {
		for (size_t j = 0; j <= m; j++) {
			d[i][j] = (uint8_t)(i + j);
			if (i == 0 || j == 0)
				continue;
			d[i][j] = least(d[i][j], d[i - 1][j] + 1);
			d[i][j] = least(d[i][j], d[i][j - 1] + 1);
			d[i][j] =
			    least(d[i][j], d[i - 1][j - 1] + (fold(a[i - 1]) != fold(b[j - 1])));
			if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
			    fold(a[i - 2]) == fold(b[j - 1]))
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return n != m && start >= LEAST_START && d[start][start] == 0 ? 1 : d[n][m];
}

void nearest_offer(struct nearest *n, const char *name)
{
	const size_t len = name ? strlen(name) : 0, allowed = n->len / LETTERS_PER_STEP;
	size_t steps;

	if (len == 0 || len > LETTERS || n->len == 0 || n->len > LETTERS)
		return;
	steps = distance(n->word, n->len, name, len);
	if (steps > allowed || steps > MOST_STEPS || (n->name && steps >= n->steps))
		return;
	n->name = name;
	n->steps = steps;
}

const char *nearest_hint(const struct nearest *n, const char *before)
{
	return n->name ? reasonf(" (did you mean %s%s?)", before, n->name) : "";
}
