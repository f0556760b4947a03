// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_CTL_H
#define SSHIPC_SERVER_CTL_H

/* "sshipc-server ctl ...": asks a running server through its control socket, with its caller's
 * rights.  argv[0] is "ctl".  Returns the exit code. */
int ctl_main(int argc, char **argv);

#endif
