// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_OPTION_ROWS_H
#define SSHIPC_OPTION_ROWS_H
/*
 * Short forms of a row's fields, for a program's table of options (options.h): included only by the
 * file that has the table.  It must define struct settings.
 */
#include <syslog.h>

#include "logfile.h"
#include "options.h"

#define AT(member)		    .at = offsetof(struct settings, member)
#define FLAG(member)		    .type = OPTION_FLAG, AT(member)
#define RANGE(t, member, lo, hi, v) .type = (t), AT(member), .min = (lo), .max = (hi), .value = (v)
#define NUMBER(member, ...)	    RANGE(OPTION_NUMBER, member, __VA_ARGS__)
#define WORD(member, all, ...)	    RANGE(OPTION_WORD, member, __VA_ARGS__), .words = (all)
#define TEXT(member)		    .type = OPTION_TEXT, AT(member)
#define LIST(setter)		    .type = OPTION_LIST, .set = (setter)
#define DO(action)		    .type = OPTION_DO, .run = (action)

/* The log options of both programs, in settings.log (a struct log_target) and
 * settings.verbosity. */
#define LOG_SINK  TEXT(log), .set = logfile_set, .show = logfile_show
#define LOG_LEVEL WORD(verbosity, log_levels, LOG_ERR, LOG_DEBUG, LOG_INFO)
#define LOUDER(n) RANGE(OPTION_STEP, verbosity, LOG_ERR, LOG_DEBUG, n)

#endif
