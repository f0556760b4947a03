// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor (start and reload.c), in -t, -T, --explain and in ctl (rewrite.c).  The only
 * file of policy/ that opens one; it decides nothing about a login.  Each check returns the reason
 * of a fault, and fault_at() alone adds FILE:LINE.
 */
#include "allowlist.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "folders.h"
#include "keyform.h"
#include "policy.h"
#include "reason.h"

#define FILE_MAX  (64 << 20)
#define FAULT_MAX (4096 + REASON_MAX)
#define TWICE_MAX 768

struct allowlist {
	struct allow_entry *entries;
	size_t n, room, absent;
	uint32_t *slots; /* index of an entry plus 1, 0: free; at most half are in use */
	size_t mask;
	int file; /* in memory: the bytes */
};

/* State of one load, beside the list itself. */
struct load {
	struct allowlist *list;
	const char *path;
	const struct allow_names *names;
	void (*fault)(void *arg, const char *text);
	void *arg;
	int faults;
	FILE *copy; /* into list->file */
};

/* Reports "PATH:LINE: why"; line 0 is the file itself. */
static void fault_at(struct load *l, unsigned line, const char *why)
{
	char text[FAULT_MAX], number[16] = "";

	if (line)
		snprintf(number, sizeof(number), ":%u", line);
	snprintf(text, sizeof(text), "%.4080s%s: %s", l->path, number, why);
	l->fault(l->arg, text);
	l->faults++;
}

static const char *choose_user(const struct load *l, struct allow_entry *e)
{
	if (!e->key.connect_as)
		return NULL;
	while (e->user++ < l->names->n_users)
		if (strcmp(l->names->users[e->user - 1], e->key.connect_as) == 0)
			return NULL;
	return reasonf("connect-as \"%s\" is not in connect_as of the settings: add it, then "
		       "\"sshipc-server ctl upgrade\"",
		       e->key.connect_as);
}

/* Then its user. */
static const char *choose_endpoint(const struct load *l, struct allow_entry *e)
{
	const struct allow_names *n = l->names;
	const char *named = e->key.endpoint[0] ? e->key.endpoint : NULL, *name = named;
	char names[512] = "";
	size_t len = 0;

	if (!named)
		name = n->n_endpoints == 1 ? n->endpoints[0].name : n->default_endpoint;
	e->endpoint = name ? endpoint_find(n->endpoints, n->n_endpoints, name) : NULL;
	if (e->endpoint)
		return choose_user(l, e);
	if (named && n->may_be_absent)
		return NULL;
	for (size_t i = 0; i < n->n_endpoints && len < sizeof(names); i++)
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", i ? ", " : "",
					n->endpoints[i].name);
	return named ? reasonf("no endpoint is named \"%s\", write one of: %s", named, names)
		     : reasonf("the line names no endpoint, add endpoint=\"NAME\" (one of: %s) or "
			       "set default in server.conf",
			       names);
}

/* NULL if the line's options fit the endpoint that it was bound to, else the reason. */
static const char *check_endpoint(const struct keyline *k, const struct endpoint *e)
{
	char at[ADDRESS_TEXT];

	address_format(&e->address, at, sizeof(at));
	for (size_t i = 0; i < k->n_permitopen; i++) {
		if (!policy_permitopen_names(k->permitopen[i], e))
			return reasonf(
			    "permitopen=\"%s\" does not name the key's endpoint %s (%s): "
			    "remove the line, or, if the key may have that endpoint, "
			    "this option",
			    k->permitopen[i], e->name, at);
	}
	/* Such a source address cannot leave the loopback, and a Unix socket has none. */
	if (k->source.len &&
	    (e->address.sa.ss_family != AF_INET || !address_is_loopback(&e->address)))
		return reasonf("source needs an endpoint at 127.x.y.z, and %s is %s; remove it",
			       e->name, at);
	return NULL;
}

static void append(struct allowlist *list, const struct allow_entry *e)
{
	if (list->n == list->room) {
		list->room = list->room ? 2 * list->room : 64;
		list->entries = xreallocarray(list->entries, list->room, sizeof(*list->entries));
	}
	list->entries[list->n++] = *e;
	list->absent += !e->endpoint;
}

static void read_line(struct load *l, const char *text, size_t len, unsigned line)
{
	struct allow_entry e = {.endpoint = NULL};
	const char *why = NULL;

	if (keyline_parse(text, len, &e.key, &why) == 1) {
		e.key.line = line;
		why = choose_endpoint(l, &e);
		if (!why && e.endpoint)
			why = check_endpoint(&e.key, e.endpoint);
		if (!why)
			append(l->list, &e);
		else
			keyline_free(&e.key);
	}
	if (why)
		fault_at(l, line, why);
}

static void read_lines(struct load *l, FILE *f)
{
	char *text = NULL;
	size_t room = 0;
	unsigned line = 0;
	ssize_t n = 0;

	while ((n = getline(&text, &room, f)) > 0) {
		const char *form = keyform_public_fault(text, (size_t)n);

		if (l->copy)
			fwrite(text, 1, (size_t)n, l->copy);
		if (text[n - 1] == '\n')
			n--;
		line++;
		/* In a private key each line would be a fault, whose text could quote a secret. */
		if (form) {
			fault_at(l, line, form);
			break;
		}
		read_line(l, text, (size_t)n, line);
	}
	/* A list cut short by a read error must not pass for a whole one. */
	if (ferror(f))
		fault_at(l, 0, strerror(errno));
	free(text);
}

/* Loading what a writer has truncated and not yet written would revoke every key.  The kernel
 * grants a read lease only while nobody has it open for writing; where it grants none at all
 * (another owner, a network file system) nothing is known. */
static bool is_being_written(int fd)
{
	if (fcntl(fd, F_SETLEASE, F_RDLCK) != 0)
		return errno == EAGAIN;
	fcntl(fd, F_SETLEASE, F_UNLCK);
	return false;
}

bool allowlist_is_held(const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	const bool held = fd >= 0 && is_being_written(fd);

	if (fd >= 0)
		close(fd);
	return held;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* NULL if the opened file can be read as an allow list, else the reason. */
static const char *check_file(const struct load *l, int fd, const struct stat *st)
{
	if (st->st_size > FILE_MAX)
		return reasonf("larger than %d MiB", FILE_MAX >> 20);
	if (st->st_nlink == 0 && folders_is_mount(l->path))
		return "was replaced where it is mounted from, which is not seen here; mount it "
		       "anew (a container: start it anew), best its folder, not the file";
	return is_being_written(fd)
		   ? "another process has it open for writing; it is read when that has closed it"
		   : NULL;
}

static void read_file(struct load *l)
{
	char err[FOLDERS_ERROR];
	const char *why = NULL;
	struct stat st, after;
	const int fd = folders_open(l->path, FOLDERS_STRICT, &st, err);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");

	if (f)
		why = check_file(l, fd, &st);
	else /* access(2) is not governed by Landlock */
		why = reasonf("%s%s", err,
			      strstr(err, strerror(EACCES)) &&
				      faccessat(AT_FDCWD, l->path, R_OK, AT_EACCESS) == 0
				  ? "; if its links lead elsewhere than at the start: "
				    "\"sshipc-server ctl upgrade\" (Landlock)"
				  : "");
	if (!why) {
		read_lines(l, f);
		if (fstat(fd, &after) < 0 || !is_same(&st, &after))
			why = "changed while it was read";
	}
	if (why)
		fault_at(l, 0, why);
	if (f)
		fclose(f);
	else if (fd >= 0)
		close(fd);
}

/* The slot of this key, or the free one where it belongs.  Digests are SHA-256, so nobody can make
 * many keys share a slot. */
static size_t find_slot(const struct allowlist *l, const uint8_t *blob, size_t len,
			const uint8_t *digest)
{
	uint64_t start = 0;
	size_t i = 0;

	memcpy(&start, digest, sizeof(start));
	for (i = start & l->mask; l->slots[i]; i = (i + 1) & l->mask) {
		const struct keyline *k = &l->entries[l->slots[i] - 1].key;

		if (k->blob_len == len && !memcmp(k->digest, digest, sizeof(k->digest)) &&
		    !memcmp(k->blob, blob, len))
			break;
	}
	return i;
}

static void fault_twice(struct load *l, const struct allow_entry *e,
			const struct allow_entry *first)
{
	char what[TWICE_MAX];

	if (e->endpoint != first->endpoint)
		snprintf(what, sizeof(what),
			 "a key has one endpoint: remove one, and make another key for the other");
	else if (strcmp(e->key.options, first->key.options) == 0)
		snprintf(what, sizeof(what), "remove one");
	else
		keyline_merge(&first->key, &e->key, what, sizeof(what));
	fault_at(l, e->key.line,
		 reasonf("the key %s stands on line %u already, %s", e->key.fingerprint,
			 first->key.line, what));
}

static void build_table(struct load *l)
{
	struct allowlist *list = l->list;
	size_t size = 2;

	while (size < 2 * list->n)
		size *= 2;
	list->mask = size - 1;
	list->slots = xcalloc(size, sizeof(*list->slots));
	for (size_t i = 0; i < list->n; i++) {
		const struct keyline *k = &list->entries[i].key;
		uint32_t *slot = &list->slots[find_slot(list, k->blob, k->blob_len, k->digest)];

		if (*slot)
			fault_twice(l, &list->entries[i], &list->entries[*slot - 1]);
		else
			*slot = (uint32_t)i + 1;
	}
}

static int compare_sources(const void *a, const void *b)
{
	const struct keyline *x = *(const struct keyline *const *)a;
	const struct keyline *y = *(const struct keyline *const *)b;
	const int order = memcmp(&x->source.sa, &y->source.sa, sizeof(struct sockaddr_in));

	return order ? order : (x->line > y->line) - (x->line < y->line);
}

/* A source address must belong to one key only: an endpoint may identify keys by it. */
static void check_sources(struct load *l)
{
	const struct keyline **with = xcalloc(l->list->n, sizeof(const struct keyline *));
	char source[ADDRESS_TEXT];
	size_t n = 0;

	for (size_t i = 0; i < l->list->n; i++) {
		if (l->list->entries[i].key.source.len)
			with[n++] = &l->list->entries[i].key;
	}
	qsort(with, n, sizeof(const struct keyline *), compare_sources);
	for (size_t i = 1; i < n; i++) {
		if (address_equal(&with[i]->source, &with[i - 1]->source))
			fault_at(
			    l, with[i]->line,
			    reasonf("source %s is that of the key on line %u, choose another",
				    address_format_host(&with[i]->source, source, sizeof(source)),
				    with[i - 1]->line));
	}
	free(with);
}

static struct load begin(const char *path, const struct allow_names *names,
			 void (*fault)(void *arg, const char *text), void *arg)
{
	struct load l = {.list = xcalloc(1, sizeof(*l.list)),
			 .path = path,
			 .names = names,
			 .fault = fault,
			 .arg = arg};

	l.list->file = memfd_create("allowed_keys", MFD_CLOEXEC);
	if (l.list->file >= 0)
		l.copy = fdopen(fcntl(l.list->file, F_DUPFD_CLOEXEC, 0), "w");
	return l;
}

static void finish(struct load *l)
{
	build_table(l);
	check_sources(l);
	if (l->copy && fclose(l->copy) == 0)
		return;
	if (l->list->file >= 0)
		close(l->list->file);
	l->list->file = -1;
}

struct allowlist *allowlist_read(int fd, const char *path, const struct allow_names *names,
				 void (*fault)(void *arg, const char *text), void *arg)
{
	struct load l = begin(path, names, fault, arg);
	FILE *f = fdopen(fd, "r");

	if (f) {
		rewind(f);
		read_lines(&l, f);
		fclose(f);
	} else {
		close(fd);
	}
	finish(&l);
	return l.list;
}

int allowlist_file(const struct allowlist *l)
{
	return l->file;
}

struct allowlist *allowlist_load(const char *path, const struct allow_names *names,
				 void (*fault)(void *arg, const char *text), void *arg)
{
	struct load l = begin(path, names, fault, arg);

	read_file(&l);
	finish(&l);
	if (l.faults == 0)
		return l.list;
	allowlist_free(l.list);
	return NULL;
}

void allowlist_free(struct allowlist *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++)
		keyline_free(&l->entries[i].key);
	free(l->entries);
	free(l->slots);
	if (l->file >= 0)
		close(l->file);
	free(l);
}

const struct allow_entry *allowlist_find(const struct allowlist *l, const uint8_t *blob, size_t len)
{
	uint8_t digest[KEYLINE_DIGEST];
	uint32_t slot = 0;

	keyline_digest(blob, len, digest);
	slot = l->slots[find_slot(l, blob, len, digest)];
	return slot ? &l->entries[slot - 1] : NULL;
}

size_t allowlist_count(const struct allowlist *l)
{
	return l->n;
}

size_t allowlist_absent(const struct allowlist *l)
{
	return l->absent;
}

const struct allow_entry *allowlist_get(const struct allowlist *l, size_t i)
{
	return &l->entries[i];
}
