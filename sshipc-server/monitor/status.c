// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by opens.c and answers.c: writes the state of a session, for its
 * key's owner or an administrator, as JSON.  Changes nothing, and connects to no endpoint: it
 * derives from modes and groups whether the dialler's user could connect.
 */
#include "conn.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "json.h"
#include "loop.h"

enum { SEARCH = 1, WRITE = 2 }; /* bits of a mode's last digit */

static enum access at(const struct launch_user *u, const char *path, mode_t wanted)
{
	struct stat st;
	unsigned shift = 0;

	if (stat(path, &st) != 0 || getxattr(path, "system.posix_acl_access", NULL, 0) > 0)
		return ACCESS_UNKNOWN;
	for (int i = 0; i < u->n_groups; i++) {
		if (u->groups[i] == st.st_gid)
			shift = 3;
	}
	if (st.st_uid == u->uid)
		shift = 6;
	return st.st_mode & (wanted << shift) ? ACCESS_YES : ACCESS_NO;
}

enum access access_to(const struct launch_user *user, const char *path)
{
	char real[PATH_MAX];
	enum access found;

	if (!user->demote) {
		if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0)
			return ACCESS_YES;
		return errno == EACCES ? ACCESS_NO : ACCESS_UNKNOWN;
	}
	if (user->n_groups < 0 || !realpath(path, real))
		return ACCESS_UNKNOWN;
	found = at(user, "/", SEARCH);
	for (char *p = real + 1; found == ACCESS_YES && (p = strchr(p, '/')); p++) {
		*p = '\0';
		found = at(user, real, SEARCH);
		*p = '/';
	}
	return found == ACCESS_YES ? at(user, real, WRITE) : found;
}

/* Whether the socket file exists, and the dialler's user may connect to it.  Never found out by a
 * connect: an IPC daemon takes each for a client. */
static void put_presence(const struct launch_user *user, const struct address *a,
			 struct json_out *o)
{
	static const char *const may[] = {"null", "false", "true"};
	const struct sockaddr_un *un = (const struct sockaddr_un *)&a->sa;
	const bool path = address_is_unix(a) && un->sun_path[0];
	struct stat st;
	const bool there = path && stat(un->sun_path, &st) == 0 && S_ISSOCK(st.st_mode);

	json_put(o, "present", "%s", there ? "true" : path ? "false" : "null");
	json_put(o, "accessible", "%s",
		 may[there ? access_to(user, un->sun_path) : ACCESS_UNKNOWN]);
}

static void put_dials(const struct dial_record *d, struct json_out *o)
{
	static const char *const results[DIAL_RESULTS] = {"connected", "refused", "absent",
							  "timeout", "other"};
	static const char *const ms[DIAL_BUCKETS] = {"1",    "5",     "20",  "100",
						     "1000", "10000", "more"};

	json_put(o, "dials", "{");
	for (int i = 0; i < DIAL_RESULTS; i++)
		json_put(o, results[i], "%" PRIu64, d->results[i]);
	json_close(o, '}');
	json_put(o, "connect_us", "%" PRIu64, d->us);
	json_put(o, "connect_ms", "{");
	for (int i = 0; i < DIAL_BUCKETS; i++)
		json_put(o, ms[i], "%" PRIu64, d->took[i]);
	json_close(o, '}');
}

/* 0 is no limit. */
static void put_limit(struct json_out *o, const char *name, size_t limit)
{
	json_put(o, name, limit ? "%zu" : "null", limit);
}

void status_put_endpoint(const struct monitor_view *view, const struct endpoint *e, size_t user,
			 const char *name, struct json_out *o)
{
	const struct dial_record *d = &view->dials[e - view->settings->endpoints];
	char at[ADDRESS_TEXT];

	json_put(o, name, "{");
	json_text(o, "name", e->name);
	json_text(o, "kind", endpoint_kinds[e->kind]);
	put_limit(o, "idle_timeout_seconds", (size_t)e->idle_timeout);
	if (!name)
		json_text(o, "address", address_format(&e->address, at, sizeof(at)));
	put_presence(&view->users[user], &e->address, o);
	if (d->at) {
		json_put(o, "last_dial", "{");
		json_text(o, "result", d->error ? strerror(d->error) : "connected");
		json_put(o, "age_seconds", "%lld", (long long)(loop_seconds() - d->at));
		json_close(o, '}');
	} else {
		json_text(o, "last_dial", NULL);
	}
	if (!name)
		put_dials(d, o);
	json_close(o, '}');
}

void status_put(const struct conn *c, const struct refusal *last_refusal, struct json_out *o)
{
	static const struct keyline no_more = {.max_sessions = 0};
	const struct keyline *k = c->entry ? &c->entry->key : &no_more;
	const char *code = policy_texts[last_refusal->verdict].code;
	char source[ADDRESS_TEXT], via[ADDRESS_TEXT], expires[LOG_TIME];

	json_put(o, NULL, "{");
	json_text(o, "version", SSHIPC_VERSION);
	json_put(o, "connection", "%" PRIu32, c->id);
	json_put(o, "generation", "%u", c->view->ops.generation);
	json_text(o, "state", c->state == CONN_UP ? "up" : "ending");
	json_put(o, "channels", "%zu", c->opens.count);
	json_put(o, "max_channels", "%d", c->view->settings->max_channels);
	json_put(o, "claimed_bytes_to_endpoint", "%" PRIu64, c->activity.to_endpoint);
	json_put(o, "claimed_bytes_from_endpoint", "%" PRIu64, c->activity.from_endpoint);
	json_put(o, "age_seconds", "%lld", (long long)(loop_seconds() - c->activity.since));
	json_put(o, "idle_seconds", "%lld", (long long)(loop_seconds() - c->activity.last));
	json_put(o, "dial_timeout_seconds", "%d", c->view->settings->dial_timeout);
	status_put_endpoint(c->view, c->endpoint, c->user, "endpoint", o);
	json_put(o, "key", "{");
	json_text(o, "name", c->use->name);
	json_text(o, "fingerprint", c->use->fingerprint);
	json_text(o, "connect_as", k->connect_as);
	json_text(o, "expires", k->expires ? log_time(expires, k->expires) : NULL);
	put_limit(o, "max_lifetime_seconds", keyuse_lifetime(c->view, k));
	put_limit(o, "idle_timeout_seconds", k->idle_timeout);
	json_put(o, "sessions", "%zu", keyuse_sessions(c->view, c->use));
	put_limit(o, "max_sessions", keyuse_most_sessions(c->view, k));
	json_put(o, "channels", "%zu", keyuse_channels(c));
	put_limit(o, "max_channels", k->max_channels);
	json_close(o, '}');
	json_text(o, "source", address_format_host(&c->from, source, sizeof(source)));
	json_put(o, "source_port", "%u", address_port(&c->from));
	json_text(o, "via", c->via.len ? address_format(&c->via, via, sizeof(via)) : NULL);
	json_text(o, "client", c->login.version);
	json_text(o, "last_refusal", last_refusal->text[0] ? last_refusal->text : NULL);
	json_text(o, "last_refusal_code", *code ? code : NULL);
	json_close(o, '}');
}

int status_socket(const struct conn *c)
{
	char text[STATUS_TEXT];
	struct json_out o = {text, sizeof(text), 0};
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
		return -1;
	/* A client that asks .status on a connection of its own, as stock ssh does, means its
	 * earlier session's refusal. */
	status_put(
	    c, c->opens.last_refusal.text[0] ? &c->opens.last_refusal : &c->use->last_refusal, &o);
	text[o.len++] = '\n';
	/* The answer fits into the socket's buffer, so this write never blocks. */
	if (write(pair[1], text, o.len) != (ssize_t)o.len) {
		close(pair[0]);
		pair[0] = -1;
		errno = EMSGSIZE;
	}
	close(pair[1]);
	return pair[0];
}
