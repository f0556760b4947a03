// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_FOLDERS_H
#define SSHIPC_FOLDERS_H
/*
 * Checks the way to a file: each folder and each symbolic link, one after the other and by
 * descriptors, so that what was checked is what is opened.  Whoever can write a folder on the way
 * can put another file, or an older version of ours, in its place.
 *
 * Who asks for what: the allow list and host keys are strict.  Settings, and the client's key and
 * known_hosts, let a group pass that has its owner's name and nobody else in it; the client's key
 * and known_hosts, where we are root, also one other user, whose files they are (as with ssh(1),
 * that user can use and change them anyway, but no third one can).  A remedy is only named where it
 * works: not chmod where the file is another's or the file system cannot be written.  Pipes and
 * devices can be settings.
 */
#include <stdbool.h>
#include <sys/stat.h>

#define FOLDERS_ERROR 512

/* Who else than root and we (the effective uid) may be able to change a file. */
enum folders_trust {
	FOLDERS_STRICT = 0,
	FOLDERS_PRIVATE_GROUP = 1 << 0, /* a group that nobody but the owner is in may write */
	FOLDERS_OTHER_USER = 1 << 1,	/* where we are root: one other user, the file's owner */
	FOLDERS_SHARED = 1 << 2,	/* any owner, any group; all others only where sticky */
	FOLDERS_NO_STICKY = 1 << 3,	/* no other user may even add a file to the last folder */
	FOLDERS_ANY_KIND = 1 << 4,	/* pipes and devices are accepted, too */
	FOLDERS_SECRET = 1 << 5,	/* nobody else may read the file; but root's own with mode
					   0440, which it lets us read by a group or an ACL */
};

/* Opens path for reading (non-blocking, close-on-exec) and checks: every folder on the way, those
 * of the links in between too, belongs to root or us, and no group and no others may write it
 * unless it is sticky; a link belongs to root or us where its folder is sticky; so does the file,
 * which is a regular one that nobody else may write.  What trust says is let pass.  A descriptor,
 * and *st is the file's; or -1 with why (does not name path; ends with the remedy) and errno: EPERM
 * where others may write. */
int folders_open(const char *path, unsigned trust, struct stat *st, char why[FOLDERS_ERROR]);

/* Checks the folders alone, for a file that is to be made at path: it may be missing and, where it
 * is a link, is not followed. 0, or -1 as above. */
int folders_check(const char *path, unsigned trust, char why[FOLDERS_ERROR]);

/* One step: name is looked up in the folder at. */
struct folders_step {
	const char *at, *name;
	const char *link; /* where name leads, as it stands there; NULL where it is no link */
};

/* Walks the same way without checks and calls visit for each step, also for one that finds nothing.
 * 0, or -1 with errno. */
int folders_walk(const char *path, void (*visit)(void *arg, const struct folders_step *step),
		 void *arg);

/* Is the file a mount of its own, as in a container?  Then a file that replaces it at its source is
 * not seen here. */
bool folders_is_mount(const char *path);

#endif
