// SPDX-License-Identifier: BSD-2-Clause
/*
 * At the start of both programs: the setting alone.  The lists are in algorithms.c, which calls
 * libssh.
 */
#include "profile.h"

#include <string.h>

int algorithms_parse(const char *text, enum algorithms_profile *profile)
{
	if (strcmp(text, "default") == 0)
		*profile = ALGORITHMS_DEFAULT;
	else if (strcmp(text, "compatible") == 0)
		*profile = ALGORITHMS_COMPATIBLE;
	else
		return -1;
	return 0;
}

const char *algorithms_text(enum algorithms_profile profile)
{
	return profile == ALGORITHMS_COMPATIBLE ? "compatible" : "default";
}
