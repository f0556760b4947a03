// SPDX-License-Identifier: BSD-2-Clause
#include "conn_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "loop.h"

/* Whether a socket file stands there; never a connect: IPC daemons take every one for a client. */
static const char *presence(const struct address *a)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)&a->sa;
	struct stat st;

	if (!address_is_unix(a) || un->sun_path[0] == '\0')
		return "null";
	return stat(un->sun_path, &st) == 0 && S_ISSOCK(st.st_mode) ? "true" : "false";
}

static void format_dial(const struct dial_record *d, char *buf, size_t size)
{
	if (d->at == 0) {
		snprintf(buf, size, "null");
		return;
	}
	snprintf(buf, size, "{\"result\":\"%s\",\"age_seconds\":%lld}",
		 d->error ? strerror(d->error) : "connected", (long long)(loop_seconds() - d->at));
}

void status_endpoint(const struct endpoint *e, const struct dial_record *dial, bool address,
		     char out[STATUS_ENDPOINT])
{
	char at[ADDRESS_TEXT], escaped[ADDRESS_TEXT + 64], last[256];

	address_format(&e->address, at, sizeof(at));
	log_json_escape(escaped, sizeof(escaped), at, strlen(at));
	format_dial(dial, last, sizeof(last));
	snprintf(out, STATUS_ENDPOINT,
		 "{\"name\":\"%s\",\"kind\":\"%s\",%s%s%s\"present\":%s,\"last_dial\":%s}", e->name,
		 endpoint_kind_text(e->kind), address ? "\"address\":\"" : "",
		 address ? escaped : "", address ? "\"," : "", presence(&e->address), last);
}

/* 0 is no limit. */
static const char *limit_text(unsigned limit, char buf[8])
{
	snprintf(buf, 8, limit ? "%u" : "null", limit);
	return buf;
}

int status_socket(const struct status_view *v)
{
	char source[ADDRESS_TEXT], endpoint[STATUS_ENDPOINT], name[2 * KEYLINE_NAME], refusal[1024],
	    expires[40] = "null", limits[2][8], text[4096];
	const struct keyline *key = &v->entry->key;
	struct tm tm;
	int pair[2], n;

	if (key->expires != 0)
		strftime(expires, sizeof(expires), "\"%Y-%m-%dT%H:%M:%SZ\"",
			 gmtime_r(&key->expires, &tm));

	address_format_host(&v->source, source, sizeof(source));
	status_endpoint(v->entry->endpoint, v->dial, false, endpoint);
	log_json_escape(name, sizeof(name), v->entry->key.name, strlen(v->entry->key.name));
	log_json_escape(refusal, sizeof(refusal), v->last_refusal, strlen(v->last_refusal));
	n = snprintf(
	    text, sizeof(text),
	    "{\"version\":\"%s\",\"connection\":%u,"
	    "\"endpoint\":%s,"
	    "\"key\":{\"name\":\"%s\",\"fingerprint\":\"%s\",\"expires\":%s,"
	    "\"sessions\":%zu,\"max_sessions\":%s,\"channels\":%zu,\"max_channels\":%s},"
	    "\"source\":\"%s\",\"channels\":%zu,\"max_channels\":%zu,\"last_refusal\":%s%s%s}\n",
	    SSHIPC_VERSION, v->conn, endpoint, name, key->fingerprint, expires, v->key_sessions,
	    limit_text(key->max_sessions, limits[0]), v->key_channels,
	    limit_text(key->max_channels, limits[1]), source, v->channels, v->max_channels,
	    refusal[0] ? "\"" : "", refusal[0] ? refusal : "null", refusal[0] ? "\"" : "");
	if (n < 0 || (size_t)n >= sizeof(text)) {
		errno = EMSGSIZE;
		return -1;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
		return -1;
	/* It fits into the socket's buffer, so the whole answer is there before the reader is. */
	if (send(pair[1], text, (size_t)n, MSG_NOSIGNAL) != n) {
		close(pair[0]);
		pair[0] = -1;
	}
	close(pair[1]);
	return pair[0];
}
