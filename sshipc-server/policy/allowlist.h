// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_ALLOWLIST_H
#define SSHIPC_SERVER_ALLOWLIST_H
/*
 * The allow list as a whole: a file of key lines -> a table that finds an entry by key in constant
 * time, each bound to its endpoint.  Loaded whole or not at all.
 */
#include <stdbool.h>

#include "endpoint.h"
#include "keyline.h"

struct allow_entry {
	struct keyline key;
	const struct endpoint *endpoint; /* NULL: absent (allow_names), and nothing is granted */
	size_t user; /* that dials: 0 is the server's, i + 1 the one of names.users[i] */
};

/* What lines may name. */
struct allow_names {
	const struct endpoint *endpoints; /* must outlive the list */
	size_t n_endpoints;
	const char *default_endpoint; /* or NULL */
	char *const *users;	      /* for connect-as */
	size_t n_users;
	bool may_be_absent; /* a line may name an endpoint that is not among these */
};

struct allowlist;

/* Reads path through one descriptor (folders_open with FOLDERS_STRICT; at most 64 MiB) and binds
 * each line to an endpoint: the named one; else the only one; else the default (none: a fault); and
 * to the user of its connect-as.  Faults ("PATH:LINE: text, remedy"; "PATH: text" for the file
 * itself) go to fault, all of them; with any, or when the file cannot be read, NULL is returned.  A
 * key that stands twice (both lines named), an unknown endpoint (unless it may be absent: then the
 * rest of the line is not held to the names either) or user, permitopen= values none of which names
 * the line's endpoint, a source= that another line has too or whose endpoint is not at 127.x.y.z
 * are faults.  An empty list is valid. */
struct allowlist *allowlist_load(const char *path, const struct allow_names *names,
				 void (*fault)(void *arg, const char *text), void *arg);

/* The same bytes, of a file that has been loaded by another process (its descriptor is taken over):
 * a line that has a fault here is left out, so it grants nothing.  path is for the texts. */
struct allowlist *allowlist_read(int fd, const char *path, const struct allow_names *names,
				 void (*fault)(void *arg, const char *text), void *arg);

/* A file in memory with the bytes that the list was made of, while it lives; -1: there is none. */
int allowlist_file(const struct allowlist *l);

void allowlist_free(struct allowlist *l);

/* True while another process has the file open for writing: it is not loaded then.  False also
 * where the kernel does not report that: a file of another owner, a network file system. */
bool allowlist_is_held(const char *path);

/* The entry of this public key blob, or NULL.  Digest look-up, then the whole blob is compared. */
const struct allow_entry *allowlist_find(const struct allowlist *l, const uint8_t *blob,
					 size_t len);

size_t allowlist_count(const struct allowlist *l);
size_t allowlist_absent(const struct allowlist *l); /* of these, those with an absent endpoint */
const struct allow_entry *allowlist_get(const struct allowlist *l,
					size_t i); /* in the file's order */

#endif
