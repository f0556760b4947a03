// SPDX-License-Identifier: BSD-2-Clause
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

/*
 * bench-load makes the load of tests/bench/run and measures it, so that Python's pace is not what
 * is measured.  Everything is TCP on 127.0.0.1; times are nanoseconds of CLOCK_MONOTONIC.  Whatever
 * fails ends the program with 1 and says why: half a measurement is none.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MS UINT64_C(1000000)

/* The bytes of a request; the first one is an E, and the endpoint sends all of them back. */
#define REQUEST 64

/* So many times of requests are kept. */
#define TOOK_MAX (1u << 22)

/* What a bulk connection begins with.  kind: "U", the endpoint counts what it reads from the first
 * read after `from` to the first one after `until`, and then sends a struct answer, once; "D", it
 * sends as much as it can. */
struct order {
	char kind[8];
	uint64_t from, until;
};

struct answer {
	uint64_t bytes, ns;
};

uint64_t load_now(void);

/* A listener on a free port, which it prints; nonblocking. */
int load_listen(void);

/* A connection to port.  flags: 0, or SOCK_NONBLOCK, with which it may be under way still. */
int load_dial(int port, int flags);

/* Closes with a reset: nobody is to go on with what is under way. */
void load_reset(int fd);

/* epoll_ctl(2). */
void load_watch(int epoll, int operation, int fd, uint32_t events, void *data);

/* Serves as the endpoint; does not return. */
void endpoint_run(void);

/* Relays to port, and holds each byte for delay ns; does not return. */
void relay_run(int port, uint64_t delay);

/* One measurement. */
struct load {
	int port, connections;
	uint64_t from, until;	     /* when it is to begin and end */
	const char *client, *server; /* the processes whose CPU time counts: "PID,PID,..." or "" */

	uint64_t begun, ended;			/* when it did; 0: not yet */
	uint64_t count, bytes;			/* in between: requests, and bytes of bulk */
	double client_cpu, server_cpu, own_cpu; /* in between, s */
	uint32_t *took;				/* ns of each request */
};

/* Begins and ends the measurement when it is time and something was counted; true once it has
 * ended.  To be called for each round of events, before they are handled. */
bool load_over(struct load *l);

/* Prints the measurement as a line of JSON. */
void load_report(const struct load *l);

/* Requests on so many connections at once, one after another on each; each_its_own: every request
 * on a connection of its own. */
void rows_request(struct load *l, bool each_its_own);

/* As many bytes as go, on all connections. */
void rows_bulk(struct load *l, bool up);

/* Requests on one connection beside a bulk transfer on another one. */
void rows_beside(struct load *l, bool up);

/* Opens the connections, each with one request, prints {"open": N}, and waits for the end of stdin;
 * then each must answer another one. */
void rows_idle(struct load *l);

/* From the start of argv, which listens on port, to the answer to a first request; then argv is
 * killed. */
void rows_setup(struct load *l, char **argv);

void load_die(const char *what) __attribute__((noreturn));

#endif
