// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the process of the tunnel, called by the link alone.  It counts and remembers; it starts
 * no attempt and logs nothing.
 */
#include "servers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static void shuffle(struct servers *v)
{
	for (size_t i = v->n; v->shuffled && i > 1; i--) {
		const size_t last = v->order[i - 1];
		unsigned random = 0;

		if (getrandom(&random, sizeof(random), 0) != sizeof(random))
			abort();
		v->order[i - 1] = v->order[random % i];
		v->order[random % i] = last;
	}
}

void servers_start(struct servers *v, size_t n, bool shuffled)
{
	*v = (struct servers){.n = n, .shuffled = shuffled};
	for (size_t i = 0; i < n; i++)
		v->order[i] = i;
	shuffle(v);
}

size_t servers_current(const struct servers *v)
{
	return v->order[v->at];
}

void servers_begin(struct servers *v, size_t at)
{
	v->at = at;
	v->tried = v->refused = 0;
	v->why[0] = '\0';
}

bool servers_failed(struct servers *v, bool was_up)
{
	v->at = (v->at + 1) % v->n;
	if (!was_up && ++v->tried < v->n)
		return false;
	v->tried = v->refused = 0;
	if (!was_up) {
		v->at = 0;
		shuffle(v);
	}
	return true;
}

void servers_explain(struct servers *v, const char *server, const char *reason)
{
	const bool named = strncmp(reason, server, strlen(server)) == 0;
	size_t n;

	if (v->tried == 0)
		v->why[0] = '\0';
	n = strlen(v->why);
	snprintf(v->why + n, sizeof(v->why) - n, "%s%s%s%s", n ? "; " : "", named ? "" : server,
		 named ? "" : ": ", reason);
}
