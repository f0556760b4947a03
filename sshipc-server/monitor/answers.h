// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_ANSWERS_H
#define SSHIPC_SERVER_ANSWERS_H
/*
 * What the monitor answers on its control socket: JSON, a line an object, the last one telling
 * whether it went well.  Names that the status answer of a channel has too mean the same here.
 */
#include "control.h"
#include "monitor.h"

/* Does what r asks for and writes the whole answer.  view: a struct monitor_view. */
void answers_give(void *view, const struct control_request *r, struct evbuffer *out);

#endif
