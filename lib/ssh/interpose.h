// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_INTERPOSE_H
#define SSHIPC_INTERPOSE_H
/*
 * For a function of ours that interposes one of the same name in a library.  The library's own
 * calls of it go through the dynamic linker, and so reach ours, unless it was linked with
 * -Bsymbolic or the like: selftest.h tests whether they do.
 */
#include <dlfcn.h>
#include <stdlib.h>

/* Returns the library's function.  If there is none, the process ends. */
static inline void *interpose_next(const char *name)
{
	void *next = dlsym(RTLD_NEXT, name);

	if (!next)
		abort();
	return next;
}

#endif
