// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_LANDLOCK_RULES_H
#define SSHIPC_SERVER_LANDLOCK_RULES_H
/*
 * What the monitor may still do with files and TCP ports (Landlock), derived from the settings.
 * Its helpers inherit it; the spawner, and so its sessions, give up the rest (landlock_seal).
 */
#include "settings.h"

/* After all is bound, before the first helper starts.  Allowed are: to read and execute beneath the
 * folders of our program and its libraries, and of files (a path a line), sshipc-session's; to read
 * beneath /etc and those of the time zones, the folders of the allow list and of what it links to,
 * and that of each link on its way that leads beneath it; to remove the control socket; to make and
 * write files in the folder of the log; to write /dev/null; TCP connects to the endpoints' ports;
 * signals to our own processes.  Says in the log where the kernel has no Landlock.  0, or -1 after
 * logging why. */
int landlock_rules_apply(const struct settings *s, const char *files);

#endif
