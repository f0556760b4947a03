// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_CALLERS_H
#define SSHIPC_SERVER_CALLERS_H
/*
 * The callers of the control socket: checks who they are, reads one request line of each, sends one
 * answer, keeps the deadline.  Nothing here blocks the loop: a caller that is slow, silent or sends
 * garbage is disconnected after CONTROL_SECONDS and delays no other.
 */
#include <event2/event.h>
#include <sys/queue.h>

#include "control.h"

struct callers;

struct caller {
	LIST_ENTRY(caller) entry;
	struct callers *of;
	struct bufferevent *stream;
	struct event *deadline;
	int patience; /* seconds */
	unsigned uid;
	bool guest; /* of control_group */
	/* Once it has asked: */
	uint32_t id; /* never 0, nor that of an earlier caller */
	char line[CONTROL_REQUEST];
	/* For whoever gathers the answer: its rows, its last line, from whom the next part is
	 * awaited (0: nobody), and how many have answered. */
	struct evbuffer *out;
	char *verdict;
	unsigned asked, answered;
	/* Of the part that is awaited: loop_after sets it, and late is called.  How many were not
	 * awaited to the end. */
	struct event *part;
	size_t silent;
};

/* ask is called with the line of each caller, and callers_answer must follow, from ask or later;
 * not if the caller has left meanwhile. */
struct callers *callers_new(struct event_base *base, void (*ask)(void *arg, struct caller *k),
			    void (*late)(void *arg, struct caller *k), void *arg);
void callers_free(struct callers *c);

/* From now on callers of listening are served, which is taken over: closed, and its path removed,
 * at the next call (unless that has the same path) or the end; where its group may write there,
 * members of it are guests.  Those that are here stay.  NULL: no more come. */
void callers_listen(struct callers *c, const struct listening *listening);

/* The caller of that id that waits for its answer; NULL: it has left. */
struct caller *callers_find(struct callers *c, uint32_t id);

/* Calls each with those that wait for an answer of from. */
void callers_each(struct callers *c, unsigned from, void (*call)(void *arg, struct caller *k),
		  void *arg);

/* The caller may wait so long in all. */
void callers_wait(struct caller *k, int seconds);

/* Sends out, the whole answer, and lets the caller go. */
void callers_answer(struct caller *k, struct evbuffer *out);

#endif
