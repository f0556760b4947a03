// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_SERVER_CTL_LIST_H
#define SSHIPC_SERVER_CTL_LIST_H
/*
 * The commands of ctl about the allow list.  Its file is changed here, with the caller's rights
 * (rewrite.h); the server is only asked which keys are pending, and told to reload.
 */
#include "ask.h"
#include "keyline.h"

int ctl_list_approve(struct ctl *c, int argc, char **argv);
int ctl_list_revoke(struct ctl *c, int argc, char **argv);

/* What approve was asked for; from and max_sessions may be NULL. */
struct approval {
	const char *fingerprint, *endpoint, *name, *from, *max_sessions;
};

/* The line for key ("TYPE BASE64").  NULL, or the reason: it would not parse, or not as what was
 * asked for. */
const char *ctl_list_compose(const struct approval *a, const char *key, char line[KEYLINE_MAX]);

#endif
