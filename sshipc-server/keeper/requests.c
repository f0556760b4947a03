// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the keeper, called by keeper.c: asks the generations one after the other for a caller of
 * the control socket, and makes one answer of theirs.  It knows what a word asks for only where
 * rows are counted: a generation may know more words.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keeper_internal.h"
#include "loop.h"

enum { PART_SECONDS = 3 }; /* for one generation: one that is stopped does not spoil the answer */

static size_t count_lines(struct evbuffer *b)
{
	struct evbuffer_ptr at;
	size_t n = 0;

	evbuffer_ptr_set(b, &at, 0, EVBUFFER_PTR_SET);
	for (;; n++) {
		at = evbuffer_search(b, "\n", 1, &at);
		if (at.pos < 0 || evbuffer_ptr_set(b, &at, 1, EVBUFFER_PTR_ADD) != 0)
			return at.pos < 0 ? n : n + 1;
	}
}

/* The last line of an answer: that of the generation in charge; where it is a number of rows, all
 * count. */
static void conclude(struct caller *c)
{
	static const char *const counts[][2] = {{"who", "sessions"}, {"kill", "ended"}};
	const size_t rows = c->answered > 1 ? count_lines(c->out) - c->silent : 0;

	for (size_t i = 0; rows > 0 && i < 2; i++)
		if (strncmp(c->line, counts[i][0], strlen(counts[i][0])) == 0) {
			evbuffer_add_printf(c->out, "{\"ok\":true,\"%s\":%zu}\n", counts[i][1],
					    rows);
			return;
		}
	if (c->verdict)
		evbuffer_add_printf(c->out, "%s\n", c->verdict);
	else
		control_refuse(c->out, "the server does not answer");
}

/* False where it is the one in charge: then there is no answer. */
static bool pass_over(struct caller *c, const struct generation *g)
{
	char text[64];

	if (c->verdict) {
		evbuffer_add_printf(c->out, "{\"generation\":%u,\"answers\":false}\n", g->number);
		c->silent++;
		callers_wait(c, CONTROL_SECONDS);
		return true;
	}
	snprintf(text, sizeof(text), "generation %u does not answer (stopped?)", g->number);
	control_refuse(c->out, text);
	callers_answer(c, c->out);
	return false;
}

void requests_ask(struct keeper *k, struct caller *c, struct generation *g)
{
	char text[CONTROL_REQUEST + 16];

	snprintf(text, sizeof(text), "%u %s", c->uid, c->line);
	if (g && g->state < IN_CHARGE)
		g = NULL;
	for (g = g ? TAILQ_NEXT(g, entry) : keeper_in_charge(k); g; g = TAILQ_NEXT(g, entry)) {
		c->asked = g->number;
		if (link_send(g->sock, LINK_ASK, c->id, text, NULL, 0) == 0) {
			loop_after(c->part, PART_SECONDS * 1000);
			return;
		}
		if (errno == EAGAIN && !pass_over(c, g))
			return;
	}
	conclude(c);
	callers_answer(c, c->out);
}

/* The rows of each generation, and the last line of the one in charge. */
void requests_answered(struct generation *g, struct link_message *m)
{
	struct caller *c = callers_find(g->k->callers, m->number);
	struct evbuffer *part = evbuffer_new();
	char *line, *last = NULL;

	/* A little more than is sent: then the caller is told so. */
	if (c && c->asked == g->number && m->n_fds == 1 &&
	    link_read_file(m->fds[--m->n_fds], 2 * CONTROL_ANSWER, part) == 0) {
		while ((line = evbuffer_readln(part, NULL, EVBUFFER_EOL_LF))) {
			if (last)
				evbuffer_add_printf(c->out, "%s\n", last);
			free(last);
			last = line;
		}
		c->answered++;
		if (!c->verdict)
			c->verdict = last;
		else
			free(last);
		requests_ask(g->k, c, g);
	}
	evbuffer_free(part);
}

void requests_late(void *keeper, struct caller *c)
{
	struct keeper *k = keeper;
	struct generation *g;

	TAILQ_FOREACH(g, &k->all, entry)
		if (g->number == c->asked)
			break;
	if (g && pass_over(c, g))
		requests_ask(k, c, g);
}

void requests_lost(void *arg, struct caller *c)
{
	requests_ask(((struct generation *)arg)->k, c, arg);
}
