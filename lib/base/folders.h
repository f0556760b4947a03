// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_FOLDERS_H
#define SSHIPC_FOLDERS_H
/*
 * Checks the path of a file: each folder and each symbolic link, one after the other and by
 * descriptors, so that the file opened is the one checked.  A user who can write a folder of the
 * path can replace the file, also by an older version of it.
 *
 * The allow list and host keys are checked strictly.  Settings, and the client's key and
 * known_hosts, accept a group that has its owner's name and no other member; the client's key and
 * known_hosts, if we are root, also one other user, who owns them (as with ssh(1), that user can
 * use and change them anyway, but no third one can).  A remedy is named only if it works: not chmod
 * for another user's file or on a read-only file system.  Settings may be read from pipes and
 * devices.
 */
#include <stdbool.h>
#include <sys/stat.h>

#define FOLDERS_ERROR 512

/* Users other than root and ourselves (the effective uid) that may be able to change a file. */
enum folders_trust {
	FOLDERS_STRICT = 0,
	FOLDERS_PRIVATE_GROUP = 1 << 0, /* a group whose only member is the owner may write */
	FOLDERS_OTHER_USER = 1 << 1,	/* if we are root: one other user, the file's owner */
	FOLDERS_SHARED = 1 << 2,    /* any owner, any group; others may write only sticky folders */
	FOLDERS_NO_STICKY = 1 << 3, /* no other user may even add a file to the last folder */
	FOLDERS_ANY_KIND = 1 << 4,  /* pipes and devices are accepted, too */
	FOLDERS_SECRET = 1 << 5,    /* nobody else may read the file; but root's own with mode
				       0440, which it lets us read by a group or an ACL */
};

/* Opens path for reading (non-blocking, close-on-exec) and checks: every folder of the path, also
 * of links in it, belongs to root or us, and group and others may not write it unless it is sticky;
 * a link in a sticky folder belongs to root or us; so does the file, a regular one that no other
 * user may write.  trust relaxes these rules.  Returns a descriptor, and *st of the file; or -1
 * with why (does not name path; ends with the remedy) and errno: EPERM if others may write. */
int folders_open(const char *path, unsigned trust, struct stat *st, char why[FOLDERS_ERROR]);

/* Checks the folders alone, for a file that is to be made at path: it may be missing and, where it
 * is a link, is not followed. 0, or -1 as above. */
int folders_check(const char *path, unsigned trust, char why[FOLDERS_ERROR]);

/* One step of a walk: name is looked up in the folder at. */
struct folders_step {
	const char *at, *name;
	const char *link; /* the link's text; NULL if name is not a link */
};

/* Walks the same path without checks and calls visit for each step, also for a name that does not
 * exist.  0, or -1 with errno. */
int folders_walk(const char *path, void (*visit)(void *arg, const struct folders_step *step),
		 void *arg);

/* Whether the file is a mount point itself, as in a container: a file that replaces it at its
 * source is not visible here then. */
bool folders_is_mount(const char *path);

#endif
