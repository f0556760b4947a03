// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the process that has the log: the monitor, or the client; called at its start, and for
 * SIGUSR1.  The monitor is confined by then and can make and write files in this folder alone.  It
 * may not follow a link to the file, nor write one that others can write.
 */
#include "logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "folders.h"

static const struct log_target *used; /* since logfile_start */

const char *logfile_set(void *target, const char *value)
{
	struct log_target *to = target;
	const bool json = strncmp(value, "json:", 5) == 0;
	const char *path = json ? value + 5 : value;
	int sink = json ? LOG_SINK_JSON : LOG_SINK_STDERR;

	if (*path != '/') {
		for (sink = 0; sink <= LOG_SINK_JSON && strcmp(log_sinks[sink], value) != 0; sink++)
			;
		if (sink > LOG_SINK_JSON)
			return "expected stderr, syslog or json; or a file: /FILE or json:/FILE";
		path = NULL;
	} else if (!path[1 + strcspn(path + 1, "/")]) {
		return "a log file needs a folder of its own, not /";
	}
	free(to->path);
	*to = (struct log_target){(enum log_sink)sink, path ? xstrdup(path) : NULL};
	return NULL;
}

const char *logfile_show(const void *target, size_t i, char *buf)
{
	const struct log_target *to = target;

	if (!to->path)
		return log_sinks[to->sink];
	snprintf(buf, 1024, "%s%s", to->sink == LOG_SINK_JSON ? "json:" : "", to->path);
	return buf;
}

static int open_file(const char *path, char why[FOLDERS_ERROR])
{
	struct stat st;
	int fd;

	if (folders_check(path, FOLDERS_PRIVATE_GROUP, why) != 0)
		return -1;
	fd = open(path,
		  O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
		  0640);
	if (fd < 0 || fstat(fd, &st) != 0)
		snprintf(why, FOLDERS_ERROR, "%s",
			 errno == ELOOP ? "it is a link; name the file itself" : strerror(errno));
	else if (!S_ISREG(st.st_mode))
		snprintf(why, FOLDERS_ERROR, "not a regular file");
	else if (st.st_uid != 0 && st.st_uid != geteuid())
		snprintf(why, FOLDERS_ERROR, "belongs to uid %u, who could change it: chown %u %s",
			 (unsigned)st.st_uid, (unsigned)geteuid(), path);
	else if (st.st_mode & (S_IWGRP | S_IWOTH))
		snprintf(why, FOLDERS_ERROR, "mode %04o lets others write it: chmod go-w %s",
			 (unsigned)st.st_mode & 07777, path);
	else
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

int logfile_start(const struct log_target *to, bool only_check)
{
	char why[FOLDERS_ERROR] = "";
	int fd = -1;

	used = to;
	if (!to->path)
		return 0;
	if (only_check && folders_check(to->path, FOLDERS_PRIVATE_GROUP, why) == 0)
		return 0;
	if (!only_check && (fd = open_file(to->path, why)) >= 0) {
		log_use(fd);
		return 0;
	}
	log_msg(LOG_ERR, "log file %s: %s", to->path, why);
	return -1;
}

void logfile_reopen(void)
{
	char why[FOLDERS_ERROR];
	int fd;

	if (!used || !used->path) {
		log_msg(LOG_NOTICE, "SIGUSR1: the log goes to no file: stderr and syslog cannot be "
				    "opened anew");
		return;
	}
	fd = open_file(used->path, why);
	if (fd >= 0)
		log_use(fd);
	log_msg(fd < 0 ? LOG_ERR : LOG_NOTICE, "SIGUSR1: log file %s: %s", used->path,
		fd < 0 ? why : "opened anew");
}
