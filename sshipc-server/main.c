// SPDX-License-Identifier: BSD-2-Clause
/*
 * sshipc-server: which of its programs this process is.  The monitor, and the commands that only
 * print, are start.c's; the dialler is this program executed again (launch.h).
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "alloc.h"
#include "confine.h"
#include "ctl.h"
#include "dialler.h"
#include "helper.h"
#include "io.h"
#include "log.h"
#include "start.h"

#define PROGRAM "sshipc-server"

int main(int argc, char **argv)
{
	static char out[1 << 16];
	const char *role = helper_role(argv);
	const bool ctl = argc > 1 && strcmp(argv[1], "ctl") == 0;

	if (role && strncmp(role, "dialler", strlen("dialler")) == 0)
		dialler_main(role);
	if (confine_open_stdio() != 0)
		return EX_OSERR;
	setvbuf(stdout, out, _IOFBF, sizeof(out)); /* so one write, whose error is known */
	alloc_must_succeed(PROGRAM ": out of memory\n");
	log_init(PROGRAM, LOG_SINK_STDERR, LOG_INFO);
	signal(SIGIO, SIG_IGN); /* somebody opens the allow list while it is looked at */
	return io_finish_stdout(PROGRAM,
				ctl ? ctl_main(argc - 1, argv + 1) : start_main(argc, argv));
}
