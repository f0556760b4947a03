// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_STATUS_SOCKET_H
#define SSHIPC_CLIENT_STATUS_SOCKET_H
/*
 * --status PATH: a Unix socket (0600) that gives each connection one JSON object and closes, and
 * the command that asks it.  sshipc-client(1), STATUS, has the object.  Whoever asks reaches no
 * server and no endpoint.
 */
#include <event2/event.h>

#include "json.h"
#include "link.h"

struct status_socket;

/* Listens at path.  put adds the members that this module does not know.  NULL after logging why.
 */
struct status_socket *status_socket_new(struct event_base *base, const char *path,
					void (*put)(void *arg, struct json_out *o), void *arg);
void status_socket_free(struct status_socket *k); /* NULL is fine, as for the next */

/* Each event of the link is to be passed on. */
void status_socket_event(struct status_socket *k, enum link_event event, const char *text);

/* Asks the client that listens at path, and prints the object.  0: its session is up; else 69, also
 * after saying on stderr that nobody answers. */
int status_socket_ask(const char *path);

#endif
