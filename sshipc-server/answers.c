// SPDX-License-Identifier: BSD-2-Clause
#include "answers.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conn_internal.h"

#include "loop.h"

/* ,"name":"text", where an empty text is null.  before: "," or "{" ... */
static void put_text(struct evbuffer *out, const char *before, const char *name, const char *text)
{
	char escaped[6 * PATH_MAX];

	log_json_escape(escaped, sizeof(escaped), text, strlen(text));
	evbuffer_add_printf(out, *text ? "%s\"%s\":\"%s\"" : "%s\"%s\":null", before, name,
			    escaped);
}

static void put_session(struct evbuffer *out, const struct conn *c)
{
	struct conn_info i;
	char source[ADDRESS_TEXT];

	conn_info(c, &i);
	evbuffer_add_printf(out, "{\"connection\":%" PRIu32, i.id);
	put_text(out, ",\"key\":{", "name", i.key);
	put_text(out, ",", "fingerprint", i.fingerprint);
	put_text(out, "},", "source", address_format_host(&i.peer, source, sizeof(source)));
	evbuffer_add_printf(
	    out, ",\"source_port\":%u,\"endpoint\":{\"name\":\"%s\",\"kind\":\"%s\"}",
	    address_port(&i.peer), i.endpoint->name, endpoint_kind_text(i.endpoint->kind));
	evbuffer_add_printf(out,
			    ",\"channels\":%zu,\"max_channels\":%zu,\"claimed_bytes_to_endpoint\":"
			    "%" PRIu64 ",\"claimed_bytes_from_endpoint\":%" PRIu64,
			    i.channels, i.max_channels, i.to_endpoint, i.from_endpoint);
	evbuffer_add_printf(out, ",\"age_seconds\":%lld,\"idle_seconds\":%lld", (long long)i.age,
			    (long long)i.idle);
	put_text(out, ",", "client", i.client);
	put_text(out, ",", "last_refusal", i.last_refusal);
	evbuffer_add_printf(out, "}\n");
}

static void give_who(const struct monitor_view *view, struct evbuffer *out)
{
	size_t n = 0;

	/* What is too long is not sent; so no more of it needs to be made. */
	for (struct conn *c = conn_next(view, NULL);
	     c && evbuffer_get_length(out) <= CONTROL_ANSWER; c = conn_next(view, c), n++)
		put_session(out, c);
	evbuffer_add_printf(out, "{\"ok\":true,\"sessions\":%zu}\n", n);
}

/* A number is an id, and nothing else: a key so named is meant by its fingerprint. */
static bool is_meant(const struct conn *c, const char *whom)
{
	struct conn_info i;
	char id[16];

	conn_info(c, &i);
	snprintf(id, sizeof(id), "%" PRIu32, i.id);
	if (strspn(whom, "0123456789") == strlen(whom))
		return strcmp(whom, id) == 0;
	return strcmp(whom, i.key) == 0 || strcmp(whom, i.fingerprint) == 0;
}

static void give_kill(struct monitor_view *view, const struct control_request *r,
		      struct evbuffer *out)
{
	struct conn *c, *next;
	size_t n = 0;

	for (c = conn_next(view, NULL); c; c = next) {
		next = conn_next(view, c);
		if (!is_meant(c, r->whom))
			continue;
		put_session(out, c);
		conn_dismiss(c, r->uid);
		n++;
	}
	if (n > 0)
		evbuffer_add_printf(out, "{\"ok\":true,\"ended\":%zu}\n", n);
	else
		control_refuse(out, "no session has this id, key name or fingerprint");
}

static void give_reload(struct enforce *e, struct evbuffer *out)
{
	char summary[1024];

	if (enforce_reload(e, summary, sizeof(summary)) != 0) {
		control_refuse(out, summary);
		return;
	}
	put_text(out, "{\"ok\":true,", "summary", summary);
	evbuffer_add_printf(out, "}\n");
}

static void give_status(const struct monitor_view *view, const struct enforce *e,
			struct evbuffer *out)
{
	const struct settings *s = view->settings;
	char text[ADDRESS_TEXT], endpoint[STATUS_ENDPOINT], *path = realpath(s->allowlist, NULL);

	put_text(out, "{", "version", SSHIPC_VERSION);
	evbuffer_add_printf(out, ",\"uptime_seconds\":%lld,\"listen\":[",
			    (long long)(loop_seconds() - view->since));
	for (size_t i = 0; i < view->n_at; i++)
		evbuffer_add_printf(out, "%s\"%s\"", i ? "," : "",
				    address_format(&view->at[i], text, sizeof(text)));
	evbuffer_add_printf(out, "],\"sessions\":%zu,\"unauthenticated\":%zu", view->n_sessions,
			    sources_guests(view->sources));
	for (int i = 0; i < LIMITS; i++)
		evbuffer_add_printf(out, "%s\"%s\":%" PRIu64, i ? "," : ",\"limits\":{",
				    limit_name((enum limit)i), view->bitten[i]);
	put_text(out, "},", "allowlist", path ? path : s->allowlist);
	evbuffer_add_printf(out, ",\"keys\":%zu", allowlist_count(view->allowlist));
	put_text(out, ",", "fault", enforce_fault(e));
	evbuffer_add_printf(
	    out, ",\"pending\":%zu,\"pending_open\":%s", pending_count(view->pending),
	    s->pending_from.n > 0 && time(NULL) < s->pending_until ? "true" : "false");
	for (size_t i = 0; i < s->n_endpoints; i++) {
		status_endpoint(&s->endpoints[i], &view->dials[i], true, endpoint);
		evbuffer_add_printf(out, "%s%s", i ? "," : ",\"endpoints\":[", endpoint);
	}
	evbuffer_add_printf(out, "]}\n{\"ok\":true}\n");
	free(path);
}

static void give_pending(const struct monitor_view *view, struct evbuffer *out)
{
	char text[PENDING_TEXT];

	for (size_t i = 0; pending_json(view->pending, i, text); i++)
		evbuffer_add_printf(out, "%s\n", text);
	evbuffer_add_printf(out, "{\"ok\":true,\"pending\":%zu}\n", pending_count(view->pending));
}

void answers_give(struct monitor_view *view, struct enforce *e, const struct control_request *r,
		  struct evbuffer *out)
{
	switch (r->command) {
	case CONTROL_WHO:
		give_who(view, out);
		break;
	case CONTROL_KILL:
		give_kill(view, r, out);
		break;
	case CONTROL_RELOAD:
		give_reload(e, out);
		break;
	case CONTROL_STATUS:
		give_status(view, e, out);
		break;
	case CONTROL_PENDING:
		give_pending(view, out);
		break;
	}
}
