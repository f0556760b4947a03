// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_KEEPER_INTERNAL_H
#define SSHIPC_SERVER_KEEPER_INTERNAL_H
/*
 * Shared by keeper.c (the generations' processes, signals, the end), upgrade.c (who is in charge),
 * requests.c (what callers of the control socket ask) and share.c (what keys have open).
 */
#include <event2/buffer.h>
#include <signal.h>
#include <sys/queue.h>

#include "callers.h"
#include "link.h"

/* They follow each other in this order. */
enum state {
	CHECKING,
	READY, /* waits until the one in charge has paused */
	IN_CHARGE,
	PAUSED, /* accepts nothing, or is about to: the next one takes over, or dies */
	RETIRING,
};

struct generation {
	TAILQ_ENTRY(generation) entry;
	struct keeper *k;
	unsigned number;
	enum state state;
	pid_t pid;
	int sock;
	struct event *event;
	int fds[LINK_FDS]; /* listeners that it uses */
	size_t n_fds;
	struct listening made; /* its own control socket, until it takes over */
	uint32_t group;	       /* of its control socket, and 1; 0: none */
	uint32_t first;	       /* the number of its first connection */
	int words;	       /* what it writes until it takes over; -1: nothing */
	struct event *heard;
	struct evbuffer *unfinished; /* line of that */
	size_t n_heard;		     /* bytes of it in all */
	bool silent;		     /* it has said nothing since it was asked for the last time */
	int uses;		     /* the file that it sent with its last USES; -1: none yet */
	bool behind;		     /* it has not taken others' */
};

struct keeper {
	struct event_base *base;
	TAILQ_HEAD(, generation) all; /* the newest first */
	struct callers *callers;
	struct notify *notify; /* NULL: no service manager waits for news */
	char **argv;
	const char *path; /* of the program, as it was started */
	sigset_t mask;	  /* that it was started with */
	/* An upgrade: the generation that is to take over (NULL: there is none), who asked for it
	 * (0: a signal), and when it is given up. */
	struct generation *next;
	uint32_t asker;
	struct event *patience;
	unsigned last_number;
	bool reloading;
	bool stopping, ended;  /* ended: the generation in charge has ended */
	struct event *silence; /* while stopping: kills generations that do not answer */
	bool hung;	       /* a generation was killed because it did not answer */
	struct event *again;   /* for those that are behind */
	int status;	       /* of the generation in charge, by waitpid(2) */
};

/* ---- keeper.c ---- */

/* NULL: none has taken over. */
struct generation *keeper_in_charge(struct keeper *k);

void keeper_close_listeners(struct generation *g);

/* Asks the generation in charge for a sign of life, which the watchdog is about. */
void keeper_beat(void *keeper);

/* Makes the link of the next generation and forks it; the child returns with its end in *child.
 * NULL in the child, and on failure with errno. */
struct generation *keeper_fork(struct keeper *k, int *child);

/* Serves its link from now on. */
void keeper_watch(struct keeper *k, struct generation *g);

/* ---- upgrade.c ---- */

/* Starts the next generation; c: who asked, NULL: a signal.  NULL, or why not. */
const char *upgrade_start(struct keeper *k, struct caller *c);

/* The time is over: kills a next generation that is not READY; if it is, the one that was told to
 * pause is not waited for. */
void upgrade_on_patience(evutil_socket_t fd, short what, void *keeper);

/* g has said CONTROL: the path goes with it, unless it takes over. */
void upgrade_made(struct generation *g, struct link_message *m);

/* g has said READY. */
void upgrade_ready(struct generation *g, struct link_message *m);

/* The generation that was in charge until now has its last number, or says none (0). */
void upgrade_replace(struct keeper *k, const struct generation *old, uint32_t last);

/* g has said PAUSED. */
void upgrade_paused(const struct generation *g, const struct link_message *m);

/* g, the next generation, is gone (how): the one that was in charge stays so. */
void upgrade_failed(struct generation *g, const char *how);

/* Reads what the generation writes until it takes over: faults, mostly. */
void upgrade_heard(evutil_socket_t fd, short what, void *generation);

/* why: what became of the next generation; NULL: it has taken over. */
void upgrade_end(struct keeper *k, const char *why);

/* ---- share.c ---- */

/* What all others have said up to now goes to one that takes over, or was behind. */
void share_all(struct generation *to);
void share_again(evutil_socket_t fd, short what, void *keeper);

/* g has said USES, or TELL. */
void share_uses(struct generation *g, struct link_message *m);
void share_tell(const struct generation *g, const struct link_message *m);

/* A generation has gone, and is no more in k->all. */
void share_gone(struct keeper *k);

/* ---- requests.c ---- */

/* Asks the generation that follows g (NULL: the one in charge); after the last one the answer is
 * complete. */
void requests_ask(struct keeper *k, struct caller *c, struct generation *g);

/* g has said ANSWER. */
void requests_answered(struct generation *g, struct link_message *m);

/* That which was asked for this caller has not answered in time: the others go on. */
void requests_late(void *keeper, struct caller *c);

/* No answer of generation comes any more. */
void requests_lost(void *generation, struct caller *c);

#endif
