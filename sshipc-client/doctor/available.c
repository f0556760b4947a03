// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the doctor (--check) alone, for its step about the listeners, while another sshipc-client
 * may have them open.  It may not connect to what listens there, nor remove what it finds.
 */
#include "available.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folders.h"
#include "sockets.h"

static int check_path(const char *path, char why[FOLDERS_ERROR])
{
	const int folder_length = (int)(strrchr(path, '/') - path);
	char folder[128];
	struct stat st;
	const bool there = lstat(path, &st) == 0;

	snprintf(folder, sizeof(folder), "%.*s", folder_length, path);
	if (access(folder[0] ? folder : "/", W_OK | X_OK) < 0)
		snprintf(why, FOLDERS_ERROR, "%s: %s; make that folder, writable for uid %u",
			 folder, strerror(errno), geteuid());
	else if (folders_check(path, FOLDERS_SHARED, why) != 0 && errno == EPERM)
		return -1;
	else if (there && !S_ISSOCK(st.st_mode))
		snprintf(why, FOLDERS_ERROR, "exists and is not a socket; move it away");
	else if (there && sockets_path_is_listened_on(path))
		snprintf(why, FOLDERS_ERROR,
			 "a program listens there; end it (\"ss -lxp src %s\" shows which), or "
			 "choose another path",
			 path);
	else
		return 0;
	return -1;
}

int available_check(const struct address *a, char *err, size_t size)
{
	const char *path = address_path(a);
	char text[ADDRESS_TEXT], why[FOLDERS_ERROR + ADDRESS_TEXT];
	struct listening l;

	if (path && check_path(path, why) == 0)
		return 0;
	if (path) {
		snprintf(err, size, "%s: %s", address_format(a, text, sizeof(text)), why);
		return -1;
	}
	/* Only a bind(2) shows whether a port or an abstract name is in use. */
	if (address_listen(a, 0, NULL, &l, why, sizeof(why)) < 0) {
		snprintf(err, size, "%s; end the program that has it, or choose another%s", why,
			 address_is_unix(a) ? " name" : ", port 0 for any that is free");
		return -1;
	}
	listening_close(&l);
	return 0;
}
