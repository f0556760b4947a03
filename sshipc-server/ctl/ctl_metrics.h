// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_CTL_METRICS_H
#define SSHIPC_SERVER_CTL_METRICS_H
/*
 * What "status" answers as metrics, on stdout: the text that Prometheus reads.  The numbers of each
 * generation of the server have its number as a label, since those of an old one end with it: a sum
 * of all would fall then, and be taken for a restart.
 */
#include <stdbool.h>

/* answer: a whole one.  strict: OpenMetrics 1.0 to the letter, in which the names of counters end
 * in "_total" where their samples stand, but not where their types do; promtool and node_exporter
 * do not read that. */
void ctl_print_metrics(const char *answer, bool strict);

#endif
