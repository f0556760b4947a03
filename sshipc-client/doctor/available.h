// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_AVAILABLE_H
#define SSHIPC_CLIENT_AVAILABLE_H
/*
 * Could a listener have this address?  The doctor's question, which changes nothing.
 */
#include "address.h"

/* Would address_listen find this address free?  A path is only looked at: nobody is connected to
 * (an IPC daemon takes every connect for a client), nothing is replaced or left behind.  0, or -1
 * with err: cause and remedy. */
int available_check(const struct address *a, char *err, size_t size);

#endif
