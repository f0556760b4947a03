// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in each generation, called by generation.c and by the monitor: reads and writes what
 * generations tell each other about their keys, and adds it up.  It decides nothing, and sends
 * nothing.
 */
#include "elsewhere.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "link.h"

void elsewhere_put(struct evbuffer *out, const struct elsewhere_use *u)
{
	evbuffer_add_printf(out, "%s %zu %zu %zu\n", u->fingerprint, u->sessions, u->silent,
			    u->channels);
}

/* Keeps the uses of those generations that stay. */
static void keep(struct elsewhere *e, bool (*stays)(unsigned generation, const void *arg),
		 const void *arg)
{
	size_t n = 0;

	e->sessions = 0;
	for (size_t i = 0; i < e->n; i++) {
		if (!stays(e->uses[i].generation, arg))
			continue;
		e->sessions += e->uses[i].sessions;
		e->uses[n++] = e->uses[i];
	}
	e->n = n;
}

static bool is_another(unsigned generation, const void *number)
{
	return generation != *(const unsigned *)number;
}

static bool is_in(unsigned generation, const void *numbers)
{
	char *p = (char *)numbers, *end;

	for (;; p = end) {
		const unsigned long n = strtoul(p, &end, 10);

		if (end == p || n == generation)
			return end != p;
	}
}

void elsewhere_keep(struct elsewhere *e, const char *numbers)
{
	keep(e, is_in, numbers);
}

static void add(struct elsewhere *e, const struct elsewhere_use *u)
{
	if (e->n == e->room) {
		e->room = 2 * e->room + 16;
		e->uses = xreallocarray(e->uses, e->room, sizeof(*e->uses));
	}
	e->uses[e->n++] = *u;
	e->sessions += u->sessions;
}

static int by_key(const void *a, const void *b)
{
	const struct elsewhere_use *u = a, *v = b;

	return strcmp(u->fingerprint, v->fingerprint);
}

void elsewhere_set(struct elsewhere *e, unsigned generation, int file)
{
	struct elsewhere_use u = {.generation = generation};
	struct evbuffer *text = evbuffer_new();
	char *line;

	if (link_read_file(file, LINK_LIST_BYTES, text) == 0)
		keep(e, is_another, &generation);
	while ((line = evbuffer_readln(text, NULL, EVBUFFER_EOL_LF))) {
		/* A newer program may say more. */
		if (sscanf(line, "%51s %zu %zu %zu", u.fingerprint, &u.sessions, &u.silent,
			   &u.channels) == 4)
			add(e, &u);
		free(line);
	}
	if (e->n > 0)
		qsort(e->uses, e->n, sizeof(*e->uses), by_key);
	evbuffer_free(text);
}

struct elsewhere_use elsewhere_sum(const struct elsewhere *e, const char *fingerprint)
{
	struct elsewhere_use sum = {.sessions = 0};
	size_t first = 0, after = e->n;

	while (first < after) {
		const size_t middle = (first + after) / 2;

		if (strcmp(e->uses[middle].fingerprint, fingerprint) < 0)
			first = middle + 1;
		else
			after = middle;
	}
	for (; first < e->n && strcmp(e->uses[first].fingerprint, fingerprint) == 0; first++) {
		const struct elsewhere_use *u = &e->uses[first];

		sum.sessions += u->sessions;
		sum.silent += u->silent;
		sum.channels += u->channels;
		if (u->silent > 0 && (sum.generation == 0 || u->generation < sum.generation))
			sum.generation = u->generation;
	}
	return sum;
}

void elsewhere_free(struct elsewhere *e)
{
	free(e->uses);
	*e = (struct elsewhere){.n = 0};
}
