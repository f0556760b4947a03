// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_KEEPER_H
#define SSHIPC_SERVER_KEEPER_H
/*
 * The keeper: the process that was started, whose pid the service manager knows.  It holds the
 * listening sockets, the control socket with its callers, and the generations: each is a monitor
 * with its helpers and sessions, a child of the keeper.  It reads no settings, no key and nothing
 * that comes from the network, and is not confined by Landlock, which a program that it executes
 * would inherit.
 *
 * Upgrade (SIGUSR2, "upgrade" on the control socket): the program is executed anew, by the path
 * that the server was started with and with the same arguments and environment, as the next
 * generation.  It gets the listening sockets, checks everything, starts its helpers and says READY.
 * Only then the generation in charge is told to accept no more (PAUSE), and when it has said PAUSED
 * the new one takes over.  The old one retires: it keeps its sessions, and ends with the last of
 * them.  One that does not say PAUSED, since it is stopped, is not waited for; one that dies then
 * takes its sessions along, and the new one takes over.  A second upgrade is refused while one is
 * under way.  If the new one ends before it has taken over, or is not ready in KEEPER_PATIENCE
 * seconds, the old one stays in charge; what the new one wrote until then is logged by the old one,
 * and sent to the caller.
 *
 * Signals: SIGTERM, SIGINT, SIGHUP and SIGUSR1 are passed on to all generations as messages, so
 * that one which a terminal or a supervisor sends to all processes counts once.  A generation that
 * is not READY gets SIGTERM and SIGINT themselves.
 *
 * The end: the exit code is that of the generation in charge; a signal that killed it kills the
 * keeper, too.  After SIGTERM or SIGINT the keeper waits for all generations; one that does not
 * answer meanwhile, since it is stopped or hangs, is killed, and the exit code is 70.  If the
 * generation in charge ends by itself, all others are killed.  When the keeper dies, the kernel
 * kills all (PR_SET_PDEATHSIG).  An old generation that dies takes its own sessions along and no
 * others.
 */

#define KEEPER_PATIENCE 30 /* seconds for a new generation to be READY */

/* To be called before anything is loaded: forks the first generation.  In this one it returns -1,
 * and *sock is its link (link.h), with HELLO already in it; in the keeper it returns when all
 * generations have ended, with the exit code. */
int keeper_run(char **argv, int *sock);

#endif
