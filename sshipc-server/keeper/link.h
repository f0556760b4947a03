// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_LINK_H
#define SSHIPC_SERVER_LINK_H
/*
 * What the keeper and a generation say to each other, over a SOCK_SEQPACKET pair.  The keeper stays
 * while the program on the disk is replaced: both ends may be of different builds, so a message is
 * a type, a number, a text and descriptors, an unknown type is ignored, and what has a meaning
 * keeps it.
 */
#include <event2/buffer.h>
#include <stddef.h>
#include <stdint.h>

#define LINK_TEXT	2560 /* with NUL */
#define LINK_FDS	24
#define LINK_LIST_BYTES (64 << 20) /* of the largest allow list */

/* Set for a program that is executed as a generation: its link and the server's stderr have these
 * numbers, and fd 2 is the keeper's until it takes over. */
#define LINK_ENV    "SSHIPC_GENERATION"
#define LINK_SOCKET 3
#define LINK_STDERR 4

enum link_type {
	/* keeper -> generation */
	LINK_HELLO = 1, /* the generation's number; listeners that it uses where it wants them */
	LINK_TAKE_OVER, /* accept connections; the number of the first one, 0: go on */
	LINK_RETIRE,	/* end with the last session */
	LINK_SIGNAL,	/* this number was sent to the server */
	LINK_ASK,	/* of a caller of this number; text: its uid, a blank, its request */
	LINK_LOG,	/* a line of this priority for the log */
	LINK_LIST,	/* the list in force, in a file; also from the newest generation */
	LINK_PING,	/* a STATUS is wanted */
	LINK_USES,	/* what keys have open in the generation of this number, in a file
			 * (elsewhere.h); 0: text has the generations that are left */
	LINK_TELL,	/* said by the generation of this number */
	LINK_PAUSE,	/* accept no more; PAUSED follows, then RETIRE or TAKE_OVER */
	/* generation -> keeper */
	LINK_READY = 101, /* all is checked; its listeners, and the control socket's, whose group
			   * has the number before this one, 0: none */
	LINK_PAUSED,	  /* the number of its last connection; text: that of PAUSE */
	LINK_ANSWER,	  /* to the caller of this number, in a file */
	LINK_STATUS,	  /* text: what is going on, for the service manager */
	LINK_CONTROL,	  /* a control socket that it has made */
	/* ... and USES, without a number; and TELL: for the generation of that number, or for all
	 * older ones (0); an older one's is for the one in charge. */
};

struct link_message {
	uint32_t type, number;
	char text[LINK_TEXT];
	/* Not sent as bytes: */
	int fds[LINK_FDS]; /* of a received one; link_close or the receiver closes them */
	size_t n_fds;
};

/* Neither blocks.  text may be NULL; a long one is cut.  0, or -1 with errno: EAGAIN where the
 * other end does not read. */
int link_send(int sock, enum link_type type, uint32_t number, const char *text, const int *fds,
	      size_t n_fds);

/* 1; 0 when the other end is closed; -1 with errno: EAGAIN where there is none, EPROTO for what is
 * no message, or where its descriptors cannot be had: then the type is known, and n_fds is 0. */
int link_recv(int sock, struct link_message *m);

/* Closes the descriptors that are left in m: those taken are -1. */
void link_close(struct link_message *m);

/* A file in memory with those bytes, which are taken out of from; who gets it cannot change it for
 * the others.  -1 with errno. */
int link_file(struct evbuffer *from);

/* Appends what is in such a file, and closes it.  0, or -1 with errno: EFBIG above most bytes. */
int link_read_file(int fd, size_t most, struct evbuffer *to);

#endif
