// SPDX-License-Identifier: BSD-2-Clause
#include "option.h"

#include <stdarg.h>
#include <stdio.h>
#include <sysexits.h>

int option_usage(const char *program, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "%s: ", program);
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "; see %s --help\n", program);
	va_end(ap);
	return EX_USAGE;
}

void option_print_fault(void *count, const char *text)
{
	size_t *faults = count;

	fprintf(stderr, "%s\n", text);
	if (faults)
		++*faults;
}

/* getopt tells apart by optopt: 0 for an unknown word, a known option for a value that it lacks or
 * does not take, else the unknown letter, which may stand within a word that is not yet done. */
int option_refused(const char *program, const struct option *longs, int c, const char *word)
{
	for (const struct option *o = longs; optopt && o->name; o++) {
		if (o->val == optopt)
			return option_usage(program, "option '--%s' %s", o->name,
					    c == ':' ? "needs a value" : "takes no value");
	}
	if (optopt)
		return option_usage(program, "unknown option '-%c'", optopt);
	return option_usage(program, "unknown option '%s'", word);
}
