// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_DIALLER_H
#define SSHIPC_SERVER_DIALLER_H

/* The process that connects for a monitor that is root, with the uid which endpoints shall see.  It
 * knows addresses by number only; nothing that a peer sent reaches it.  As root it first becomes
 * the user of role ("dialler UID:GID NAME"), for good.  Never returns. */
void dialler_main(const char *role) __attribute__((noreturn));

#endif
