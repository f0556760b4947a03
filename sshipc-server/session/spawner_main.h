// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_SPAWNER_MAIN_H
#define SSHIPC_SERVER_SPAWNER_MAIN_H

/* The spawner process; never returns. */
void spawner_main(void) __attribute__((noreturn));

#endif
