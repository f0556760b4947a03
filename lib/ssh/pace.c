// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the session process and in the client, called by sshloop.c when it sends a marker and
 * before it accepts bulk data.  It calls nothing.
 */
#include "pace.h"

#include <limits.h>

void pace_mark(struct pace *p, uint64_t bytes, uint64_t now)
{
	const uint64_t took = now - p->at;

	if (p->at != 0 && took > 0) {
		if (p->shortest == 0 || took < p->shortest)
			p->shortest = took < UINT_MAX ? (unsigned)took : UINT_MAX;
		if (p->shortest < PACE_SHORT)
			p->bound = PACE_LEAST;
		else if (took * 2 < (uint64_t)p->shortest * 3)
			p->bound *= 2;
		else if (took > 2 * (uint64_t)p->shortest)
			p->bound = p->bound * 2 * p->shortest / took;
		p->bound = p->bound < PACE_LEAST ? PACE_LEAST : p->bound;
		p->bound = p->bound > PACE_MOST ? PACE_MOST : p->bound;
	}
	p->marked = bytes;
	p->at = now;
}

bool pace_allows(const struct pace *p, uint64_t bytes, uint64_t now)
{
	return p->bound == 0 || bytes - p->marked < p->bound || now - p->at > PACE_PATIENCE;
}
