// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_CLIENT_DBUS_H
#define SSHIPC_CLIENT_DBUS_H
/*
 * D-Bus addresses (D-Bus Specification, "Server Addresses").
 */
#include <stdio.h>

/* Writes a value of an address: bytes other than [-0-9A-Za-z_/.\*] as %XX. */
void dbus_escape(FILE *out, const char *text);

/* Writes "unixexec:path=...": this very program with --stdio and the other words of argv, but for
 * --print-dbus-address.  0, or -1 with errno: the program's own path is not known. */
int dbus_unixexec(FILE *out, char *const *argv);

#endif
