// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in each process that reads or makes files by their path: the monitor (Landlock does not
 * govern O_PATH), the client, ctl; called before such a file is opened or made.  It may not write
 * anything, nor follow a link whose folder and owner it has not checked.
 */
#include "folders.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/magic.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { LINKS_MAX = 40 };

struct walk {
	char rest[2 * PATH_MAX]; /* the part of the path that is not looked up yet */
	char at[PATH_MAX];	 /* the path without links of the folder open as fd */
	int fd, links;
	int flags;	/* of the last open; with O_NOFOLLOW the file may be missing */
	unsigned trust; /* enum folders_trust */
	uid_t other;	/* FOLDERS_OTHER_USER: the other user that was accepted; 0: none yet */
	char *why;	/* NULL: walk without checks */
	void (*visit)(void *arg, const struct folders_step *step);
	void *arg;
};

static int __attribute__((format(printf, 3, 4)))
refuse(struct walk *w, int error, const char *fmt, ...)
{
	va_list ap;

	if (w->why) {
		va_start(ap, fmt);
		vsnprintf(w->why, FOLDERS_ERROR, fmt, ap);
		va_end(ap);
	}
	errno = error;
	return -1;
}

static int fail(struct walk *w, int error)
{
	return refuse(w, error, "cannot be read by uid %u: %s", geteuid(), strerror(error));
}

/* Closes fd if it is not -1; keeps errno. */
static void close_quietly(int fd)
{
	const int error = errno;

	if (fd >= 0)
		close(fd);
	errno = error;
}

/* ---- who can change a folder or a file ---- */

/* The rule of Debian's ssh: the group has its owner's name and no other member. */
static bool is_private_group(uid_t uid, gid_t gid)
{
	const struct passwd *user = getpwuid(uid);
	const struct group *group = getgrgid(gid);
	bool alone =
	    user && group && user->pw_gid == gid && strcmp(user->pw_name, group->gr_name) == 0;

	for (char **m = alone ? group->gr_mem : NULL; m && *m; m++)
		alone &= strcmp(*m, user->pw_name) == 0;
	setpwent();
	while (alone && (user = getpwent()))
		alone = user->pw_gid != gid || user->pw_uid == uid;
	endpwent();
	return alone;
}

/* Whether uid may own a part of the path.  Root may use one other user's file, as with ssh(1), but
 * not one that a third user can change. */
static bool is_trusted(struct walk *w, uid_t uid)
{
	if (uid == 0 || uid == geteuid() || (w->trust & FOLDERS_SHARED))
		return true;
	if (!(w->trust & FOLDERS_OTHER_USER) || geteuid() != 0 || (w->other && w->other != uid))
		return false;
	w->other = uid;
	return true;
}

static bool is_writable(const struct walk *w, const struct stat *st)
{
	if (st->st_mode & S_IWOTH)
		return true;
	return (st->st_mode & S_IWGRP) && !(w->trust & FOLDERS_SHARED) &&
	       !((w->trust & FOLDERS_PRIVATE_GROUP) && is_private_group(st->st_uid, st->st_gid));
}

static int check_folder(struct walk *w, const struct stat *st, bool last)
{
	const unsigned mode = st->st_mode & 07777;

	if (!is_trusted(w, st->st_uid))
		return refuse(w, EACCES,
			      "its folder %s belongs to uid %u, who can put another file there: "
			      "use a folder of root's or of uid %u's",
			      w->at, st->st_uid, geteuid());
	if (!is_writable(w, st))
		return 0;
	if (!(mode & S_ISVTX))
		return refuse(w, EPERM,
			      "others can write its folder %s (mode %04o, uid %u): chmod go-w %s, "
			      "or use another folder",
			      w->at, mode, st->st_uid, w->at);
	if (!last || !(w->trust & FOLDERS_NO_STICKY))
		return 0;
	return refuse(w, EPERM,
		      "others can write its folder %s (mode %04o, uid %u): use one that only its "
		      "owner can write",
		      w->at, mode, st->st_uid);
}

/* Whether no other user may read the file.  A file of root that a group or an ACL lets us read is a
 * credential from a service manager. */
static bool is_secret(const struct stat *st)
{
	const unsigned others = st->st_mode & (S_IRWXG | S_IRWXO);

	return others == 0 || (others == S_IRGRP && st->st_uid == 0 && geteuid() != 0);
}

/* chmod is the remedy only where this user can do it: not for another's file, nor on a read-only
 * file system. */
static int refuse_mode(struct walk *w, int fd, const char *path, const struct stat *st)
{
	const bool secret = w->trust & FOLDERS_SECRET;
	struct statvfs fs;
	const bool fixed = (geteuid() != 0 && geteuid() != st->st_uid) ||
			   (fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_RDONLY));

	return refuse(w, EPERM, "mode %04o lets others %s it; %s%s", st->st_mode & 07777,
		      secret ? "read or write" : "write",
		      fixed    ? "use a copy with mode 600, in place of "
		      : secret ? "chmod 600 "
			       : "chmod go-w ",
		      path);
}

static int check_file(struct walk *w, int fd, const char *path, const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return w->trust & FOLDERS_ANY_KIND ? 0 : refuse(w, EINVAL, "not a regular file");
	if (!is_trusted(w, st->st_uid))
		return refuse(w, EACCES,
			      "belongs to uid %u, and must belong to %suid %u, which reads it: "
			      "use a copy that does",
			      st->st_uid, geteuid() ? "root or " : "", geteuid());
	if (w->trust & FOLDERS_SECRET ? is_secret(st) : !is_writable(w, st))
		return 0;
	return refuse_mode(w, fd, path, st);
}

/* ---- from one folder to the next ---- */

static int start_over(struct walk *w)
{
	close_quietly(w->fd);
	strcpy(w->at, "/");
	w->fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return w->fd < 0 ? fail(w, errno) : 0;
}

static int enter(struct walk *w, int fd, const char *name)
{
	char *slash = strrchr(w->at, '/');
	const size_t len = slash[1] ? strlen(w->at) : 0; /* 0: at "/" */

	close(w->fd);
	w->fd = fd;
	if (strcmp(name, "..") == 0)
		slash[slash == w->at] = '\0';
	else if (len + 1 + strlen(name) >= sizeof(w->at))
		return fail(w, ENAMETOOLONG);
	else
		sprintf(w->at + len, "/%s", name);
	return 0;
}

static int follow(struct walk *w, const char *link)
{
	char rest[sizeof(w->rest)];

	if (++w->links > LINKS_MAX)
		return fail(w, ELOOP);
	if ((size_t)snprintf(rest, sizeof(rest), "%s%s%s", link, *w->rest ? "/" : "", w->rest) >=
	    sizeof(rest))
		return fail(w, ENAMETOOLONG);
	memcpy(w->rest, rest, strlen(rest) + 1);
	return *link == '/' ? start_over(w) : 0;
}

/* A link in /proc leads to a file that a process has open; its text is not a path to follow. */
static bool is_proc(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

/* Removes the next name from rest; at the end of the path the name is ".". */
static int take_name(struct walk *w, char name[NAME_MAX + 1], bool *last)
{
	const char *p = w->rest + strspn(w->rest, "/");
	const size_t n = strcspn(p, "/");

	if (n > NAME_MAX)
		return fail(w, ENAMETOOLONG);
	snprintf(name, NAME_MAX + 1, "%.*s", n ? (int)n : 1, n ? p : ".");
	p += n + strspn(p + n, "/");
	*last = !*p;
	memmove(w->rest, p, strlen(p) + 1);
	return 0;
}

/* Opens name in the folder (O_PATH); st and link are of the name itself, not of its target. */
static int look_up(struct walk *w, const char *name, struct stat *st, char link[PATH_MAX])
{
	struct folders_step step = {w->at, name, NULL};
	const int fd = openat(w->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int error = errno;
	ssize_t n;

	st->st_mode = 0;
	if (fd >= 0 && fstat(fd, st) == 0 && S_ISLNK(st->st_mode) &&
	    (n = readlinkat(fd, "", link, PATH_MAX - 1)) > 0) {
		link[n] = '\0';
		step.link = link;
	}
	if (w->visit)
		w->visit(w->arg, &step);
	errno = error;
	return fd;
}

/* Looks up the next name.  1: it was the last one, and *out is its descriptor, or -1 with errno; 0:
 * more names follow; -1: a fault. */
static int step(struct walk *w, int *out)
{
	char name[NAME_MAX + 1], link[PATH_MAX];
	struct stat folder, st;
	bool last = false, is_link;
	int fd;

	if (take_name(w, name, &last) != 0)
		return -1;
	if (fstat(w->fd, &folder) != 0)
		return fail(w, errno);
	if (w->why && check_folder(w, &folder, last) != 0)
		return -1;
	fd = look_up(w, name, &st, link);
	if (fd < 0 && !(w->flags & O_NOFOLLOW))
		return fail(w, errno);
	if (fd < 0)
		return last && errno == ENOENT
			   ? 1
			   : refuse(w, errno, "its folder %s/%s: %s%s", w->at[1] ? w->at : "", name,
				    strerror(errno), errno == ENOENT ? "; make it (mkdir)" : "");
	if (S_ISDIR(st.st_mode) && !last)
		return strcmp(name, ".") == 0 ? close(fd) : enter(w, fd, name);
	close(fd);
	is_link = S_ISLNK(st.st_mode);
	if (!is_link && !last)
		return fail(w, ENOTDIR);
	/* O_NOFOLLOW: a name that was no link may have become one since. */
	if (last && (!is_link || (w->flags & O_NOFOLLOW) || is_proc(w->fd))) {
		*out = openat(w->fd, name, w->flags | (is_link ? 0 : O_NOFOLLOW));
		return 1;
	}
	if (w->why && is_writable(w, &folder) && !is_trusted(w, st.st_uid))
		return refuse(w, EACCES, "the link %s/%s on its way is uid %u's: use another path",
			      w->at, name, st.st_uid);
	return follow(w, link);
}

/* Walks path and opens the file; -1 with errno. */
static int walk(struct walk *w, const char *path)
{
	char here[PATH_MAX] = "";
	int fd = -1, rc;

	w->fd = -1;
	if (!*path)
		return fail(w, ENOENT);
	if (*path != '/' && !getcwd(here, sizeof(here)))
		return fail(w, errno);
	if ((size_t)snprintf(w->rest, sizeof(w->rest), "%s/%s", here, path) >= sizeof(w->rest))
		return fail(w, ENAMETOOLONG);
	rc = start_over(w);
	while (rc == 0)
		rc = step(w, &fd);
	close_quietly(w->fd);
	return rc < 0 ? -1 : fd;
}

int folders_open(const char *path, unsigned trust, struct stat *st, char why[FOLDERS_ERROR])
{
	struct walk w = {
	    .flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, .trust = trust, .why = why};
	int fd;

	*why = '\0';
	fd = walk(&w, path);
	if (fd < 0 && !*why)
		fail(&w, errno);
	if (fd < 0 || (fstat(fd, st) == 0 ? check_file(&w, fd, path, st) : fail(&w, errno)) == 0)
		return fd;
	close_quietly(fd);
	return -1;
}

int folders_check(const char *path, unsigned trust, char why[FOLDERS_ERROR])
{
	struct walk w = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC, .trust = trust, .why = why};
	int fd;

	*why = '\0';
	fd = walk(&w, path);
	close_quietly(fd);
	return *why ? -1 : 0;
}

int folders_walk(const char *path, void (*visit)(void *arg, const struct folders_step *step),
		 void *arg)
{
	struct walk w = {.flags = O_PATH | O_CLOEXEC, .visit = visit, .arg = arg};
	const int fd = walk(&w, path);

	close_quietly(fd);
	return fd < 0 ? -1 : 0;
}

bool folders_is_mount(const char *path)
{
	struct statx st;

	return statx(AT_FDCWD, path, 0, 0, &st) == 0 && (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}
