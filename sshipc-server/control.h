// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_CONTROL_H
#define SSHIPC_SERVER_CONTROL_H
/*
 * The control socket: its path, its requests and the form of a refusal.  sshipc-ctl(8), THE SOCKET,
 * has the protocol.  Root and the server's own uid may ask everything, members of a group that the
 * settings name (the guests) who and status alone.  The keeper serves its callers (callers.h),
 * answers.c of the monitor makes the answers, and ctl.h is the client.
 */
#include <event2/buffer.h>
#include <stdbool.h>
#include <stddef.h>

#include "address.h"

#define CONTROL_REQUEST 512	   /* bytes of a request line, with its newline */
#define CONTROL_CLIENTS 16	   /* at once; others wait in the backlog */
#define CONTROL_GUESTS	8	   /* of these; further ones are disconnected */
#define CONTROL_SECONDS 5	   /* from accept to the answer's last byte */
#define CONTROL_ANSWER	(16 << 20) /* bytes */
#define CONTROL_ERROR	1024

enum control_command {
	CONTROL_WHO,
	CONTROL_KILL,
	CONTROL_RELOAD,
	CONTROL_STATUS,
	CONTROL_PENDING,
	CONTROL_UPGRADE
};

struct control_request {
	enum control_command command;
	char whom[CONTROL_REQUEST]; /* KILL: an id, a key's name or a fingerprint */
	unsigned uid;		    /* of the caller */
};

/* Parses a line without its newline: a word, and for kill one blank and another word; printable
 * ASCII.  0, or -1 with *errstr (static).  uid is left alone. */
int control_parse(const char *line, size_t len, struct control_request *r, const char **errstr);

/* Whether a guest may ask it: it changes nothing, and names no unlisted key. */
bool control_is_for_guests(enum control_command c);

/* What is wrong with a line as such, whatever it asks for (static); NULL: nothing. */
const char *control_line_fault(const char *line, size_t len);

/* Listens at path (0600; with a group, a name or a gid, 0660), in a folder that nobody but root and
 * we may write; SETTINGS_CONTROL's folder is made where it is missing.  0, or -1 with err; errno
 * EPERM: others can write the folder by its mode. */
int control_listen(const char *path, const char *group, struct listening *out,
		   char err[CONTROL_ERROR]);

/* Checks the folder by the same rule before a start; SETTINGS_CONTROL's folder may be missing.  0,
 * or -1 as above. */
int control_check(const char *path, char err[CONTROL_ERROR]);

/* Writes the last line of an answer that refuses the request. */
void control_refuse(struct evbuffer *out, const char *error);

#endif
