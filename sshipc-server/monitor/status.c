// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called by opens.c and answers.c: what a key's owner, or an administrator,
 * may know of a session, as JSON.  Changes nothing, and connects to no endpoint.
 */
#include "conn.h"

#include <errno.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "access.h"
#include "loop.h"

/* Whether a socket file stands there, and the user who dials may connect to it; never a connect:
 * IPC daemons take every one for a client. */
static void put_presence(const struct monitor_view *view, const struct address *a,
			 struct evbuffer *out)
{
	static const char *const may[] = {"null", "false", "true"};
	const struct sockaddr_un *un = (const struct sockaddr_un *)&a->sa;
	const bool path = address_is_unix(a) && un->sun_path[0];
	struct stat st;
	const bool there = path && stat(un->sun_path, &st) == 0 && S_ISSOCK(st.st_mode);

	evbuffer_add_printf(out, ",\"present\":%s,\"accessible\":%s",
			    there  ? "true"
			    : path ? "false"
				   : "null",
			    may[there ? access_to(view->user, un->sun_path) : ACCESS_UNKNOWN]);
}

void status_put_text(struct evbuffer *out, const char *before, const char *name, const char *text)
{
	char escaped[6 * PATH_MAX];

	log_json_escape(escaped, sizeof(escaped), text, strlen(text));
	evbuffer_add_printf(out, *text ? "%s\"%s\":\"%s\"" : "%s\"%s\":null", before, name,
			    escaped);
}

void status_put_endpoint(const struct monitor_view *view, const struct endpoint *e, bool address,
			 struct evbuffer *out)
{
	const struct dial_record *d = &view->dials[e - view->settings->endpoints];
	char at[ADDRESS_TEXT];

	evbuffer_add_printf(out, "{\"name\":\"%s\",\"kind\":\"%s\"", e->name,
			    endpoint_kind_text(e->kind));
	if (address)
		status_put_text(out, ",", "address", address_format(&e->address, at, sizeof(at)));
	put_presence(view, &e->address, out);
	if (d->at)
		evbuffer_add_printf(out, ",\"last_dial\":{\"result\":\"%s\",\"age_seconds\":%lld}}",
				    d->error ? strerror(d->error) : "connected",
				    (long long)(loop_seconds() - d->at));
	else
		evbuffer_add_printf(out, ",\"last_dial\":null}");
}

/* 0 is no limit. */
static const char *limit_text(unsigned limit, char buf[8])
{
	snprintf(buf, 8, limit ? "%u" : "null", limit);
	return buf;
}

void status_put(const struct conn *c, const struct refusal *last_refusal, struct evbuffer *out)
{
	static const struct keyline no_more = {.max_sessions = 0};
	const struct keyline *k = c->entry ? &c->entry->key : &no_more;
	char source[ADDRESS_TEXT], expires[LOG_TIME] = "", limits[2][8];

	if (k->expires != 0)
		log_time(expires, k->expires);
	evbuffer_add_printf(
	    out,
	    "{\"version\":\"%s\",\"connection\":%" PRIu32
	    ",\"state\":\"%s\",\"channels\":%zu,\"max_channels\":%d,\"claimed_bytes_to_endpoint\":"
	    "%" PRIu64 ",\"claimed_bytes_from_endpoint\":%" PRIu64
	    ",\"age_seconds\":%lld,\"idle_seconds\":%lld,\"dial_timeout_seconds\":%d,\"endpoint\":",
	    SSHIPC_VERSION, c->id, c->state == CONN_UP ? "up" : "ending", c->n_channels,
	    c->view->settings->max_channels, c->to_endpoint, c->from_endpoint,
	    (long long)(loop_seconds() - c->since), (long long)(loop_seconds() - c->active),
	    c->view->settings->dial_timeout);
	status_put_endpoint(c->view, c->endpoint, false, out);
	status_put_text(out, ",\"key\":{", "name", c->use->name);
	status_put_text(out, ",", "fingerprint", c->use->fingerprint);
	status_put_text(out, ",", "expires", expires);
	evbuffer_add_printf(
	    out, ",\"sessions\":%zu,\"max_sessions\":%s,\"channels\":%zu,\"max_channels\":%s",
	    c->use->sessions, limit_text((unsigned)keyuse_most_sessions(c->view, k), limits[0]),
	    c->use->channels, limit_text(k->max_channels, limits[1]));
	status_put_text(out, "},", "source", address_format_host(&c->from, source, sizeof(source)));
	evbuffer_add_printf(out, ",\"source_port\":%u", address_port(&c->from));
	status_put_text(out, ",", "client", c->version);
	status_put_text(out, ",", "last_refusal", last_refusal->text);
	status_put_text(out, ",", "last_refusal_code", policy_code(last_refusal->verdict));
	evbuffer_add_printf(out, "}\n");
}

int status_socket(const struct conn *c)
{
	struct evbuffer *out;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
		return -1;
	out = evbuffer_new();
	/* Who asks on a connection of its own, as stock ssh does, means the one before. */
	status_put(c, c->last_refusal.text[0] ? &c->last_refusal : &c->use->last_refusal, out);
	/* It fits into the socket's buffer, so the whole answer is there before the reader is. */
	evbuffer_write(out, pair[1]);
	close(pair[1]);
	if (evbuffer_get_length(out) > 0) {
		close(pair[0]);
		pair[0] = -1;
		errno = EMSGSIZE;
	}
	evbuffer_free(out);
	return pair[0];
}
