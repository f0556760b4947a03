// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_PROFILE_H
#define SSHIPC_PROFILE_H
/*
 * The choice between the algorithm lists of algorithms.h.
 */
enum algorithms_profile {
	ALGORITHMS_DEFAULT,
	/* adds hmac-sha2-256/512 for peers without encrypt-then-MAC, ecdh-sha2-nistp256/384/521 for
	 * peers restricted to FIPS 140 */
	ALGORITHMS_COMPATIBLE,
};

/* Their names in settings. */
#define ALGORITHMS_WORDS ((const char *const[]){"default", "compatible"})

#define ALGORITHMS_REKEY_DATA 1024 /* MiB; the rekey limits of a client session */
#define ALGORITHMS_REKEY_TIME 3600 /* seconds */

#endif
