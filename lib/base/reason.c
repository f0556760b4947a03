// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in every program, called by parsers that return the reason why they refuse a value.  It
 * reports nothing itself: the caller of the parser knows the file and the line.
 */
#include "reason.h"

#include <stdarg.h>
#include <stdio.h>

const char *reasonf(const char *fmt, ...)
{
	static char kept[REASON_MAX];
	char text[REASON_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(kept, sizeof(kept), "%s", text);
	return kept;
}
