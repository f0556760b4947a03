// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_LOCAL_H
#define SSHIPC_CLIENT_LOCAL_H
/*
 * The steps of the doctor that need no server: are the listeners free, and does the environment
 * send clients of the endpoint past them?
 */
#include "endpoint.h"
#include "report.h"
#include "settings.h"

void local_listeners(struct report *r, const struct settings *s);

/* kind: the endpoint's, if known; else what any kind reads is looked at. */
void local_environment(struct report *r, const struct settings *s, const enum endpoint_kind *kind);

#endif
