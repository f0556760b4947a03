// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_LOGFILE_H
#define SSHIPC_LOGFILE_H
/*
 * Where the log goes, as --log has it, and its file: opened, checked and opened anew.  A line that
 * a full disk does not take is log.h's matter.
 */
#include <stdbool.h>
#include <stddef.h>

#include "log.h"

struct log_target {
	enum log_sink sink; /* with a path: STDERR is text, JSON is JSON */
	char *path;	    /* absolute; NULL: stderr or syslog */
};

/* A row's set and show (options.h): "stderr", "syslog", "json", "/FILE" or "json:/FILE".  free(3)
 * frees the path. */
const char *logfile_set(void *target, const char *value);
const char *logfile_show(const void *target, size_t i, char *buf);

/* Has the log go to its file, if it has one, from here on: appended to, made with mode 0640 where
 * it is missing.  It must be a regular file of root's or ours that nobody else can write, in
 * folders that only root, we, or a group without another member can write (folders.h).  only_check:
 * looks at the folders alone.  -1 after logging why. */
int logfile_start(const struct log_target *to, bool only_check);

/* Upon SIGUSR1, after the file was moved away: opens it anew, and logs that; where that fails the
 * log goes on in the old one.  Logs so where there is no file. */
void logfile_reopen(void);

#endif
