// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the process that accepts on a Unix socket: the client for its listeners, the server for
 * its control socket.  It asks the kernel alone, never /proc: a pid may be another process's by
 * now.  What cannot be found out is refused.
 */
#include "caller.h"

#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "alloc.h"

static bool is_in(uint32_t id, const uint32_t *ids, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (ids[i] == id)
			return true;
	}
	return false;
}

static bool has_group(const struct caller_rules *rules, int fd)
{
	socklen_t len = 0;
	gid_t *groups = NULL;
	bool found = false;

	/* The first call fails, and sets len to the size that is needed. */
	getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len);
	groups = xmalloc(len + sizeof(*groups));
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
		len = 0;
	for (size_t i = 0; i < len / sizeof(*groups) && !found; i++)
		found = is_in(groups[i], rules->gids, rules->n_gids);
	free(groups);
	return found;
}

int64_t caller_group(const char *text)
{
	const struct group *gr = getgrnam(text);
	const int64_t number = strtoll(text, NULL, 10);

	if (gr)
		return gr->gr_gid;
	return *text && strlen(text) <= 10 && strspn(text, "0123456789") == strlen(text) &&
		       number < UINT32_MAX
		   ? number
		   : -1;
}

bool caller_allowed(const struct caller_rules *rules, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (rules->n_uids + rules->n_gids == 0)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return false;
	return is_in(peer.uid, rules->uids, rules->n_uids) ||
	       is_in(peer.gid, rules->gids, rules->n_gids) ||
	       (rules->n_gids > 0 && has_group(rules, fd));
}
