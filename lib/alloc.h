// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_ALLOC_H
#define SSHIPC_ALLOC_H
/*
 * malloc, calloc and realloc of the whole process, libssh and OpenSSL included: they are glibc's,
 * and may be told to end the process rather than to fail.  A calloc that fails inside libssh sends
 * its packet in plain text.
 */

/* From here on an allocation that fails ends the process (and those forked from it) with SIGILL,
 * after say has been written to stderr; "" writes nothing.  No effect in a build with sanitizers,
 * whose own allocator ends the process. */
void alloc_must_succeed(const char *say);

#endif
