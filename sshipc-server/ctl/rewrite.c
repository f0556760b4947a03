// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in `sshipc-server ctl`, called by ctl_list.c alone: the only code that writes the allow
 * list. Each step leaves the old list or the new one, whole.
 */
#include "rewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "alloc.h"
#include "io.h"
#include "reason.h"

enum { LOCK_STEP_MS = 20 };

struct rewrite {
	const struct settings *s;
	void (*fault)(void *arg, const char *text);
	void *arg;
	char path[PATH_MAX], new_path[PATH_MAX];
	const char *name, *new_name; /* within the folder */
	int folder, lock;
	struct stat st; /* of what was read */
	struct allowlist *list;
	char *text;
	size_t len;
	bool prepared;
};

/* Reports "PATH: why".  Returns -1. */
static int fail(struct rewrite *r, const char *why)
{
	char text[PATH_MAX + REASON_MAX];

	snprintf(text, sizeof(text), "%s: %s", r->path, why);
	r->fault(r->arg, text);
	return -1;
}

/* Resolves links: the file that a link names is replaced, and the link stays. */
static int resolve(struct rewrite *r)
{
	char folder[PATH_MAX], *path = realpath(r->s->allowlist, NULL);
	int n = 0;

	snprintf(r->path, sizeof(r->path), "%s", path ? path : r->s->allowlist);
	if (!path)
		return fail(r, strerror(errno));
	free(path);
	snprintf(folder, sizeof(folder), "%s", r->path);
	dirname(folder);
	r->name = strrchr(r->path, '/') + 1;
	n = snprintf(r->new_path, sizeof(r->new_path), "%s/.%s.new", folder, r->name);
	if (n < 0 || (size_t)n >= sizeof(r->new_path))
		return fail(r, strerror(ENAMETOOLONG));
	r->new_name = strrchr(r->new_path, '/') + 1;
	r->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return r->folder < 0 ? fail(r, reasonf("its folder: %s", strerror(errno))) : 0;
}

/* The lock file is never removed: a process that waits for it would then hold the lock of a file
 * that is gone. */
static int open_lock(struct rewrite *r, const char *name)
{
	const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	int fd = openat(r->folder, name, flags | O_CREAT | O_EXCL, 0600);
	struct stat st;

	if (fd < 0)
		return errno == EEXIST ? openat(r->folder, name, flags) : -1;
	/* Where root makes the lock file, the list's owner must be able to lock, too. */
	if (geteuid() == 0 && fstatat(r->folder, r->name, &st, 0) == 0 &&
	    fchown(fd, st.st_uid, st.st_gid) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int take_lock(struct rewrite *r)
{
	const struct timespec step = {.tv_nsec = LOCK_STEP_MS * 1000000L};
	char name[NAME_MAX + 8];

	snprintf(name, sizeof(name), ".%s.lock", r->name);
	r->lock = open_lock(r, name);
	if (r->lock < 0)
		return fail(r, reasonf("its lock %s: %s", name, strerror(errno)));
	for (int waited = 0; flock(r->lock, LOCK_EX | LOCK_NB) < 0; waited += LOCK_STEP_MS) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return fail(r, reasonf("its lock %s: %s", name, strerror(errno)));
		if (waited >= REWRITE_LOCK_SECONDS * 1000)
			return fail(
			    r,
			    reasonf("somebody else has been changing it for %d seconds; try again",
				    REWRITE_LOCK_SECONDS));
		nanosleep(&step, NULL);
	}
	return 0;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid;
}

/* Editors do not take our lock: a change by one shows in the file's inode, size or times. */
static int check_unchanged(struct rewrite *r)
{
	struct stat now;

	if (fstatat(r->folder, r->name, &now, AT_SYMLINK_NOFOLLOW) == 0 && same_file(&r->st, &now))
		return 0;
	return fail(r, "it was changed by somebody else at the same time; try again");
}

static struct allowlist *load(struct rewrite *r, const char *path,
			      void (*fault)(void *arg, const char *text), void *arg)
{
	const struct allow_names names = settings_names(r->s);

	return allowlist_load(path, &names, fault, arg);
}

static int read_text(struct rewrite *r, int fd)
{
	const size_t size = (size_t)r->st.st_size;
	ssize_t n;

	r->text = xmalloc(size + 1);
	n = io_read_all(fd, r->text, size); /* cut meanwhile: check_unchanged finds it */
	r->len = n > 0 ? (size_t)n : 0;
	return n < 0 ? fail(r, strerror(errno)) : 0;
}

/* The bytes and what allowlist_load makes of them are of the same file: it did not change from
 * before the first to after the second. */
static int read_list(struct rewrite *r)
{
	const int fd = openat(r->folder, r->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	int rc = -1;

	if (fd < 0 || fstat(fd, &r->st) < 0) {
		fail(r, strerror(errno));
		goto out;
	}
	r->list = load(r, r->path, r->fault, r->arg);
	if (r->list && read_text(r, fd) == 0)
		rc = check_unchanged(r);
out:
	if (fd >= 0)
		close(fd);
	return rc;
}

struct rewrite *rewrite_open(const struct settings *s, void (*fault)(void *arg, const char *text),
			     void *arg, bool *unwritable)
{
	struct rewrite *r = xcalloc(1, sizeof(*r));

	r->s = s;
	r->fault = fault;
	r->arg = arg;
	r->folder = r->lock = -1;
	*unwritable = resolve(r) == 0 && take_lock(r) != 0;
	if (r->lock >= 0 && !*unwritable && read_list(r) == 0)
		return r;
	rewrite_close(r);
	return NULL;
}

const struct allowlist *rewrite_list(const struct rewrite *r)
{
	return r->list;
}

const char *rewrite_path(const struct rewrite *r)
{
	return r->path;
}

/* ---- the change ---- */

void rewrite_remove(struct rewrite *r, unsigned line)
{
	char *from = r->text, *end = r->text + r->len, *to;

	for (; line > 1; line--)
		from = (char *)memchr(from, '\n', (size_t)(end - from)) + 1;
	to = memchr(from, '\n', (size_t)(end - from));
	to = to ? to + 1 : end;
	memmove(from, to, (size_t)(end - to));
	r->len -= (size_t)(to - from);
}

void rewrite_append(struct rewrite *r, const char *line)
{
	const char *sep = r->len && r->text[r->len - 1] != '\n' ? "\n" : "";

	r->text = xreallocarray(r->text, r->len + strlen(line) + 3, 1);
	r->len += (size_t)sprintf(r->text + r->len, "%s%s\n", sep, line);
}

/* Reports a fault of the new file under the name of the list, which is the one that people know. */
static void load_fault(void *arg, const char *text)
{
	struct rewrite *r = arg;
	const size_t n = strlen(r->new_path);
	char moved[PATH_MAX + 1024];

	snprintf(moved, sizeof(moved), "%s%s", r->path,
		 strncmp(text, r->new_path, n) ? text : text + n);
	r->fault(r->arg, moved);
}

int rewrite_prepare(struct rewrite *r)
{
	struct allowlist *list = NULL;
	int fd = -1;

	/* Removes what a process that died has left; we hold the lock. */
	if (unlinkat(r->folder, r->new_name, 0) < 0 && errno != ENOENT)
		return fail(r, reasonf("%s: %s", r->new_name, strerror(errno)));
	fd = openat(r->folder, r->new_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(r, reasonf("a new file beside it: %s", strerror(errno)));
	r->prepared = true;
	/* The owner before the mode: chown clears bits of it. */
	if (io_write_all(fd, r->text, r->len) < 0 || fchown(fd, r->st.st_uid, r->st.st_gid) < 0 ||
	    fchmod(fd, r->st.st_mode & 07777) < 0 || fsync(fd) < 0) {
		fail(r,
		     reasonf("a new file beside it, with uid %u, gid %u and mode %04o: %s",
			     r->st.st_uid, r->st.st_gid, r->st.st_mode & 07777, strerror(errno)));
		close(fd);
		return -1;
	}
	close(fd);
	list = load(r, r->new_path, load_fault, r);
	allowlist_free(list);
	return list ? 0 : -1;
}

int rewrite_commit(struct rewrite *r)
{
	if (check_unchanged(r) < 0)
		return -1;
	if (renameat(r->folder, r->new_name, r->folder, r->name) < 0)
		return fail(r, strerror(errno));
	r->prepared = false;
	/* The list is replaced for everybody; only a power cut could still undo that. */
	if (fsync(r->folder) < 0)
		fail(r, reasonf("changed, but its folder is not on the disk yet: %s",
				strerror(errno)));
	return 0;
}

void rewrite_close(struct rewrite *r)
{
	if (!r)
		return;
	if (r->prepared)
		unlinkat(r->folder, r->new_name, 0);
	if (r->lock >= 0)
		close(r->lock);
	if (r->folder >= 0)
		close(r->folder);
	allowlist_free(r->list);
	free(r->text);
	free(r);
}
