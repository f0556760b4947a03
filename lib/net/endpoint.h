// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_ENDPOINT_H
#define SSHIPC_ENDPOINT_H
/*
 * What an endpoint is: a name, one configured address, aliases that select it, a kind.  Plain data,
 * filled from the configuration and read by the policy, the monitor and the status answer.
 */
#include <stddef.h>

#include "address.h"

#define ENDPOINT_NAME	 33 /* with NUL */
#define ENDPOINT_ALIASES 16

enum endpoint_kind {
	ENDPOINT_OTHER,
	ENDPOINT_CONFD,
	ENDPOINT_NSO,
	ENDPOINT_DBUS,
	ENDPOINT_DOCKER,
	ENDPOINT_POSTGRES,
};

struct endpoint {
	char name[ENDPOINT_NAME];
	struct address address;
	enum endpoint_kind kind;
	char *accept[ENDPOINT_ALIASES]; /* "HOST:PORT" (HOST may be a name) or "/path" */
	size_t n_accept;
	int idle_timeout; /* seconds without a byte after which a channel is ended; 0: none */
	bool send_proxy;  /* a connection begins with a PROXY header about the client */
};

/* The checks and parsers of this file return NULL, or the reason against the text (static). */

/* A letter, then letters, digits, '-', '_'; at most 32. */
const char *endpoint_check_name(const char *name);

/* The words for kinds. */
extern const char *const endpoint_kinds[];

/* "confd", "nso", "dbus", "docker", "postgres", "other"; -1 for anything else. */
int endpoint_kind_parse(const char *text, enum endpoint_kind *kind);

/* Checks an accept alias: "/absolute/path" of at most 107 bytes or "HOST:PORT" / "[V6]:PORT" with
 * PORT 1-65535. */
const char *endpoint_check_alias(const char *alias);

/* Parses "[NAME[:KIND]=]ADDRESS" of -e; the name defaults to "endpoint"; the kind to the name where
 * that is one, else to other. */
const char *endpoint_parse(const char *text, struct endpoint *out);

/* Parses the address of an endpoint: numeric HOST:PORT ("localhost" is 127.0.0.1), [V6]:PORT,
 * @abstract, or /path, which need not exist, but is no folder. */
const char *endpoint_parse_address(const char *text, struct address *out);

/* The one of this name among n, or NULL. */
const struct endpoint *endpoint_find(const struct endpoint *list, size_t n, const char *name);

void endpoint_free(struct endpoint *e); /* frees its aliases, not the struct */

#endif
