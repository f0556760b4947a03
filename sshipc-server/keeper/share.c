// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the keeper, called by keeper.c and upgrade.c: hands what generations say of their keys
 * from one to another, unread, and keeps the last of each, for those that come later.  It waits for
 * none: one that is stopped has all when it goes on.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "keeper_internal.h"
#include "loop.h"

enum {
	AGAIN_MS = 500,
	MOST_UNREAD = 1 << 15, /* bytes in one's link: a new list has to find room there, too */
};

static void fall_behind(struct generation *to)
{
	to->behind = true;
	loop_after(to->k->again, AGAIN_MS);
}

/* False: it does not, and is behind. */
static bool reads(struct generation *to)
{
	int unread = 0;

	if (ioctl(to->sock, SIOCOUTQ, &unread) == 0 && unread < MOST_UNREAD)
		return true;
	fall_behind(to);
	return false;
}

/* EPIPE: it is ending. */
static void give(struct generation *to, uint32_t number, const char *text, int file)
{
	if (link_send(to->sock, LINK_USES, number, text, &file, file >= 0) != 0 && errno != EPIPE)
		fall_behind(to);
}

/* Which generations are left: those that to may still count have gone. */
static void give_numbers(struct generation *to)
{
	const struct generation *g;
	char text[LINK_TEXT] = "";
	size_t n = 0;

	TAILQ_FOREACH(g, &to->k->all, entry)
		if (n < sizeof(text))
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%u ", g->number);
	give(to, 0, text, -1);
}

void share_all(struct generation *to)
{
	const struct generation *g;

	to->behind = false;
	give_numbers(to);
	TAILQ_FOREACH(g, &to->k->all, entry)
		if (g != to && g->uses >= 0)
			give(to, g->number, NULL, g->uses);
}

void share_again(evutil_socket_t fd, short what, void *keeper)
{
	struct keeper *k = keeper;
	struct generation *g;

	TAILQ_FOREACH(g, &k->all, entry)
		if (g->behind && reads(g))
			share_all(g);
}

void share_uses(struct generation *g, struct link_message *m)
{
	struct generation *to;

	if (m->n_fds != 1)
		return;
	if (g->uses >= 0)
		close(g->uses);
	g->uses = m->fds[--m->n_fds];
	TAILQ_FOREACH(to, &g->k->all, entry)
		if (to != g && to->state >= IN_CHARGE && reads(to))
			give(to, g->number, NULL, g->uses);
}

void share_gone(struct keeper *k)
{
	struct generation *to;

	TAILQ_FOREACH(to, &k->all, entry)
		if (to->state >= IN_CHARGE && reads(to))
			give_numbers(to);
}

void share_tell(const struct generation *g, const struct link_message *m)
{
	const bool from_charge = g->state == IN_CHARGE;
	struct generation *to;

	TAILQ_FOREACH(to, &g->k->all, entry) {
		const bool meant = from_charge ? to->state == RETIRING &&
						     (m->number == 0 || m->number == to->number)
					       : to->state == IN_CHARGE;

		/* What is said is about what it may not know yet; it is said again. */
		if (meant && !to->behind && reads(to))
			link_send(to->sock, LINK_TELL, g->number, m->text, NULL, 0);
	}
}
