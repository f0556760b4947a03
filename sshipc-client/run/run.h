// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_RUN_H
#define SSHIPC_CLIENT_RUN_H
/*
 * Run mode.  The process that was started becomes COMMAND itself, by execve(2), once the tunnel is
 * up: so its terminal, process group, signals, exit code and children are what they would be
 * without us.  The tunnel is held by another process, no child of it, that ends when it ends,
 * however that was.
 *
 * The process forks before anything is opened.  The tunnel's process asks what there is to ask on
 * the terminal, logs in, asks .status, listens, and sends the variables through a pipe; then it
 * leaves terminal and session.  The other process, which has held no key, sets the variables and
 * executes COMMAND.  So a stopped COMMAND does not stop its tunnel, a pipeline's process group
 * stays whole, and no signal has to be passed on.  A listener that names another endpoint than the
 * key's ends it with 77.  The end of COMMAND is seen by a pidfd: connections that still wait in the
 * listener are taken, all may end in order for 10 s, then all is closed.  The tunnel's process
 * ignores signals from the start of COMMAND on, since a service manager that stops a service
 * signals all of it.  After SIGKILL of the tunnel's process the private folder stays.
 */
#include "listener.h"
#include "status.h"

struct run;

/* Before anything is opened: returns in the process that is to hold the tunnel.  The other one
 * waits, and becomes s->command or exits with the code of run_free.  NULL with errno. */
struct run *run_split(const struct settings *s);

/* ended is called when the other process has ended, whatever it was by then. */
void run_watch(struct run *r, struct event_base *base, event_callback_fn ended, void *arg);

/* The link is up: has COMMAND started with the variables for the first of *listeners; where it is
 * NULL, makes a private one.  status: what the server says of its endpoint, may be NULL.  From here
 * on we are in a session of our own, without stdin and stdout.  0, or the exit code (already
 * logged). */
int run_command(struct run *r, struct event_base *base, struct link *l,
		struct listeners **listeners, const struct status *status);

/* Has the other process exit with code, if it is no command yet; else ends the command, if it is
 * still there.  Removes the folder of the private listener, which must be closed. */
void run_free(struct run *r, int code);

#endif
