// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_PROFILE_H
#define SSHIPC_PROFILE_H
/*
 * Which of the algorithm lists of algorithms.h is offered.
 */
enum algorithms_profile {
	ALGORITHMS_DEFAULT,
	/* adds hmac-sha2-256/512 for peers without encrypt-then-MAC, ecdh-sha2-nistp256/384/521 for
	 * those that keep to FIPS 140 */
	ALGORITHMS_COMPATIBLE,
};

/* The words for them. */
#define ALGORITHMS_WORDS ((const char *const[]){"default", "compatible"})

#define ALGORITHMS_REKEY_DATA 1024 /* MiB; what a client session gets */
#define ALGORITHMS_REKEY_TIME 3600 /* seconds */

#endif
