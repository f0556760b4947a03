// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_ELSEWHERE_H
#define SSHIPC_SERVER_ELSEWHERE_H
/*
 * What keys have open in the other generations, as these have said last (LINK_USES): a line for
 * each key, which is its fingerprint and numbers.  All zero is a valid struct elsewhere: there are
 * no others.
 */
#include <event2/buffer.h>
#include <stddef.h>

#include "keyblob.h"

/* Of one key; in a sum, generation is the oldest one that has a silent session, or 0. */
struct elsewhere_use {
	unsigned generation;
	char fingerprint[KEYLINE_FINGERPRINT];
	size_t sessions; /* with those that a login waits for */
	size_t silent;	 /* of these: asked whether their peers live, and no answer yet */
	size_t channels;
};

struct elsewhere {
	struct elsewhere_use *uses; /* by fingerprint */
	size_t n, room, sessions;
};

/* Appends the line about u to what is to be sent. */
void elsewhere_put(struct evbuffer *out, const struct elsewhere_use *u);

/* All that a generation has now (the descriptor is taken over).  A file that cannot be read leaves
 * what it said before. */
void elsewhere_set(struct elsewhere *e, unsigned generation, int file);

/* Forgets generations whose number is not in that text, which has blanks between them. */
void elsewhere_keep(struct elsewhere *e, const char *numbers);

/* What the key has in all of them; asked at each login and open, so it does not look at all keys.
 */
struct elsewhere_use elsewhere_sum(const struct elsewhere *e, const char *fingerprint);

void elsewhere_free(struct elsewhere *e);

#endif
